package sim

import (
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// stalls is what keeps a process from doing its work. Held, its messages wait in both directions
// while its timers run: the anomaly of the Lifeguard paper. Frozen, nothing runs at all, and the
// timers fire late when it goes on: a paused machine, a collector of garbage, a throttled group.
type stalls struct {
	held, frozen bool
	in           []happening // has arrived, not been read
	out          []departure // was sent, has not left
}

// departure is something on its way out of a node.
type departure interface {
	leave(s *Sim)
}

// depart lets something out, now or when the node is no longer held.
func (n *Node) depart(d departure) {
	if n.stalls.held {
		n.stalls.out = append(n.stalls.out, d)
		return
	}
	d.leave(n.sim)
}

// waits says whether what has arrived must wait, and then keeps it.
func (n *Node) waits(h happening) bool {
	if !n.stalls.held && !n.stalls.frozen {
		return false
	}
	n.stalls.in = append(n.stalls.in, h)
	return true
}

// Hold makes the node's messages wait, in both directions, until Release.
func (n *Node) Hold() {
	if n.gone || n.stalls.held {
		return
	}
	n.trace("is held")
	n.sim.faults[Held]++
	n.stalls.held = true
}

// Release lets the messages of a held node go: first those that were on their way out.
func (n *Node) Release() {
	if n.gone || !n.stalls.held {
		return
	}
	n.trace("is released")
	n.stalls.held = false
	out := n.stalls.out
	n.stalls.out = nil
	for _, d := range out {
		d.leave(n.sim)
	}
	n.catchUp()
}

// Freeze stops the node until Thaw.
func (n *Node) Freeze() {
	if n.gone || n.stalls.frozen {
		return
	}
	n.trace("is frozen")
	n.sim.faults[Frozen]++
	n.stalls.frozen = true
}

// Thaw lets a frozen node go on. It reads what has arrived before its timers fire, and as it finds
// that it is late, it listens for a moment longer, as the shell does.
func (n *Node) Thaw() {
	if n.gone || !n.stalls.frozen {
		return
	}
	n.trace("is thawed")
	n.stalls.frozen = false
	n.life.thawed = n.sim.now
	late := n.alarm.isSet && n.sim.now-n.alarm.rings > overslept
	n.alarm.isSet = late
	if late {
		n.alarm.ringAt(n.sim.now + overslept/5)
	}
	n.catchUp()
	n.alarm.set()
}

// overslept is how late a process must be to doubt its timers.
const overslept = 100 * time.Millisecond

// catchUp reads what has waited.
func (n *Node) catchUp() {
	if n.stalls.held || n.stalls.frozen {
		return
	}
	in := n.stalls.in
	n.stalls.in = nil
	for _, h := range in {
		h.happen(n.sim)
	}
}

// happen delivers the packet to whoever has the address now.
func (p *packet) happen(s *Sim) {
	n := s.hosts[p.to].node
	switch {
	case n == nil:
	case (n.stalls.held || n.stalls.frozen) && len(n.stalls.in) >= s.opt.Settings.Inbox:
		s.faults[Overflowed]++
	case n.waits(p):
		return
	default:
		n.hear(p)
	}
	s.spare(p)
}

// hear has the machine hear all that a packet says, in one step.
func (n *Node) hear(p *packet) {
	s := n.sim
	n.traffic.PacketsIn++
	n.traffic.BytesIn += len(p.buf)
	s.note(uint64(s.now))
	s.note(uint64(n.index))
	s.noteBytes(p.buf)
	var keys []*wire.Key
	if s.opt.Settings.Key != nil {
		keys = []*wire.Key{s.opt.Settings.Key}
	}
	opened, err := s.gear.opener.Open(p.buf, keys)
	if err != nil {
		s.violate(n, "", lawFrames, "%v", err)
		return
	}
	n.traceMessages(p.from, opened.Messages)
	n.traffic.Messages += len(opened.Messages)
	from := swim.Source{Peer: swim.Peer{Addr: s.hosts[p.from].addr}, Trusted: opened.Sealed}
	for i := range opened.Messages {
		if err := n.apply(&from, &opened.Messages[i]); err != nil {
			s.violate(n, "", lawFrames, "%v", err)
			return
		}
	}
	n.act()
}

// apply decodes one message and has the machine hear it.
func (n *Node) apply(from *swim.Source, msg *wire.Message) error {
	s := n.sim
	g, now := &s.gear, s.time()
	switch msg.Type {
	case wire.TypePing:
		if err := g.ping.Decode(msg.Body); err != nil {
			return err
		}
		n.machine.Ping(now, *from, &g.ping, nil)
	case wire.TypeIndirectPing:
		if err := g.ask.Decode(msg.Body); err != nil {
			return err
		}
		n.machine.IndirectPing(now, *from, &g.ask)
	case wire.TypeAck:
		if err := g.ack.Decode(msg.Body); err != nil {
			return err
		}
		n.machine.Ack(now, &g.ack)
	case wire.TypeNack:
		if err := g.nack.Decode(msg.Body); err != nil {
			return err
		}
		n.machine.Nack(now, &g.nack)
	case wire.TypeUser:
		n.read(msg.Body)
	default:
		return n.applyRumour(msg)
	}
	return nil
}

// applyRumour is apply for what is said about members.
func (n *Node) applyRumour(msg *wire.Message) error {
	s := n.sim
	g, now := &s.gear, s.time()
	switch msg.Type {
	case wire.TypeAlive:
		if err := g.alive.Decode(msg.Body); err != nil {
			return err
		}
		n.hearsAlive(g.alive.Node, g.alive.Incarnation, g.alive.Addr, g.alive.Port)
		if s.admits(n, &g.alive) {
			n.machine.Alive(now, &g.alive)
		}
	case wire.TypeSuspect:
		if err := g.suspect.Decode(msg.Body); err != nil {
			return err
		}
		n.hears(swim.Suspect, g.suspect.Node, g.suspect.Incarnation)
		if s.admits(n, &g.suspect) {
			n.machine.Suspect(now, &g.suspect)
		}
	case wire.TypeDead:
		if err := g.dead.Decode(msg.Body); err != nil {
			return err
		}
		state := swim.Dead
		if g.dead.From == g.dead.Node {
			state = swim.Left
		}
		n.hears(state, g.dead.Node, g.dead.Incarnation)
		if s.admits(n, &g.dead) {
			n.machine.Dead(now, &g.dead)
		}
	}
	return nil
}

// read takes a user message; one that is new is told on, as applications do.
func (n *Node) read(body []byte) {
	if _, known := n.heard[string(body)]; known {
		return
	}
	n.Tell(append([]byte(nil), body...))
}

// Tell has the node tell everybody a message of its user's.
func (n *Node) Tell(body []byte) {
	if n.heard == nil {
		n.heard = make(map[string]struct{})
	}
	n.heard[string(body)] = struct{}{}
	n.mail.issued++
	n.mail.add("", body)
}

// Heard says whether a message of some user has arrived.
func (n *Node) Heard(body string) bool {
	_, ok := n.heard[body]
	return ok
}
