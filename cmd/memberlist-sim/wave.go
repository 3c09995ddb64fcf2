package main

import (
	"time"

	"github.com/seed-f61b0479/memberlist/internal/sim"
)

// wave is one piece of news on its way through the cluster.
type wave struct {
	began     time.Duration
	suspected time.Duration // when anybody had a suspicion; 0: nobody yet
	first     time.Duration // when the first of the audience knew; 0: nobody yet
	audience  map[*sim.Node]struct{}
	knows     map[*sim.Node]time.Duration
}

// waves is all of one kind, by the name or the text that they are about.
type waves struct {
	all    []*wave
	latest map[string]*wave
}

// begin starts a wave that the audience is waiting for.
func (w *waves) begin(now time.Duration, about string, audience []*sim.Node) {
	x := &wave{began: now, audience: make(map[*sim.Node]struct{}, len(audience)), knows: make(map[*sim.Node]time.Duration)}
	for _, n := range audience {
		x.audience[n] = struct{}{}
	}
	if w.latest == nil {
		w.latest = make(map[string]*wave)
	}
	w.all = append(w.all, x)
	w.latest[about] = x
}

// end has nothing count any more that is heard about somebody.
func (w *waves) end(about string) { delete(w.latest, about) }

// suspected notes that somebody has a suspicion.
func (w *waves) suspected(now time.Duration, about string) {
	if x := w.latest[about]; x != nil && x.suspected == 0 {
		x.suspected = now
	}
}

// heard notes that a node knows.
func (w *waves) heard(now time.Duration, about string, n *sim.Node) {
	x := w.latest[about]
	if x == nil {
		return
	}
	if _, waits := x.audience[n]; !waits {
		return
	}
	if _, again := x.knows[n]; again {
		return
	}
	x.knows[n] = now
	if x.first == 0 {
		x.first = now
	}
}

// last returns when the last of the audience knew; those that do not run any more do not count.
func (x *wave) last() (at time.Duration, all bool) {
	for n := range x.audience {
		when, knows := x.knows[n]
		if !knows && !n.Gone() {
			return 0, false
		}
		at = max(at, when)
	}
	return at, len(x.knows) > 0
}

// reach returns how long the waves took from their beginning to each node and to all.
func (w *waves) reach(what string) (each, all series) {
	each = series{name: what + " at a node", unit: seconds}
	all = series{name: what + " at all nodes", unit: seconds}
	for _, x := range w.all {
		for n := range x.audience {
			if at, ok := x.knows[n]; ok {
				each.add(at - x.began)
			} else if !n.Gone() {
				each.never++
			}
		}
		at, ok := x.last()
		all.addIf(ok, at-x.began)
	}
	return each, all
}

// detection returns how long it took until somebody suspected, and until somebody was sure.
func (w *waves) detection() (suspected, sure series) {
	suspected = series{name: "crash first suspected", unit: seconds}
	sure = series{name: "crash first declared", unit: seconds}
	for _, x := range w.all {
		suspected.addIf(x.suspected > 0, x.suspected-x.began)
		sure.addIf(x.first > 0, x.first-x.began)
	}
	return suspected, sure
}

// spread returns how long it took from the first who knew to each other.
func (w *waves) spread(what string) series {
	s := series{name: what, unit: seconds}
	for _, x := range w.all {
		for _, at := range x.knows {
			if at > x.first {
				s.add(at - x.first)
			}
		}
	}
	return s
}
