package swim

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// phase is how far a probe has come.
type phase uint8

const (
	idle     phase = iota // no probe is under way
	direct                // the target was pinged
	indirect              // others were asked, or a stream was tried: the last phase
)

// probe is the one probe that may be under way.
type probe struct {
	deadline
	phase       phase
	byStream    bool // an answer by stream is all that is asked for
	knocked     bool // the target answered by stream
	seq         uint32
	target      *member   // may be forgotten meanwhile
	who         *Identity // who the target was at the beginning
	incarnation uint32    // likewise, so that a failure accuses nobody who has refuted since
	began, end  instant
	asked       int // how many of the others were asked for a nack
	nacks       int // how many nacks came
	reclaim     *reclaim
}

// probeNext begins the next probe, unless one is still running: then this round is skipped.
func (m *Machine) probeNext() {
	// One whose time is over at this very moment must not cost the next one its turn.
	for m.probe.phase != idle && m.probe.end <= m.clock.now {
		m.probe.due(m)
	}
	if m.probe.phase != idle {
		return
	}
	if x, r := m.reclaims.next(m); x != nil {
		m.beginProbe(x, r)
		return
	}
	if x := m.table.nextToProbe(m.self, m.rand); x != nil {
		m.beginProbe(x, nil)
	}
}

// beginProbe pings a member.
func (m *Machine) beginProbe(x *member, r *reclaim) {
	now := m.clock.now
	m.probe = probe{
		phase:       direct,
		byStream:    m.params.ProbeByStream,
		seq:         m.nextSeq(),
		target:      x,
		who:         x.Identity,
		incarnation: x.incarnation,
		began:       now,
		end:         now.after(multiply(m.params.ProbeInterval, m.health.score+1, 1)),
		reclaim:     r,
	}
	p := &m.probe
	if p.byStream {
		m.knock()
		p.await(m, indirect, p.end)
		return
	}
	packet := Packet{To: x.target(), Body: m.ping(p.seq, x.Name)}
	if x.state == Suspect && !m.params.WithoutBuddy {
		packet.Extra = m.suspicionOf(x)
	}
	m.out.Packets = append(m.out.Packets, packet)
	p.await(m, direct, min(p.end, now.after(m.params.ProbeTimeout)))
}

// await sets the probe's phase and when it ends.
func (p *probe) await(m *Machine, ph phase, until instant) {
	p.phase = ph
	m.agenda.set(&p.deadline, p, until)
}

// due moves the probe to its next phase.
func (p *probe) due(m *Machine) {
	switch p.phase {
	case direct:
		p.extend(m)
		m.askOthers()
		p.await(m, indirect, p.end)
	case indirect:
		if p.knocked {
			m.tellOf(p.target, News{Kind: StreamOnly})
			m.probeAnswered()
			return
		}
		m.probeFailed()
	}
}

// extend gives the others all the time that they would have had, if we come so late ourselves
// that less than half of it is left: a machine that was stalled must not blame its peers.
func (p *probe) extend(m *Machine) {
	fair := time.Duration(p.end - min(p.end, p.began.after(m.params.ProbeTimeout)))
	if left := time.Duration(p.end - m.clock.now); left < fair/2 {
		p.end = m.clock.now.after(fair)
	}
}

// askOthers has a few others ping the target, and knocks at it by stream.
func (m *Machine) askOthers() {
	p := &m.probe
	var ip [16]byte
	for _, helper := range m.sample(m.params.IndirectChecks, p.target, isAlive) {
		ask := wire.IndirectPing{
			SeqNo:      p.seq,
			Target:     ipBytes(p.who.Addr.Addr(), &ip),
			Port:       p.who.Addr.Port(),
			Node:       p.who.Name,
			Nack:       understandsNack(helper.Versions),
			SourceAddr: m.selfIP,
			SourcePort: m.self.Addr.Port(),
			SourceNode: m.self.Name,
		}
		if ask.Nack {
			p.asked++
		}
		start := len(m.out.arena)
		m.out.arena = ask.Append(m.out.arena)
		m.out.Packets = append(m.out.Packets, Packet{To: helper.target(), Body: m.out.since(start)})
	}
	if !m.params.DisableStreamPings && understandsStreamPing(p.who.Versions) {
		m.knock()
	}
}

func isAlive(_ *Machine, x *member) bool { return x.state == Alive }

// knock asks for a ping by stream.
func (m *Machine) knock() {
	p := &m.probe
	m.out.Knocks = append(m.out.Knocks, Knock{
		Peer:  Peer{Name: p.who.Name, Addr: p.who.Addr},
		Seq:   p.seq,
		Until: m.clock.time(p.end),
	})
}

// probeAcked handles an ack, direct, late or relayed: either way the target lives.
func (m *Machine) probeAcked(at instant, payload []byte) {
	p := &m.probe
	rtt := m.clock.between(p.began, at)
	if p.phase == direct && rtt <= m.params.ProbeTimeout {
		m.tellOf(p.target, News{Kind: Pinged, RTT: rtt, Payload: bytes.Clone(payload)})
	}
	m.probeAnswered()
}

// probeKnocked handles the answer to a knock. Where datagrams are used, it decides at the end
// only: until then an ack may show that they do get through.
func (m *Machine) probeKnocked(seq uint32, ok bool) {
	p := &m.probe
	if p.phase != indirect || p.seq != seq || !ok {
		return
	}
	p.knocked = true
	if p.byStream {
		m.probeAnswered()
	}
}

// probeNacked counts a helper that got no answer but told us so: our own network works.
func (m *Machine) probeNacked() {
	m.probe.nacks = min(m.probe.nacks+1, m.probe.asked)
}

// probeAnswered ends the probe: the target lives.
func (m *Machine) probeAnswered() {
	p := m.endProbe()
	if p.reclaim != nil {
		m.upheld(&p)
		return
	}
	m.strain(-1)
	m.tellOf(p.target, News{Kind: ProbeDone, OK: true, RTT: m.clock.since(p.began)})
}

// probeFailed ends the probe: nobody got an answer from the target. Helpers that said nothing
// at all, not even nack, make us doubt ourselves.
func (m *Machine) probeFailed() {
	p := m.endProbe()
	if p.reclaim != nil {
		m.handOver(&p)
		return
	}
	doubts := 1
	if p.asked > 0 {
		doubts = p.asked - p.nacks
	}
	m.strain(doubts)
	m.tellOf(p.target, News{Kind: ProbeDone, RTT: m.clock.since(p.began)})
	if m.table.find(p.who.Name) != p.target || !sameAddress(p.target.Addr, p.who.Addr) {
		return // somebody else has that name now
	}
	m.hearSuspect(&wire.Suspect{Incarnation: p.incarnation, Node: p.who.Name, From: m.self.Name}, false)
}

// endProbe makes room for the next probe and returns the one that has ended.
func (m *Machine) endProbe() probe {
	m.agenda.clear(&m.probe.deadline)
	p := m.probe
	m.probe = probe{}
	return p
}

// ping encodes a ping of ours.
func (m *Machine) ping(seq uint32, node string) []byte {
	p := wire.Ping{
		SeqNo:      seq,
		Node:       node,
		SourceAddr: m.selfIP,
		SourcePort: m.self.Addr.Port(),
		SourceNode: m.self.Name,
	}
	start := len(m.out.arena)
	m.out.arena = p.Append(m.out.arena)
	return m.out.since(start)
}

// suspicionOf encodes that we suspect a member.
func (m *Machine) suspicionOf(x *member) []byte {
	s := wire.Suspect{Incarnation: x.incarnation, Node: x.Name, From: m.self.Name}
	start := len(m.out.arena)
	m.out.arena = s.Append(m.out.arena)
	return m.out.since(start)
}

// sendAck answers a ping; reply says where, bare whether rumours must stay at home.
func (m *Machine) sendAck(reply Target, bare bool, seq uint32, payload []byte) {
	a := wire.Ack{SeqNo: seq, Payload: payload}
	start := len(m.out.arena)
	m.out.arena = a.Append(m.out.arena)
	m.out.Packets = append(m.out.Packets, Packet{To: reply, Body: m.out.since(start), Bare: bare})
}

// selfBytes returns our address as pings state it.
func selfBytes(addr netip.AddrPort) []byte {
	var ip [16]byte
	return bytes.Clone(ipBytes(addr.Addr(), &ip))
}
