package memnet

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// Conditions are the faults of a link, which is one direction between two nodes. The zero value has none.
type Conditions struct {
	Latency    time.Duration // what everything takes
	Jitter     time.Duration // what it may take besides, drawn evenly
	Loss       float64       // share of the datagrams that do not arrive
	Duplicate  float64       // share of the datagrams that arrive twice
	Refuse     float64       // share of the streams that are refused when they are opened
	BreakAfter int           // bytes after which a stream breaks; 0 is never
	Cut        bool          // nothing passes: datagrams are lost, streams wait
}

// delay draws what one thing takes.
func (c *Conditions) delay(r *rand.Rand) time.Duration {
	if c.Jitter <= 0 {
		return c.Latency
	}
	return c.Latency + time.Duration(r.Int64N(int64(c.Jitter)+1))
}

// weather is everything about a network that makes it worse than perfect.
type weather struct {
	bad    bool // something was set once; until then nobody needs to look
	all    Conditions
	links  map[way]*link    // made when they are first asked for
	groups map[string][]int // of the partition; nil without one
	paused map[string]bool
}

// way is a direction between two nodes, by name.
type way struct{ from, to string }

// link is one direction between two nodes, with chance of its own.
type link struct {
	Conditions
	rand    *rand.Rand
	seed    [2]uint64
	streams uint64 // how many were opened, ever
}

// chance returns another source of it, which is its own however many ask.
func (l *link) chance(nr uint64) *rand.Rand { return rand.New(rand.NewPCG(l.seed[0], l.seed[1]+nr)) }

// change makes the weather different, and lets everybody feel it.
func (n *Network) change(f func(w *weather)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather.bad = true
	f(&n.weather)
	for s := range n.streams {
		n.expose(s)
	}
	n.wake()
}

// SetAll sets the conditions of every link, those that are not used yet included.
func (n *Network) SetAll(c Conditions) {
	n.change(func(w *weather) {
		w.all = c
		for at, l := range w.links {
			if at.from != at.to {
				l.Conditions = c
			}
		}
	})
}

// Set sets the conditions of the link between two nodes, by name; they need not be attached.
func (n *Network) Set(from, to string, c Conditions) {
	n.change(func(*weather) { n.link(from, to).Conditions = c })
}

// Conditions returns what was set for a link.
func (n *Network) Conditions(from, to string) Conditions {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.link(from, to).Conditions
}

// Partition lets only those reach each other that share a group. Who is named in none is in one more, with all
// others of that kind. It replaces an earlier partition; without groups there is none.
func (n *Network) Partition(groups [][]string) {
	n.change(func(w *weather) {
		w.groups = nil
		for i, names := range groups {
			if w.groups == nil {
				w.groups = make(map[string][]int)
			}
			for _, name := range names {
				w.groups[name] = append(w.groups[name], i)
			}
		}
	})
}

// Pause keeps back what a node sends and what is sent to it, until Resume.
func (n *Network) Pause(name string) {
	n.change(func(w *weather) {
		if w.paused == nil {
			w.paused = make(map[string]bool)
		}
		w.paused[name] = true
	})
}

// Resume ends a pause: what was kept back goes its way.
func (n *Network) Resume(name string) {
	n.change(func(w *weather) {
		delete(w.paused, name)
		for _, p := range n.byAddr {
			if p.node != nil && p.name == name {
				p.node.release()
			}
		}
	})
}

// Break resets every stream between two nodes.
func (n *Network) Break(a, b string) {
	n.mu.Lock()
	var broken []*stream
	for s := range n.streams {
		if s.way == (way{a, b}) || s.way == (way{b, a}) {
			broken = append(broken, s)
		}
	}
	n.mu.Unlock()
	for _, s := range broken {
		s.reset()
	}
}

// link returns the link between two nodes. It is called with the mutex held.
func (n *Network) link(from, to string) *link {
	w := way{from, to}
	l := n.weather.links[w]
	if l == nil {
		h := fnv.New64a()
		h.Write([]byte(from + "\x00" + to))
		l = &link{seed: [2]uint64{n.Seed, h.Sum64()}}
		l.rand = l.chance(0)
		if from != to { // within one host the network has no say
			l.Conditions = n.weather.all
		}
		if n.weather.links == nil {
			n.weather.links = make(map[way]*link)
		}
		n.weather.links[w] = l
	}
	return l
}

// passes says whether anything gets from one node to another. It is called with the mutex held.
func (n *Network) passes(from, to string) bool {
	w := &n.weather
	if !w.bad {
		return true
	}
	return !n.link(from, to).Cut && w.together(from, to)
}

// together says whether the partition leaves two nodes on one side.
func (w *weather) together(a, b string) bool {
	if w.groups == nil || a == b {
		return true
	}
	of, with := w.groups[a], w.groups[b]
	if len(of) == 0 || len(with) == 0 {
		return len(of) == len(with)
	}
	return slices.ContainsFunc(of, func(group int) bool { return slices.Contains(with, group) })
}

// expose lets a stream feel the weather. It is called with the mutex held.
func (n *Network) expose(s *stream) {
	if n.weather.bad {
		n.exposeFlow(s.there, s.way)
		n.exposeFlow(s.back, way{s.way.to, s.way.from})
	}
}

func (n *Network) exposeFlow(f *flow, w way) {
	l, paused := n.link(w.from, w.to), n.weather.paused
	if f.rand == nil {
		l.streams++
		f.rand = l.chance(l.streams)
	}
	e := exposure{Conditions: l.Conditions, held: !n.passes(w.from, w.to) || paused[w.from], deaf: paused[w.to]}
	f.change(func() { f.expose(e) })
}
