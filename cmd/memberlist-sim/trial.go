package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/sim"
	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// task is one run to be made: a seed, and what differs from the plan.
type task struct {
	seed    uint64
	part    variant
	victims int
	ill     time.Duration
	well    time.Duration
	watched bool // samples are taken for the plots
}

// trial is one run under way.
type trial struct {
	*plan
	task task
	sim  *sim.Sim
	dice *rand.Rand
	zero time.Duration // when the scenario began
	on   bool          // what happens is counted

	sick   map[string]bool      // to whom the scenario does something while they run
	lives  map[string]*sim.Node // the latest of each name
	known  int                  // how many of the simulation's nodes are in lives
	before []sim.Traffic        // of each node at time zero

	deaths  waves // of members that have ended
	claims  waves // of what members say about themselves
	reached map[*sim.Node]time.Duration
	sizes   map[int]struct{} // of views, that anybody had
	tally   tally
	frames  []frame
}

// tally counts what happened in one run.
type tally struct {
	FalseAlarms  int // healthy members declared dead, by anybody
	FalseHealthy int // and that by healthy members
	SickDead     int // members with faults that still ran, declared dead
	SickEarly    int // and that though their pauses are shorter than the shortest suspicion
	Suspicions   int
	Refutations  int
	Changes      int // of views
	Sizes        int // different ones of a view
	Packets      int
	Messages     int
	Bytes        int // of packets
	Streams      int
	StreamBytes  int
	Apart        int // 1: in the end the views differ from what is
}

// together is how long a cluster may take to come together before the scenario.
const together = 10 * time.Minute

// start makes a simulation with the cluster that the scenario begins with.
func (p *plan) start(k task, tick func(now time.Duration)) (*trial, error) {
	t := &trial{
		plan: p, task: k, dice: rand.New(rand.NewPCG(k.seed, 1<<40)),
		sick: make(map[string]bool), lives: make(map[string]*sim.Node),
		reached: make(map[*sim.Node]time.Duration), sizes: make(map[int]struct{}),
	}
	network, settings := p.network, p.settings
	k.part.apply(&settings)
	if !p.scenario.alone {
		network.Loss = 0
	}
	t.sim = sim.New(sim.Options{Seed: k.seed, Settings: settings, Network: network, Hear: t.hear})
	t.sim.Every(time.Second, func() bool { tick(t.sim.Now()); return true })
	if p.scenario.alone {
		return t, nil
	}
	t.sim.Bootstrap(p.nodes, p.over)
	for t.sim.Now() < p.over || len(t.reached) < p.nodes {
		if t.sim.Now() > together {
			return nil, fmt.Errorf("seed %d: only %d of %d nodes know all others after %v", k.seed, len(t.reached), p.nodes, together)
		}
		if err := t.sim.Run(t.sim.Now() + time.Second); err != nil {
			return nil, err
		}
	}
	err := t.sim.Run(t.sim.Now() + p.settle)
	t.sim.Network().Loss = p.network.Loss
	return t, err
}

// play has the scenario happen.
func (t *trial) play() (*result, error) {
	t.zero, t.on = t.sim.Now(), true
	for _, n := range t.sim.Nodes() {
		t.before = append(t.before, n.Traffic())
	}
	if t.task.watched {
		t.watch()
	}
	t.scenario.play(t)
	if err := t.sim.Run(t.zero + t.span); err != nil {
		return nil, err
	}
	t.count()
	r := &result{task: t.task, tally: t.tally, frames: t.frames}
	t.scenario.measure(t, r)
	r.series = append(r.series, t.rates())
	return r, nil
}

// since returns how long the scenario has been going on.
func (t *trial) since() time.Duration { return t.sim.Now() - t.zero }

// count sums up what the whole run was.
func (t *trial) count() {
	for i, n := range t.sim.Nodes() {
		x := n.Traffic()
		if i < len(t.before) {
			b := t.before[i]
			x.PacketsOut -= b.PacketsOut
			x.BytesOut -= b.BytesOut
			x.Messages -= b.Messages
			x.Streams -= b.Streams
			x.StreamBytes -= b.StreamBytes
		}
		t.tally.Packets += x.PacketsOut
		t.tally.Bytes += x.BytesOut
		t.tally.Messages += x.Messages
		t.tally.Streams += x.Streams
		t.tally.StreamBytes += x.StreamBytes
	}
	t.tally.Sizes = len(t.sizes)
	if t.sim.Agreed() != nil {
		t.tally.Apart = 1
	}
}

// rates returns how many bytes each node has sent in a second, streams included.
func (t *trial) rates() series {
	s := series{name: "bytes sent by a node per second", unit: bytesPerSecond}
	for i, n := range t.sim.Nodes() {
		x := n.Traffic()
		sent := x.BytesOut + x.StreamBytes
		if i < len(t.before) {
			sent -= t.before[i].BytesOut + t.before[i].StreamBytes
		}
		s.samples = append(s.samples, float64(sent)/t.span.Seconds())
	}
	return s
}

// hear notes what a node tells its user.
func (t *trial) hear(n *sim.Node, x *swim.News) {
	switch x.Kind {
	case swim.Joined, swim.Updated:
		t.joined(n, x)
	case swim.Departed:
		t.departed(n, x)
	case swim.Suspected:
		if t.on {
			t.tally.Suspicions++
			t.deaths.suspected(t.sim.Now(), x.Member.Name)
		}
	case swim.Refuted:
		if t.on {
			t.tally.Refutations++
		}
	}
}

// joined notes that somebody is there, or says something else of itself.
func (t *trial) joined(n *sim.Node, x *swim.News) {
	if x.Kind == swim.Joined {
		t.sized(n)
		if _, whole := t.reached[n]; !whole && n.Machine().NumAlive() == t.nodes {
			t.reached[n] = t.sim.Now()
		}
	}
	if t.on {
		t.tally.Changes++
		t.claims.heard(t.sim.Now(), string(x.Member.Meta), n)
	}
}

// departed notes that a member has been declared dead, or has left.
func (t *trial) departed(n *sim.Node, x *swim.News) {
	delete(t.reached, n)
	t.sized(n)
	if !t.on {
		return
	}
	t.tally.Changes++
	name := x.Member.Name
	life := t.life(name)
	switch {
	case x.Member.State != swim.Dead || life == nil:
	case life.Gone():
	case t.sick[name]:
		t.tally.SickDead++
		if t.task.ill < t.shortest() {
			t.tally.SickEarly++
		}
	default:
		t.tally.FalseAlarms++
		if !t.sick[n.Name] {
			t.tally.FalseHealthy++
		}
	}
	t.deaths.heard(t.sim.Now(), name, n)
}

// sized notes the size of a node's view.
func (t *trial) sized(n *sim.Node) {
	if t.on {
		t.sizes[n.Machine().NumAlive()] = struct{}{}
	}
}

// life returns the latest life under a name.
func (t *trial) life(name string) *sim.Node {
	for all := t.sim.Nodes(); t.known < len(all); t.known++ {
		t.lives[all[t.known].Name] = all[t.known]
	}
	return t.lives[name]
}

// pick draws so many of the running nodes.
func (t *trial) pick(count int) []*sim.Node {
	all := t.sim.Running()
	t.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(count, len(all))]
}

// healthy returns the running nodes that the scenario does nothing to.
func (t *trial) healthy() (list []*sim.Node) {
	for _, n := range t.sim.Running() {
		if !t.sick[n.Name] {
			list = append(list, n)
		}
	}
	return list
}
