package memberlist

import (
	"net"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// receiver is the protocol lane: it takes packets, opens and decodes them, and has the machine apply them,
// a packet a step. There is one for each goroutine that brings packets: the one that takes them from the
// transport's channel, which rings the machine's deadlines in between, and each reader of a transport of
// our own. It waits for nothing foreign. What may wait has a lane of its own: claims that the Alive delegate
// judges, acks that carry the Ping delegate's payload, messages for the application.
type receiver struct {
	transport Transport
	cluster   *cluster
	keyring   *Keyring
	gate      *gate
	mail      *mail
	claims    *claims // nil without an Alive delegate
	acks      *acks   // nil without a Ping delegate
	noise     *sampler
	metrics   *telemetry
	trusting  bool // a stated source is believed even in plain text: see swim.Source
	queues    func(now time.Time)
	done      <-chan struct{}

	opener wire.Opener
	batch  batch
}

// batch is what one packet said, decoded, sorted by kind, with the order in which it was said.
// It is used again for the next packet. Everything in it aliases the packet.
type batch struct {
	order    []said
	pings    []wire.Ping
	relays   []wire.IndirectPing
	acks     []wire.Ack
	nacks    []wire.Nack
	alives   []wire.Alive
	suspects []wire.Suspect
	deads    []wire.Dead
	mail     [][]byte
}

// said names one message of a batch: its type and its place among those of its type.
type said struct {
	kind wire.Type
	at   int
}

// run serves the lane until the node shuts down.
func (r *receiver) run() {
	packets := r.transport.PacketCh()
	for {
		select {
		case p, open := <-packets:
			if !open { // a transport may close its channel when it shuts down
				packets = nil
				continue
			}
			r.packet(p)
		case <-r.cluster.alarm.C:
			r.ring(packets)
		case <-r.done:
			return
		}
	}
}

// ring lets deadlines pass, but hears first what was said before them: a process that stood still
// finds its timers and its inbox due at once, and must not accuse anybody whose answer lies there.
func (r *receiver) ring(packets <-chan *Packet) {
	if r.cluster.late() {
		r.hear(packets, overslept/5)
	}
	for range len(packets) {
		r.packet(<-packets)
	}
	r.cluster.tick()
	r.queues(time.Now())
}

// hear takes packets for a while, so that what still waits in the kernel can arrive.
func (r *receiver) hear(packets <-chan *Packet, d time.Duration) {
	until := time.NewTimer(d)
	defer until.Stop()
	for {
		select {
		case p := <-packets:
			r.packet(p)
		case <-until.C:
			return
		case <-r.done:
			return
		}
	}
}

// packet applies one packet.
func (r *receiver) packet(p *Packet) {
	if p == nil { // the channel was closed
		return
	}
	r.metrics.udpReceived(len(p.Buf))
	opened, err := r.opener.Open(p.Buf, r.keyring.keys())
	if err != nil {
		r.refuse(err, p.From)
	}
	if len(opened.Messages) == 0 {
		return
	}
	from := swim.Source{Peer: peerOf(p), Trusted: opened.Sealed || r.trusting}
	r.decode(opened.Messages, from, p.From)
	r.sort(from)
	if len(r.batch.order) > 0 {
		r.cluster.step(func(m *swim.Machine, now time.Time) { r.batch.apply(m, now, heardAt(p, now), from) })
	}
	r.deliver()
}

// decode fills the batch. A message that cannot be read costs nobody but itself.
func (r *receiver) decode(messages []wire.Message, from swim.Source, addr net.Addr) {
	r.batch.reset()
	for _, msg := range messages {
		if err := r.batch.add(msg); err != nil {
			r.refuse(err, addr)
		}
	}
	if len(r.batch.alives) > 0 && !r.gate.sourceAllowed(from.Addr.Addr()) {
		r.batch.dropAlives()
		r.metrics.drop("packet", "source not allowed")
	}
	r.onePing()
	r.metrics.heard(len(r.batch.alives), len(r.batch.suspects), len(r.batch.deads))
}

// onePing keeps the first ping of each kind. No node puts two into a packet, but each is answered: a packet
// full of them would be answered with many times its size, at an address that may be forged.
func (r *receiver) onePing() {
	b := &r.batch
	if len(b.pings) <= 1 && len(b.relays) <= 1 {
		return
	}
	r.metrics.drop("packet", "more than one ping")
	b.keep(func(s said) bool {
		return s.at == 0 || s.kind != wire.TypePing && s.kind != wire.TypeIndirectPing
	})
	b.pings, b.relays = b.pings[:min(1, len(b.pings))], b.relays[:min(1, len(b.relays))]
}

// sort takes out of the batch what other lanes must see first.
func (r *receiver) sort(from swim.Source) {
	if len(r.batch.alives) > 0 && r.gate.checks() {
		if r.claims != nil {
			r.claims.put(r.batch.alives, &r.batch.mail)
			r.batch.dropAlives()
		} else {
			r.batch.keep(func(s said) bool {
				return s.kind != wire.TypeAlive || r.gate.addressAllowed(&r.batch.alives[s.at])
			})
		}
	}
	if len(r.batch.pings) > 0 && r.acks != nil {
		r.batch.keep(func(s said) bool {
			return s.kind != wire.TypePing || !r.acks.put(&r.batch.pings[s.at], from)
		})
	}
}

// deliver hands the user messages of the packet on, behind the news of that packet.
func (r *receiver) deliver() {
	if len(r.batch.mail) > 0 {
		r.mail.put(r.batch.mail)
	}
}

// refuse counts what could not be used, and now and then logs one.
func (r *receiver) refuse(err error, from net.Addr) {
	layer, reason := causeOf(err)
	r.metrics.drop(layer, reason)
	r.noise.refused(reason, "dropped a packet", from, err)
}

// heardAt is when a packet came in, from which round trip times are computed: what it then waited for is not
// the network's. A transport may leave it out.
func heardAt(p *Packet, now time.Time) time.Time {
	if p.Timestamp.IsZero() {
		return now
	}
	return p.Timestamp
}

// peerOf names the source of a packet as the machine wants it.
func peerOf(p *Packet) swim.Peer {
	if p.source.IsValid() {
		return swim.Peer{Addr: p.source}
	}
	if ap := addrPortOf(p.From); ap.IsValid() {
		return swim.Peer{Addr: ap}
	}
	return swim.Peer{Opaque: addrText(p.From)}
}

func (b *batch) reset() {
	b.order = b.order[:0]
	b.pings, b.relays = b.pings[:0], b.relays[:0]
	b.acks, b.nacks = b.acks[:0], b.nacks[:0]
	b.alives, b.suspects, b.deads = b.alives[:0], b.suspects[:0], b.deads[:0]
	b.mail = b.mail[:0]
}

// add decodes one message into the batch.
func (b *batch) add(msg wire.Message) (err error) {
	at := 0
	switch msg.Type {
	case wire.TypePing:
		b.pings, at, err = next(b.pings, (*wire.Ping).Decode, msg.Body)
	case wire.TypeIndirectPing:
		b.relays, at, err = next(b.relays, (*wire.IndirectPing).Decode, msg.Body)
	case wire.TypeAck:
		b.acks, at, err = next(b.acks, (*wire.Ack).Decode, msg.Body)
	case wire.TypeNack:
		b.nacks, at, err = next(b.nacks, (*wire.Nack).Decode, msg.Body)
	case wire.TypeAlive:
		b.alives, at, err = next(b.alives, (*wire.Alive).Decode, msg.Body)
	case wire.TypeSuspect:
		b.suspects, at, err = next(b.suspects, (*wire.Suspect).Decode, msg.Body)
	case wire.TypeDead:
		b.deads, at, err = next(b.deads, (*wire.Dead).Decode, msg.Body)
	case wire.TypeUser:
		b.mail = append(b.mail, msg.Body)
		return nil
	}
	if err == nil {
		b.order = append(b.order, said{msg.Type, at})
	}
	return err
}

// next decodes a body into one more element of a list, which stays as it was when that fails.
func next[M any](list []M, decode func(*M, []byte) error, body []byte) ([]M, int, error) {
	n := len(list)
	var zero M
	list = append(list, zero)
	if err := decode(&list[n], body); err != nil {
		return list[:n], n, err
	}
	return list, n, nil
}

// keep takes all messages out of the order that do not fit.
func (b *batch) keep(fit func(said) bool) {
	kept := b.order[:0]
	for _, s := range b.order {
		if fit(s) {
			kept = append(kept, s)
		}
	}
	b.order = kept
}

// dropAlives takes all alive messages out of the batch.
func (b *batch) dropAlives() {
	b.keep(func(s said) bool { return s.kind != wire.TypeAlive })
	b.alives = b.alives[:0]
}

// apply has the machine hear the batch, in the order in which it was said.
func (b *batch) apply(m *swim.Machine, now, heard time.Time, from swim.Source) {
	for _, s := range b.order {
		switch s.kind {
		case wire.TypePing:
			m.Ping(now, from, &b.pings[s.at], nil)
		case wire.TypeIndirectPing:
			m.IndirectPing(now, from, &b.relays[s.at])
		case wire.TypeAck:
			m.AckAt(now, heard, &b.acks[s.at])
		case wire.TypeNack:
			m.Nack(now, &b.nacks[s.at])
		case wire.TypeAlive:
			m.Alive(now, &b.alives[s.at])
		case wire.TypeSuspect:
			m.Suspect(now, &b.suspects[s.at])
		case wire.TypeDead:
			m.Dead(now, &b.deads[s.at])
		}
	}
}
