package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// streams holds the conversations: what is said over a connection, plain blocking Go with a
// deadline, one goroutine each. This file accepts and dials; exchange.go tells the full state.
type streams struct {
	conf      *Config
	transport NodeAwareTransport
	cluster   *cluster
	sender    *sender
	gate      *gate
	herald    *herald
	keyring   *Keyring
	calls     *running
	loops     *running
	rejoin    func(ctx context.Context) // makes a node that has left a member again
	log       *slog.Logger
	noise     *sampler
	metrics   *telemetry

	served  account // what conversations that others began hold now
	dialled account // what those hold that we began
	queued  account // what was read of messages that wait for room in the backlog
	backlog *backlog

	serving  chan struct{} // one slot for each conversation that others began
	answers  chan struct{} // one slot for each state exchange that others began
	refusing chan struct{} // one slot for each conversation that is told that we are too busy
	waiting  chan struct{} // one slot for each message that waits for room in the backlog
	syncing  chan struct{} // one slot: a periodic exchange of ours is under way

	spares spares
	stated atomic.Int64 // bytes of our state when it was last told

	abandoned  atomic.Int64 // dials under way that nobody waits for
	unanswered atomic.Int64 // questions to the application whose answers nobody waits for

	mu   sync.Mutex // a leaf
	open map[net.Conn]struct{}
	over bool // hangUp was called
}

const (
	// maxServed is how many streams of others are served at once; each may hold a socket for a whole
	// TCPTimeout.
	maxServed = 1024
	// maxExchanges is how many state exchanges of others are answered at once, as in every release
	// of the reference.
	maxExchanges = 127
	// maxRefusing is how many conversations are told at once that there are too many. Further ones are closed
	// without a word.
	maxRefusing = 64
	// refusePatience is how long such a one may take.
	refusePatience = time.Second
	// maxAbandoned is how many dials may be under way that nobody waits for any more. Only a transport
	// that ignores its timeouts has many.
	maxAbandoned = 1024
	// maxUnanswered is how many questions of exchanges may be with the application whose answers nobody waits
	// for any more. Only an application that blocks has many; until it answers, exchanges that ask it fail.
	maxUnanswered = 1024
)

var (
	errBusy         = errors.New("too busy, try another member")
	errWrongLabel   = errors.New("label is not ours")
	errUnexpected   = errors.New("unexpected message")
	errStreamMemory = errors.New("too much data on all streams together")
	errBacklog      = errors.New("the application takes nothing in")
	errDialsHang    = errors.New("the transport has too many dials under way that it should have given up")
)

// newStreams makes the conversations of a node whose other parts are there already.
func newStreams(m *Memberlist, noise *sampler) *streams {
	return &streams{
		conf: m.conf, transport: m.transport, cluster: m.cluster, sender: m.sender, gate: m.gate, herald: m.herald,
		keyring: m.conf.Keyring, calls: m.calls, loops: m.loops, rejoin: m.rejoin, log: m.log, noise: noise, metrics: m.metrics,
		serving: make(chan struct{}, maxServed), answers: make(chan struct{}, maxExchanges),
		served: account{limit: maxServedMemory}, dialled: account{limit: maxDialledMemory},
		queued: account{limit: maxQueuedMemory}, backlog: new(backlog), refusing: make(chan struct{}, maxRefusing), waiting: make(chan struct{}, maxQueued),
		syncing: make(chan struct{}, 1), open: make(map[net.Conn]struct{}),
	}
}

// accept serves what others begin until the node shuts down.
func (s *streams) accept() {
	incoming := s.transport.StreamCh()
	for {
		select {
		case conn := <-incoming:
			if conn == nil { // a transport closed its channel
				return
			}
			s.admit(conn)
		case <-s.loops.closing:
			return
		}
	}
}

func (s *streams) admit(conn net.Conn) {
	s.metrics.tcpAccept()
	select {
	case s.serving <- struct{}{}:
	default:
		s.metrics.drop("stream", "too many")
		s.refuse(conn)
		return
	}
	vacate := sync.OnceFunc(func() { <-s.serving })
	started := s.loops.start(func() {
		defer vacate()
		s.serve(conn, vacate)
	})
	if !started {
		vacate()
		conn.Close()
	}
}

// refuse tells whoever has begun one conversation too many that we are too busy.
func (s *streams) refuse(conn net.Conn) {
	select {
	case s.refusing <- struct{}{}:
	default:
		conn.Close()
		return
	}
	started := s.loops.start(func() {
		defer func() { <-s.refusing }()
		defer s.track(conn)()
		conn.SetDeadline(time.Now().Add(refusePatience))
		t := newTalk(s, conn, &s.served)
		defer t.free()
		if t.readLabel() == nil { // it has one of its own, which the answer is sealed with
			t.sayBusy()
		}
	})
	if !started {
		conn.Close()
	}
}

// serve answers one conversation that another node began. vacate gives its slot back.
func (s *streams) serve(conn net.Conn, vacate func()) {
	defer s.track(conn)()
	talk := newTalk(s, conn, &s.served)
	talk.vacate, talk.until = vacate, time.Now().Add(s.conf.TCPTimeout)
	conn.SetDeadline(talk.until)
	defer talk.free()
	if err := talk.answer(); err != nil {
		s.refused(conn, err)
	}
}

// refused counts a conversation that failed and now and then logs one.
func (s *streams) refused(conn net.Conn, err error) {
	layer, reason := causeOf(err)
	s.metrics.drop(layer, reason)
	s.noise.refused(reason, "a stream ended in error", conn.RemoteAddr(), err)
}

// track remembers a connection while it is in use, so that Shutdown can close it. One that comes later than
// that is closed at once.
func (s *streams) track(conn net.Conn) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		conn.Close()
		return func() {}
	}
	s.open[conn] = struct{}{}
	return func() {
		conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, conn)
	}
}

// hangUp closes every conversation, and those that come yet.
func (s *streams) hangUp() {
	s.mu.Lock()
	s.over = true
	conns := make([]net.Conn, 0, len(s.open))
	for c := range s.open {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// dial opens a conversation: it connects, and says our label. The returned function ends it.
// The conversation ends at the deadline of ctx, and when ctx is cancelled.
func (s *streams) dial(ctx context.Context, to Address) (*talk, func(), error) {
	deadline := time.Now().Add(s.conf.TCPTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	conn, err := s.connect(ctx, to, time.Until(deadline))
	if err != nil {
		cancel()
		return nil, nil, err
	}
	s.metrics.tcpConnect()
	untrack := s.track(conn)
	conn.SetDeadline(deadline)
	uncancel := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	t := newTalk(s, conn, &s.dialled)
	end := func() {
		uncancel()
		cancel()
		untrack()
		t.free()
	}
	return t, end, nil
}

// connect dials on a goroutine of its own, because a transport's DialTimeout cannot be cancelled, and one that
// is not ours may not even keep to its timeout.
func (s *streams) connect(ctx context.Context, to Address, limit time.Duration) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	if s.abandoned.Load() >= maxAbandoned {
		return nil, errDialsHang
	}
	dialled, gone := make(chan result), make(chan struct{})
	started := s.loops.start(func() {
		conn, err := s.transport.DialAddressTimeout(to, limit)
		select {
		case dialled <- result{conn, err}:
		case <-gone:
			s.abandoned.Add(-1)
			if conn != nil {
				conn.Close()
			}
		}
	})
	if !started {
		return nil, ErrShutdown
	}
	select {
	case r := <-dialled:
		return r.conn, r.err
	case <-ctx.Done():
		s.abandoned.Add(1)
		close(gone)
		return nil, ctx.Err()
	case <-s.loops.closing:
		s.abandoned.Add(1)
		close(gone)
		return nil, ErrShutdown
	}
}

// sendMessage sends a message for the other application. It returns when the bytes have been handed
// to the transport: nothing is acknowledged.
func (s *streams) sendMessage(ctx context.Context, to Address, body []byte) error {
	t, end, err := s.dial(ctx, to)
	if err != nil {
		return err
	}
	defer end()
	head := wire.UserHeader{UserMsgLen: len(body)}
	msg := append(head.Append(make([]byte, 0, len(body)+32)), body...)
	err = s.sender.writeStream(t.conn, t.label, msg, true)
	var unframed *wire.Error
	if errors.As(err, &unframed) {
		return fmt.Errorf("%w: %w", ErrMessageTooLarge, err) // the seal took it beyond what the other side reads
	}
	return cause(ctx, err)
}

// knock pings a member by stream and tells the machine how it went. Where streams are all that members are
// probed by, no setting switches them off: nothing else could tell whether the member lives.
func (s *streams) knock(k swim.Knock) {
	if f := s.conf.DisableTcpPingsForNode; f != nil && !s.conf.ProbeByStream {
		disabled := false
		if !s.calls.do(func() { disabled = f(k.Name) }) || disabled {
			return
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), k.Until)
	defer cancel()
	err := s.pingByStream(ctx, k)
	if err != nil {
		s.log.Debug("ping by stream failed", "member", k.Name, "error", err)
	}
	s.cluster.step(func(m *swim.Machine, now time.Time) { m.KnockDone(now, k.Seq, err == nil) })
}

func (s *streams) pingByStream(ctx context.Context, k swim.Knock) error {
	t, end, err := s.dial(ctx, addressOf(k.Peer))
	if err != nil {
		return err
	}
	defer end()
	ping := wire.Ping{SeqNo: k.Seq, Node: k.Name}
	s.cluster.sign(&ping)
	if err := s.sender.writeStream(t.conn, t.label, ping.Append(nil), true); err != nil {
		return err
	}
	kind, err := t.next(s.conf.GossipVerifyIncoming)
	if err != nil {
		return err
	}
	if kind != wire.TypeAck {
		return fmt.Errorf("%w of type %v", errUnexpected, kind)
	}
	var ack wire.Ack
	if err := t.in.Ack(&ack); err != nil {
		return err
	}
	if ack.SeqNo != k.Seq {
		return fmt.Errorf("ack of ping %d for ping %d", ack.SeqNo, k.Seq)
	}
	return nil
}

// cause prefers the reason why a context ended to the timeout that this made. A connection has the
// deadline of its context, and may notice it a moment before the context does.
func cause(ctx context.Context, err error) error {
	end, limited := ctx.Deadline()
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case limited && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(end):
		return context.DeadlineExceeded
	}
	return err
}
