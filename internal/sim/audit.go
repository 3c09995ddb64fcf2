package sim

import (
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// auditPeriod is how often every table is looked at as a whole.
const auditPeriod = time.Second

// happen audits all nodes.
func (j *judge) happen(s *Sim) {
	s.agenda.add(s.now+auditPeriod, j)
	for _, n := range s.nodes {
		if !n.gone && !n.stalls.frozen && s.now > n.life.thawed+auditPeriod {
			j.audit(n)
		}
	}
}

// audit judges a whole table. Nodes that were frozen are left alone until their late timers have
// fired.
func (j *judge) audit(n *Node) {
	s := j.sim
	alive, longest := 0, s.opt.Settings.longestSuspicion(len(j.owners))
	for row := range n.machine.All {
		if present(row.State) {
			alive++
		}
		if row.Name == n.Name {
			continue
		}
		j.row(n, row.Name)
		age := s.time().Sub(row.Since)
		switch {
		case row.State == swim.Suspect && age > longest:
			s.violate(n, row.Name, lawVerdict, "suspect for %v, longer than %v", age, longest)
		case !present(row.State) && age > s.opt.Settings.GossipToTheDeadTime:
			s.violate(n, row.Name, lawForget, "%v for %v", row.State, age)
		}
	}
	if alive != n.machine.NumAlive() {
		s.violate(n, "", lawCounts, "counts %d living members of %d", n.machine.NumAlive(), alive)
	}
	if n.machine.Len() > len(j.owners) {
		s.violate(n, "", lawBounds, "knows %d members of %d", n.machine.Len(), len(j.owners))
	}
	j.probing(n)
}

// probing judges whether a node goes on probing.
func (j *judge) probing(n *Node) {
	p := &j.sim.opt.Settings.Params
	if n.life.isAlone || p.ProbeInterval == 0 || p.ProbeByStream {
		return
	}
	longest := time.Duration(p.AwarenessMax+3) * p.ProbeInterval
	if idle := j.sim.now - max(n.life.probed, n.life.thawed, n.life.alone); idle > longest {
		j.sim.violate(n, "", lawProbing, "has sent no probe for %v", idle)
	}
}

// probes judges the pings that a node sends of its own accord: those of an alarm are probes.
func (j *judge) probes(n *Node, out *swim.Output) {
	if !n.life.ticking {
		return
	}
	for i := range out.Packets {
		if wire.Type(out.Packets[i].Body[0]) != wire.TypePing {
			continue
		}
		l := &n.life
		if gap := j.sim.now - l.probed; l.hasProbe && gap < j.sim.opt.Settings.ProbeInterval {
			j.sim.violate(n, "", lawOneProbe, "began a probe %v after another", gap)
		}
		l.probed, l.hasProbe, l.suspect = j.sim.now, true, out.Packets[i].To.Name
		row, _ := n.machine.Lookup(l.suspect)
		l.known = row.Incarnation
	}
}

// manyRings is how many alarms at one instant are taken for a spin.
const manyRings = 8

// deadline judges when a node wants to be woken.
func (j *judge) deadline(n *Node) {
	s, l := j.sim, &n.life
	at, ok := n.machine.Deadline()
	interval := s.opt.Settings.ProbeInterval
	if interval > 0 && (!ok || since(at) > s.now+interval) {
		s.violate(n, "", lawDeadline, "wants to be woken at %v (%v)", since(at), ok)
	}
	if !l.ticking {
		return
	}
	if l.rang != s.now {
		l.rang, l.rings = s.now, 0
	}
	if l.rings++; l.rings > manyRings || ok && since(at) <= s.now {
		s.violate(n, "", lawDeadline, "was woken and wants to be woken again at once")
	}
}

// queues judges what waits to be told.
func (j *judge) queues(n *Node) {
	for _, o := range []*outgoing{&n.rumours, &n.mail} {
		if waiting := o.issued - o.ended; int(waiting) != o.queue.Len() {
			j.sim.violate(n, "", lawOnce, "%d of %d have not ended, but %d wait", waiting, o.issued, o.queue.Len())
		}
	}
	if n.rumours.queue.Len() > len(j.owners) {
		j.sim.violate(n, "", lawBounds, "%d rumours wait about %d names", n.rumours.queue.Len(), len(j.owners))
	}
}

// ended judges the end of some of a node's broadcasts.
func (j *judge) ended(o *outgoing, ended []uint32) {
	for _, id := range ended {
		word, bit := int(id/64), uint64(1)<<(id%64)
		for word >= len(o.over) {
			o.over = append(o.over, 0)
		}
		if id >= o.added || o.over[word]&bit != 0 {
			j.sim.violate(o.node, "", lawOnce, "the broadcast number %d ended again", id)
		}
		o.over[word] |= bit
	}
}

// sent judges a packet.
func (j *judge) sent(n *Node, packet []byte) {
	if budget := j.sim.opt.Settings.PacketSize; len(packet) > budget {
		j.sim.violate(n, "", lawBudget, "sent %d bytes", len(packet))
	}
}
