package sim

import (
	"fmt"
	"slices"
	"time"
)

// mischief is one kind of thing that the swarm does to a cluster, or has users do.
type mischief struct {
	name string
	act  func(w *swarmer)
}

// allMischief is every kind.
var allMischief = []mischief{
	{"crash", (*swarmer).crash},
	{"restart", (*swarmer).restart},
	{"move", (*swarmer).move},
	{"leave", (*swarmer).leave},
	{"come back", (*swarmer).comeBack},
	{"newcomer", (*swarmer).oneMore},
	{"join storm", (*swarmer).joinStorm},
	{"join again", (*swarmer).joinAgain},
	{"hold", (*swarmer).hold},
	{"freeze", (*swarmer).freeze},
	{"partition", (*swarmer).partition},
	{"cut", (*swarmer).cutLine},
	{"bad line", (*swarmer).badLine},
	{"update", (*swarmer).update},
	{"tell", (*swarmer).tellUsers},
	{"remove", (*swarmer).remove},
	{"burst", (*swarmer).burst},
}

// chooseMischief draws which kinds happen in this run, some of them more often than others.
func (w *swarmer) chooseMischief() {
	w.pace = w.between(50*time.Millisecond, 3*time.Second)
	for _, m := range allMischief {
		if w.odds(0.4) {
			for range 1 + w.dice.IntN(4) {
				w.mischief = append(w.mischief, m)
			}
		}
	}
	for len(w.mischief) < 3 {
		w.mischief = append(w.mischief, allMischief[w.dice.IntN(len(allMischief))])
	}
}

// mischiefHappens does one thing and waits for the next.
func (w *swarmer) mischiefHappens() {
	if w.calm {
		return
	}
	w.acts++
	w.mischief[w.dice.IntN(len(w.mischief))].act(w)
	w.After(w.between(0, 2*w.pace), w.mischiefHappens)
}

// anyone draws a running node that can be spoken to, or returns nil.
func (w *swarmer) anyone(fit func(*Node) bool) *Node {
	fits := slices.DeleteFunc(w.Running(), func(n *Node) bool { return n.stalls.frozen || !fit(n) })
	if len(fits) == 0 {
		return nil
	}
	return fits[w.dice.IntN(len(fits))]
}

func isMember(n *Node) bool { return !n.machine.HasLeft() }
func hasLeft(n *Node) bool  { return n.machine.HasLeft() }

// crash ends a process, but for the last two.
func (w *swarmer) crash() {
	running := w.Running()
	if len(running) < 3 {
		return
	}
	n := running[w.dice.IntN(len(running))]
	if w.odds(0.5) {
		n.Kill()
	} else {
		n.Crash()
	}
}

// departed draws a node that is gone and whose name nobody bears now, or returns nil.
func (w *swarmer) departed() *Node {
	latest := make(map[string]*Node)
	for _, n := range w.Sim.nodes {
		latest[n.Name] = n
	}
	var gone []*Node
	for _, n := range w.Sim.nodes {
		if n.gone && latest[n.Name] == n && n.place().node == nil {
			gone = append(gone, n)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return gone[w.dice.IntN(len(gone))]
}

// restart crashes a node if none is gone, and begins another life of one that is, where it was.
func (w *swarmer) restart() {
	if old := w.departed(); old != nil {
		w.join(w.Restart(old, w.meta()))
		return
	}
	w.crash()
}

// move is restart at another address.
func (w *swarmer) move() {
	if old := w.departed(); old != nil {
		w.join(w.Move(old, w.meta()))
		return
	}
	w.crash()
}

// leave has a node leave; most end soon afterwards.
func (w *swarmer) leave() {
	n := w.anyone(isMember)
	if n == nil || len(w.Running()) < 3 {
		return
	}
	n.Leave()
	if w.odds(0.7) {
		w.After(w.between(0, 10*time.Second), func() {
			if !n.gone && n.machine.HasLeft() {
				n.Kill()
			}
		})
	}
}

// comeBack has a node that has left join again.
func (w *swarmer) comeBack() {
	if n := w.anyone(hasLeft); n != nil {
		w.join(n)
		return
	}
	w.leave()
}

// maxLives bounds how many nodes run at once.
const maxLives = 40

func (w *swarmer) oneMore() {
	if len(w.Running()) < maxLives {
		w.newcomer()
	}
}

// joinStorm starts many at once.
func (w *swarmer) joinStorm() {
	for range w.dice.IntN(8) {
		w.oneMore()
	}
}

func (w *swarmer) joinAgain() {
	if n := w.anyone(isMember); n != nil {
		w.join(n)
	}
}

// hold holds a few nodes for a while.
func (w *swarmer) hold() {
	for range 1 + w.dice.IntN(3) {
		if n := w.anyone(isMember); n != nil {
			n.Hold()
			w.After(w.between(100*time.Millisecond, 15*time.Second), n.Release)
		}
	}
}

// freeze freezes a few nodes for a while.
func (w *swarmer) freeze() {
	for range 1 + w.dice.IntN(3) {
		if n := w.anyone(func(*Node) bool { return true }); n != nil {
			n.Freeze()
			w.After(w.between(100*time.Millisecond, 20*time.Second), n.Thaw)
		}
	}
}

// partition splits the cluster into two or three for a while.
func (w *swarmer) partition() {
	sides := 2 + w.dice.IntN(2)
	for _, n := range w.Running() {
		n.Partition(w.dice.IntN(sides))
	}
	w.After(w.between(time.Second, 30*time.Second), w.Heal)
}

// cutLine cuts a few lines in one direction.
func (w *swarmer) cutLine() {
	for range 1 + w.dice.IntN(5) {
		from, to := w.anyone(isMember), w.anyone(isMember)
		if from == nil || to == nil || from == to {
			continue
		}
		w.Cut(from, to)
		w.After(w.between(time.Second, 20*time.Second), func() { w.Mend(from, to) })
	}
}

// badLine has one host lose most of what comes in, or of what goes out, now and then.
func (w *swarmer) badLine() {
	n := w.anyone(isMember)
	if n == nil {
		return
	}
	l := n.Links()
	if w.odds(0.5) {
		l.LossIn = w.dice.Float64()
	} else {
		l.LossOut = w.dice.Float64()
	}
	w.After(w.between(time.Second, 20*time.Second), func() { *l = Links{} })
}

func (w *swarmer) update() {
	if n := w.anyone(isMember); n != nil {
		n.Update(w.meta())
	}
}

// tellUsers has a user tell all others something.
func (w *swarmer) tellUsers() {
	if n := w.anyone(isMember); n != nil {
		n.Tell(fmt.Appendf(nil, "message %d %0*d", w.acts, 1+w.dice.IntN(200), 0))
	}
}

// remove has a node remove another by force, dead or alive.
func (w *swarmer) remove() {
	by := w.anyone(isMember)
	if by == nil {
		return
	}
	row := w.dice.IntN(by.machine.Len())
	for x := range by.machine.All {
		if row--; row < 0 {
			if x.Name != by.Name {
				by.Remove(x.Name)
			}
			return
		}
	}
}

// burst makes the whole network lose much for a moment.
func (w *swarmer) burst() {
	was := w.Network().Loss
	w.Network().Loss = w.dice.Float64()
	w.After(w.between(100*time.Millisecond, 5*time.Second), func() {
		if !w.calm {
			w.Network().Loss = was
		}
	})
}
