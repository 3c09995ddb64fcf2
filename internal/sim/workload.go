package sim

import (
	"fmt"
	"time"
)

// Every has f called again and again, the first time after a pause, until it returns false.
func (s *Sim) Every(pause time.Duration, f func() (again bool)) {
	s.After(pause, func() {
		if f() {
			s.Every(pause, f)
		}
	})
}

// Bootstrap starts n nodes named node-0 and so on, spread evenly over some time, which all join the
// first. Whoever does not get through tries again every few seconds.
func (s *Sim) Bootstrap(n int, over time.Duration) {
	var seed *Node
	for i := range n {
		s.After(over*time.Duration(i)/time.Duration(n), func() {
			node := s.Start(fmt.Sprint("node-", i), nil)
			if seed == nil {
				seed = node
				return
			}
			node.persist(seed)
		})
	}
}

// joinAgain is how long a node that did not get through waits before it tries again.
const joinAgain = 2 * time.Second

// persist joins until it succeeds or the process ends.
func (n *Node) persist(with *Node) {
	n.Join(with, func(ok bool) {
		if !ok {
			n.sim.After(joinAgain, func() {
				if !n.gone {
					n.persist(with)
				}
			})
		}
	})
}

// Storm has random members change their meta, so many of them in each second, for ever; each meta
// has so many bytes.
func (s *Sim) Storm(rate float64, bytes int) {
	turn := 0
	s.Every(time.Duration(float64(time.Second)/rate), func() bool {
		turn++
		if n := s.anyMember(); n != nil {
			n.Update(fmt.Appendf(nil, "%0*d", bytes, turn))
		}
		return true
	})
}

// Murmur has random members tell all others something of their users', so many in each second.
func (s *Sim) Murmur(rate float64, bytes int) {
	turn := 0
	s.Every(time.Duration(float64(time.Second)/rate), func() bool {
		turn++
		if n := s.anyMember(); n != nil {
			n.Tell(fmt.Appendf(nil, "%0*d", bytes, turn))
		}
		return true
	})
}

// Churn has random members crash, one in every pause; each is started again after a while, under its
// name and at its address, with its memory lost, and joins another one.
func (s *Sim) Churn(pause, down time.Duration) {
	s.Every(pause, func() bool {
		n := s.anyMember()
		if n == nil {
			return true
		}
		n.Kill()
		s.After(down, func() {
			if with := s.anyMember(); with != nil {
				s.Restart(n, nil).persist(with)
			}
		})
		return true
	})
}

// Hiccup lets the node stall again and again: for a time, and then well for another time. It is held,
// or frozen.
func (n *Node) Hiccup(ill, well time.Duration, frozen bool) {
	stall, heal := n.Hold, n.Release
	if frozen {
		stall, heal = n.Freeze, n.Thaw
	}
	stall()
	n.sim.After(ill, func() {
		heal()
		n.sim.After(well, func() {
			if !n.gone {
				n.Hiccup(ill, well, frozen)
			}
		})
	})
}

// Flicker lets the lines of the node's host be bad for a time, and then good for as long, again and
// again.
func (n *Node) Flicker(bad Links, half time.Duration) {
	lines, isBad := n.Links(), false
	turn := func() bool {
		if isBad = !isBad; isBad {
			*lines = bad
		} else {
			*lines = Links{}
		}
		return !n.gone
	}
	turn()
	n.sim.Every(half, turn)
}

// anyMember draws a running node that can be spoken to and has not left, or returns nil.
func (s *Sim) anyMember() *Node {
	fit := func(n *Node) bool { return !n.gone && !n.stalls.frozen && !n.machine.HasLeft() }
	for range 8 {
		if len(s.nodes) == 0 {
			return nil
		}
		if n := s.nodes[s.choice.IntN(len(s.nodes))]; fit(n) {
			return n
		}
	}
	var fits []*Node
	for _, n := range s.nodes {
		if fit(n) {
			fits = append(fits, n)
		}
	}
	if len(fits) == 0 {
		return nil
	}
	return fits[s.choice.IntN(len(fits))]
}
