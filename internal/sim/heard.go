package sim

import (
	"net/netip"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// heard is a claim that a node has heard in this step. Its name belongs to the message.
type heard struct {
	state       swim.State // that it claims
	name        string
	incarnation uint32
	addr        netip.AddrPort // of a living one
}

// hears notes a claim for the judge.
func (n *Node) hears(state swim.State, name string, incarnation uint32) {
	if n.sim.judge != nil {
		n.life.heard = append(n.life.heard, heard{state: state, name: name, incarnation: incarnation})
	}
}

// hearsAlive notes that somebody is said to be alive.
func (n *Node) hearsAlive(name string, incarnation uint32, ip []byte, port uint16) {
	if n.sim.judge != nil {
		addr, _ := netip.AddrFromSlice(ip)
		n.life.heard = append(n.life.heard, heard{swim.Alive, name, incarnation, netip.AddrPortFrom(addr, port)})
	}
}

// hearsRow notes what one row of another table means here: its dead are only suspects.
func (n *Node) hearsRow(r *wire.Row) {
	switch state := swim.State(r.State); state {
	case swim.Alive:
		n.hearsAlive(r.Name, r.Incarnation, r.Addr, r.Port)
	case swim.Dead:
		n.hears(swim.Suspect, r.Name, r.Incarnation)
	default:
		n.hears(state, r.Name, r.Incarnation)
	}
}

// obeys judges whether what a node has heard in this step counts: at one incarnation dead beats
// suspect beats alive, and a higher one beats a lower one. It is asked of the table after the
// step, in no word of how the table came to be.
func (j *judge) obeys(n *Node) {
	for i := range n.life.heard {
		h := &n.life.heard[i]
		if h.name == n.Name {
			j.answers(n, h)
			continue
		}
		row, ok := n.machine.Lookup(h.name)
		m := n.life.rows[h.name]
		if !ok || m == nil || !m.seen || m.Addr != row.Addr {
			continue // new, or somebody else by now
		}
		var deaf bool
		switch h.state {
		case swim.Alive:
			deaf = h.addr == row.Addr && row.Incarnation < h.incarnation
		case swim.Suspect:
			deaf = row.State == swim.Alive && row.Incarnation <= h.incarnation
		default:
			deaf = row.Incarnation < h.incarnation || present(row.State) && row.Incarnation == h.incarnation ||
				h.state == swim.Left && row.State == swim.Dead && present(m.State) && n.life.heardOnce(h.name)
		}
		if deaf {
			j.sim.violate(n, h.name, lawHeard, "heard of %v %d, believes %v %d", h.state, h.incarnation, row.State, row.Incarnation)
		}
	}
	n.life.heard = n.life.heard[:0]
}

// heardOnce says whether there was one claim about a name in this step.
func (l *life) heardOnce(name string) bool {
	claims := 0
	for i := range l.heard {
		if l.heard[i].name == name {
			claims++
		}
	}
	return claims == 1
}

// answers judges what became of a claim about the node itself: it must not believe in more than it has
// reached, nor leave an accusation as it is. What another address claims is not about this node.
func (j *judge) answers(n *Node, h *heard) {
	self := n.machine.Self()
	if n.machine.HasLeft() || h.state == swim.Alive && h.addr != self.Addr {
		return
	}
	if self.Incarnation < h.incarnation || h.state != swim.Alive && self.Incarnation == h.incarnation {
		j.sim.violate(n, "", lawRefute, "heard that it is %v under %d, has %d", h.state, h.incarnation, self.Incarnation)
	}
}

// spreads judges whether what changes a view is told on, and that nobody talks to itself.
func (j *judge) spreads(n *Node, out *swim.Output) {
	for i := range out.News {
		x := &out.News[i]
		switch x.Kind {
		case swim.Joined, swim.Updated, swim.Departed, swim.Suspected, swim.Confirmed, swim.Recovered:
			if !told(out, x.Member.Name) {
				j.sim.violate(n, x.Member.Name, lawSpread, "%v, and not told on", x.Kind)
			}
		}
	}
	own := n.place().addr
	for i := range out.Packets {
		if p := &out.Packets[i]; p.To.Addr == own {
			j.sim.violate(n, "", lawAlone, "sends itself %s", spell(wire.Type(p.Body[0]), p.Body[1:]))
		}
	}
	for i := range out.Gossip {
		if out.Gossip[i].Addr == own {
			j.sim.violate(n, "", lawAlone, "gossips to itself")
		}
	}
	for i := range out.Syncs {
		if out.Syncs[i].Addr == own {
			j.sim.violate(n, "", lawAlone, "exchanges state with itself")
		}
	}
}

// told says whether a step broadcasts something about a member.
func told(out *swim.Output, name string) bool {
	for i := range out.Broadcasts {
		if out.Broadcasts[i].Name == name {
			return true
		}
	}
	return false
}
