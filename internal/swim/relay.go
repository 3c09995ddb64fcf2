package swim

import "github.com/seed-f61b0479/memberlist/internal/wire"

// maxRelays is how many pings for others may be under way. Each lasts for a ProbeTimeout;
// a healthy cluster of any size asks a node for a handful at a time, and more than this is
// somebody who wants us to ping the world.
const maxRelays = 512

// relay is a ping on behalf of another node.
type relay struct {
	deadline
	seq    uint32 // of our ping
	theirs uint32 // of the request
	reply  Target
	bare   bool
	nack   bool // they want to know that there was no answer
}

// relays are those under way.
type relays struct {
	bySeq map[uint32]*relay
}

// pingFor handles a request to ping a node for another.
func (m *Machine) pingFor(from *Source, p *wire.IndirectPing) {
	addr := m.params.address(p.Target, p.Port)
	if !addr.Addr().IsValid() {
		return
	}
	if len(m.relays.bySeq) >= maxRelays {
		m.ignore(p.Node, ReasonRelaysFull, nil)
		return
	}
	r := &relay{seq: m.nextSeq(), theirs: p.SeqNo, nack: p.Nack}
	r.reply, r.bare = m.replyTo(from, origin{p.SourceAddr, p.SourcePort, p.SourceNode})
	m.relays.bySeq[r.seq] = r
	m.agenda.set(&r.deadline, r, m.clock.now.after(m.params.ProbeTimeout))

	to, known := m.targetAt(p.Node, addr)
	m.out.Packets = append(m.out.Packets, Packet{
		To:   to,
		Body: m.ping(r.seq, p.Node),
		Bare: !known && !from.Trusted,
	})
}

// relayAcked passes an ack on, under the number that the request had.
func (m *Machine) relayAcked(r *relay) {
	m.agenda.clear(&r.deadline)
	delete(m.relays.bySeq, r.seq)
	m.sendAck(r.reply, r.bare, r.theirs, nil)
}

// due gives up: nobody has answered.
func (r *relay) due(m *Machine) {
	delete(m.relays.bySeq, r.seq)
	if !r.nack {
		return
	}
	n := wire.Nack{SeqNo: r.theirs}
	start := len(m.out.arena)
	m.out.arena = n.Append(m.out.arena)
	m.out.Packets = append(m.out.Packets, Packet{To: r.reply, Body: m.out.since(start), Bare: r.bare})
}
