package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Memberlist is one node of a cluster: it knows who is a member, tells others that it is one, and
// finds out who has failed. Create makes one, Join brings it into a cluster, Leave and Shutdown end it.
//
// All methods are safe for concurrent use, and may be called from every delegate method, except that
// Join, Leave, UpdateNode, UpdateMeta and Shutdown (with all their variants) must not be awaited inside an
// event callback (NotifyJoin, NotifyLeave, NotifyUpdate, NotifyConflict, NotifyPingComplete): they return after
// the news that they cause has been told, and would wait for themselves. After Shutdown what can fail returns
// ErrShutdown, and what cannot answers from what was known last.
type Memberlist struct {
	conf      *Config // ours: a copy with the defaults filled in
	cluster   *cluster
	gate      *gate
	herald    *herald
	sender    *sender
	streams   *streams
	receiver  receiver  // the pattern of which each goroutine that brings packets has its own
	userdata  *userdata // nil without a Delegate
	pings     *pings
	resolver  *resolver
	transport NodeAwareTransport
	log       *slog.Logger
	metrics   *telemetry

	calls *running               // the application's methods under way
	loops *running               // our goroutines
	meta  atomic.Pointer[[]byte] // what UpdateMeta or Config.Meta set; nil: Delegate.NodeMeta is asked
}

// shutdownPatience is how long Shutdown waits for callbacks that are under way. It is bounded because
// applications hold locks across it that their own callbacks want.
const shutdownPatience = time.Second

// Create starts a node: it is a member of a cluster of its own until it joins another. In this order it
// asks Delegate.NodeMeta and AliveDelegate.NotifyAlive about the node itself and tells
// EventDelegate.NotifyJoin of it, all before it returns.
//
// The configuration is copied, and must not be shared with another node that runs at the same time
// if it names a Transport. Create writes into conf only what the caller cannot know: Keyring, made from
// SecretKey or extended by it, and for BindPort 0 the BindPort and AdvertisePort that were chosen.
// It refuses what Validate calls wrong only where the node could not work: see there. When it fails, conf and its
// key ring are as they were.
//
// Errors: ErrMetaTooLarge, those of the transport, and faults of the configuration, joined. A veto of the
// Alive delegate is none; see there.
func Create(conf *Config) (*Memberlist, error) {
	if conf == nil {
		return nil, errors.New("create: no configuration is given: start from DefaultLANConfig")
	}
	if err := conf.refusal(); err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	port, advertised := conf.BindPort, conf.AdvertisePort
	m, err := create(conf)
	if err != nil {
		conf.BindPort, conf.AdvertisePort = port, advertised
		return nil, fmt.Errorf("create: %w", err)
	}
	return m, nil
}

// create is Create without its tidying up. Nothing fails after the caller's key ring has been touched.
func create(conf *Config) (*Memberlist, error) {
	log := newLogger(conf)
	transport, err := transportOf(conf, log)
	if err != nil {
		return nil, err
	}
	filled := conf.withDefaults()
	if conf.Ping != nil {
		filled.Ping = replaceable{conf}
	}
	if filled.Keyring == nil && len(conf.SecretKey) > 0 {
		filled.Keyring = new(Keyring)
	}
	m := assemble(filled, transport, log)
	self, err := m.identity()
	if err == nil && len(conf.SecretKey) > 0 {
		err = filled.Keyring.adopt(conf.SecretKey)
	}
	if err != nil {
		m.Shutdown()
		return nil, err
	}
	conf.Keyring = filled.Keyring
	m.start(self)
	return m, nil
}

// transportOf is the configured transport, or one over UDP and TCP.
func transportOf(conf *Config, log *slog.Logger) (Transport, error) {
	if conf.Transport != nil {
		return conf.Transport, nil
	}
	t, err := NewNetTransport(&NetTransportConfig{
		BindAddrs: []string{conf.BindAddr}, BindPort: conf.BindPort,
		Logger: printLogger(log), MetricLabels: conf.MetricLabels,
	})
	if err != nil {
		return nil, err
	}
	if conf.BindPort == 0 {
		conf.BindPort = t.GetAutoBindPort()
		conf.AdvertisePort = conf.BindPort
	}
	return t, nil
}

// assemble makes the parts of a node and connects them. Nothing runs yet.
func assemble(conf *Config, transport Transport, log *slog.Logger) *Memberlist {
	m := &Memberlist{
		conf: conf, transport: nodeAware(transport), log: log,
		metrics: newTelemetry(conf.MetricLabels),
		calls:   newRunning(), loops: newRunning(),
		pings: newPings(), resolver: newResolver(conf, log),
	}
	if conf.Meta != nil {
		m.meta.Store(&conf.Meta)
	}
	noise := newSampler(log)
	own, _ := transport.(*NetTransport)
	if own != nil {
		conf.UDPBufferSize = min(conf.UDPBufferSize, maxPacket) // more than that no datagram carries
	}
	m.herald = newHerald(conf, m.calls, noise, m.metrics)
	rumours := &TransmitLimitedQueue{RetransmitMult: conf.RetransmitMult, rumours: true}
	m.cluster = newCluster(params(conf), rumours, m.herald)
	rumours.NumNodes = func() int { return int(m.cluster.size.Load()) }
	m.cluster.act, m.cluster.metrics = m.act, m.metrics
	m.cluster.asks, m.cluster.suspects = conf.Delegate != nil, conf.ReportSuspects
	m.gate = newGate(conf, m.calls, m.metrics)
	m.sender = &sender{
		conf: conf, transport: m.transport, keyring: conf.Keyring, rumours: rumours.source(),
		staged: newStaged(conf), noise: noise, metrics: m.metrics,
		outbox: newOutbox(m.transport, m.loops, noise, m.metrics),
	}
	if own != nil {
		m.sender.direct = own
	}
	m.cluster.longest = m.sender.longestRumour()
	m.streams = newStreams(m, noise)
	m.receiver = receiver{
		transport: transport, cluster: m.cluster, keyring: conf.Keyring, gate: m.gate,
		noise: noise, metrics: m.metrics, trusting: own == nil || conf.RequireNodeNames,
		queues: m.gauges(), done: m.loops.closing,
		opener: wire.Opener{
			Label: conf.Label, SkipLabel: conf.SkipInboundLabelCheck, Verify: conf.GossipVerifyIncoming,
			MaxInflated: max(64<<10, conf.UDPBufferSize),
		},
	}
	return m
}

// params is what the machine needs to know of the configuration.
func params(conf *Config) swim.Params {
	return swim.Params{
		Name: conf.Name, FirstSeq: rand.Uint32(),
		ProbeInterval: conf.ProbeInterval, ProbeTimeout: conf.ProbeTimeout,
		IndirectChecks: conf.IndirectChecks, ProbeByStream: conf.ProbeByStream, DisableStreamPings: conf.DisableTcpPings,
		SuspicionMult: conf.SuspicionMult, SuspicionMaxTimeoutMult: conf.SuspicionMaxTimeoutMult,
		AwarenessMax:   conf.AwarenessMaxMultiplier,
		GossipInterval: conf.GossipInterval, GossipNodes: conf.GossipNodes, GossipToTheDeadTime: conf.GossipToTheDeadTime,
		PushPullInterval: conf.PushPullInterval, DeadNodeReclaimTime: conf.DeadNodeReclaimTime,
		ReclaimUnreachable: conf.ReclaimUnreachable,
		BindPort:           uint16(conf.BindPort), PortFixed: conf.ProtocolVersion == 1,
	}
}

// start brings the node to life: the loops run, and it has told its application of itself.
func (m *Memberlist) start(self swim.Identity) {
	m.loops.start(m.herald.run)
	m.startLanes()
	admitted := m.admitted(context.Background(), &self)
	m.cluster.step(func(c *swim.Machine, now time.Time) {
		if admitted {
			c.Start(now, self)
		} else {
			c.Watch(now, self)
		}
	})
	m.herald.settle(context.Background())
	if own, ok := m.transport.(*NetTransport); ok {
		own.handleDirectly(func() func(*Packet) { return m.newReceiver().packet })
	}
	m.loops.start(m.newReceiver().run)
	m.loops.start(m.streams.accept)
}

// newReceiver makes a receiver for one more goroutine that brings packets.
func (m *Memberlist) newReceiver() *receiver {
	r := m.receiver
	return &r
}

// startLanes starts what may block in the application or in a transport of its own.
func (m *Memberlist) startLanes() {
	r := &m.receiver
	if d := m.conf.Delegate; d != nil {
		r.mail = newMail(d, m.conf.HandoffQueueDepth, m.herald, m.calls, m.metrics)
		m.loops.start(r.mail.run)
		m.userdata = newUserdata(d, m.sender, m.calls, m.metrics)
		m.loops.start(m.userdata.run)
	}
	if m.conf.Alive != nil {
		r.claims = newClaims(m.gate, m.cluster, r.mail, m.conf.HandoffQueueDepth, m.metrics)
		m.loops.start(r.claims.run)
	}
	if m.conf.Ping != nil {
		r.acks = newAcks(m.conf, m.cluster, m.calls, m.metrics)
		m.loops.start(r.acks.run)
		m.loops.start(r.acks.ask)
	}
}

// identity is who this node will say it is.
func (m *Memberlist) identity() (swim.Identity, error) {
	ip, port, err := m.transport.FinalAdvertiseAddr(m.conf.AdvertiseAddr, m.conf.AdvertisePort)
	if err != nil {
		return swim.Identity{}, fmt.Errorf("address to advertise: %w", err)
	}
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || port < 0 || port > 65535 {
		return swim.Identity{}, fmt.Errorf("address to advertise: %v port %d is not an address", ip, port)
	}
	if !m.conf.EncryptionEnabled() && len(m.conf.SecretKey) == 0 && !addr.Unmap().IsPrivate() && !addr.Unmap().IsLoopback() {
		m.log.Warn("advertising a public address without encryption", "address", addr.String())
	}
	meta, err := m.nodeMeta()
	if err != nil {
		return swim.Identity{}, err
	}
	v, _ := wire.ParseVersions(m.conf.BuildVsnArray())
	self := swim.Identity{Name: m.conf.Name, Addr: netip.AddrPortFrom(addr, uint16(port)), Meta: meta, Versions: v}
	return self, m.fits(&self)
}

// fits reports whether a claim about ourselves can travel: it must fit into a packet.
func (m *Memberlist) fits(self *swim.Identity) error {
	claim := wire.Alive{
		Incarnation: 1<<32 - 1, Node: self.Name, Addr: self.Addr.Addr().AsSlice(), Port: 65535,
		Meta: self.Meta, Vsn: m.conf.BuildVsnArray(),
	}
	if size, room := len(claim.Append(nil)), m.sender.longestRumour(); size > room {
		return fmt.Errorf("%w: the claim about ourselves takes %d bytes, a packet carries %d", ErrMetaTooLarge, size, room)
	}
	return nil
}

// act carries out what a step asked for.
func (m *Memberlist) act(out *swim.Output) {
	for i := range out.Packets {
		m.sender.send(&out.Packets[i])
	}
	if len(out.Gossip) > 0 {
		m.spread(out.Gossip)
	}
	for _, k := range out.Knocks {
		m.loops.start(func() { m.streams.knock(k) })
	}
	for _, with := range out.Syncs {
		m.streams.sync(with)
	}
	for _, a := range out.Answers {
		m.pings.answer(a)
	}
	if len(out.News) > 0 {
		m.herald.nudge()
		m.herald.record(out.News)
	}
}

// spread sends the packets of a gossip tick, with user data if the application can be asked now.
func (m *Memberlist) spread(targets []swim.Target) {
	if m.userdata.offer(targets) {
		return
	}
	begun := time.Now()
	for _, to := range targets {
		m.sender.gossip(to, m.sender.staged)
	}
	m.metrics.gossip(time.Since(begun))
}

// Shutdown ends the node at once, without telling the cluster, which will take it for dead: Leave first to
// be missed by nobody. No callback starts afterwards; those under way are given a second to return.
// All goroutines and timers of the node end, except one that stands in a callback that never returns.
// A second call returns nil at once.
func (m *Memberlist) Shutdown() error {
	if !m.calls.close() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	limit := ctx.Done()
	m.cluster.halt()
	m.loops.close()
	m.streams.hangUp() // first, since a transport may wait for its connections
	err := m.closeTransport(limit)
	m.calls.wait(limit)
	m.loops.wait(limit)
	m.cluster.rumours.Reset()
	m.metrics.flushWithin(limit)
	settleLog(m.log, limit)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("shutdown: %w", err)
	}
	return nil
}

// closeTransport shuts the transport down and waits for that until limit is closed: a transport of somebody
// else's may hang.
func (m *Memberlist) closeTransport(limit <-chan struct{}) error {
	done := make(chan error, 1)
	go func() { done <- m.transport.Shutdown() }()
	select {
	case err := <-done:
		return err
	case <-limit:
		return errTransportHangs
	}
}

var errTransportHangs = errors.New("the transport does not shut down")
