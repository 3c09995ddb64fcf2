package main

import (
	"fmt"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/sim"
)

// scenario is something that happens to a cluster.
type scenario struct {
	name, says string
	alone      bool // there is no cluster before
	span       time.Duration
	victims    string  // how many by default
	rate       float64 // likewise
	play       func(t *trial)
	measure    func(t *trial, r *result)
}

var scenarios = []scenario{
	{name: "rest", says: "nothing happens: what the cluster costs", span: time.Minute, victims: "0", rate: 1,
		play: func(*trial) {}, measure: func(*trial, *result) {}},
	{name: "bootstrap", says: "all nodes start and join the first", alone: true, span: 2 * time.Minute, victims: "0", rate: 1,
		play: bootstrap, measure: (*trial).whole},
	{name: "failure", says: "-victims crash at once", span: time.Minute, victims: "1", rate: 1,
		play: failure, measure: (*trial).detection},
	{name: "update", says: "members change their meta, -rate in each second", span: time.Minute, victims: "0", rate: 1,
		play: update, measure: func(t *trial, r *result) { t.news(r, "update known") }},
	{name: "churn", says: "members crash, -rate in each second, and come back after -down", span: 2 * time.Minute, victims: "0", rate: 0.2,
		play: churn, measure: returns},
	{name: "restart", says: "-victims crash and come back after -down, their memory lost", span: time.Minute, victims: "1", rate: 1,
		play: restart, measure: returns},
	{name: "partition", says: "-victims are cut off from the others for -down", span: 3 * time.Minute, victims: "50%", rate: 1,
		play: partition, measure: (*trial).whole},
	{name: "lifeguard", says: "-victims pause for -ill, again and again, with -well between", span: 2 * time.Minute, victims: "8", rate: 1,
		play: lifeguard, measure: (*trial).paused},
	{name: "oneway", says: "-victims get no packets for -down, then all, again and again", span: 2 * time.Minute, victims: "1%", rate: 1,
		play: oneway, measure: func(*trial, *result) {}},
	{name: "loss80", says: "80 % of what -victims send is lost", span: 2 * time.Minute, victims: "1%", rate: 1,
		play: loss80, measure: func(*trial, *result) {}},
}

func scenarioNames() (names []string) {
	for i := range scenarios {
		names = append(names, scenarios[i].name)
	}
	return names
}

func bootstrap(t *trial) { t.sim.Bootstrap(t.nodes, t.over) }

// whole measures how long it took each node, since the beginning or the end of the partition, to know all.
func (t *trial) whole(r *result) {
	begin := t.zero
	if !t.scenario.alone {
		begin += t.down
	}
	each := series{name: "a node knows all", unit: seconds}
	all := series{name: "all nodes know all", unit: seconds}
	var last time.Duration
	for _, n := range t.sim.Running() {
		at, ok := t.reached[n]
		each.addIf(ok, max(0, at-begin))
		last = max(last, at-begin)
	}
	all.addIf(each.never == 0 && len(each.samples) == t.nodes, last)
	r.series = append(r.series, each, all)
}

func failure(t *trial) {
	victims := t.pick(t.task.victims)
	for _, n := range victims {
		n.Crash()
	}
	for _, n := range victims {
		t.deaths.begin(t.sim.Now(), n.Name, t.healthy())
	}
}

// detection measures how crashes became known.
func (t *trial) detection(r *result) {
	suspected, sure := t.deaths.detection()
	each, all := t.deaths.reach("crash known")
	r.series = append(r.series, suspected, sure, each, all, t.deaths.spread("from the first to another"))
}

// news measures how far and how fast claims came.
func (t *trial) news(r *result, what string) {
	each, all := t.claims.reach(what)
	r.series = append(r.series, each, all)
}

// returns measures how crashes, and the lives after them, became known.
func returns(t *trial, r *result) {
	t.detection(r)
	t.news(r, "new life known")
}

// active is the part of the run in which things happen; what happens later might not be known by all at its end.
const active = 0.75

// again has f called rate times a second as long as the run is young.
func (t *trial) again(f func(turn int)) {
	turn := 0
	t.sim.Every(time.Duration(float64(time.Second)/t.rate), func() bool {
		if float64(t.since()) > active*float64(t.span) {
			return false
		}
		turn++
		f(turn)
		return true
	})
}

func update(t *trial) {
	t.again(func(turn int) {
		meta := fmt.Appendf(nil, "%0*d", t.bytes, turn)
		who := t.pick(1) // nobody crashes here
		var others []*sim.Node
		for _, n := range t.healthy() {
			if n != who[0] {
				others = append(others, n)
			}
		}
		t.claims.begin(t.sim.Now(), string(meta), others)
		who[0].Update(meta)
	})
}

func churn(t *trial) {
	t.again(func(turn int) {
		for _, n := range t.pick(1) {
			t.crash(n, fmt.Sprint("life ", turn))
		}
	})
}

func restart(t *trial) {
	for i, n := range t.pick(t.task.victims) {
		t.crash(n, fmt.Sprint("life ", i))
	}
}

// crash ends a process and begins another life of its name later, which others know by its meta.
func (t *trial) crash(n *sim.Node, meta string) {
	n.Kill()
	t.deaths.begin(t.sim.Now(), n.Name, t.healthy())
	t.sim.After(t.down, func() {
		t.deaths.end(n.Name)
		others := t.healthy()
		if len(others) == 0 {
			return
		}
		t.claims.begin(t.sim.Now(), meta, others)
		t.join(t.sim.Restart(n, []byte(meta)))
	})
}

// rejoinPause is how long a node that did not get through waits before it tries another.
const rejoinPause = 2 * time.Second

// join has a node join others until it succeeds.
func (t *trial) join(n *sim.Node) {
	with := t.pick(2)
	if with[0] == n {
		with = with[1:]
	}
	if len(with) == 0 {
		return // it is the only one that runs
	}
	n.Join(with[0], func(ok bool) {
		if !ok {
			t.sim.After(rejoinPause, func() {
				if !n.Gone() {
					t.join(n)
				}
			})
		}
	})
}

func partition(t *trial) {
	for _, n := range t.pick(t.task.victims) {
		t.sick[n.Name] = true
		n.Partition(1)
	}
	t.sim.After(t.down, func() {
		t.sim.Heal()
		if t.rejoin > 0 {
			t.sim.After(t.rejoin, t.reunite)
		}
	})
}

// reunite has one node of those who were cut off join one of the others.
func (t *trial) reunite() {
	others := t.healthy()
	for _, n := range t.sim.Running() {
		if t.sick[n.Name] && len(others) > 0 {
			n.Join(others[t.dice.IntN(len(others))], nil)
			return
		}
	}
}

func oneway(t *trial) {
	for _, n := range t.pick(t.task.victims) {
		t.sick[n.Name] = true
		n.Flicker(sim.Links{LossIn: 1}, t.down)
	}
}

func loss80(t *trial) {
	for _, n := range t.pick(t.task.victims) {
		t.sick[n.Name] = true
		n.Links().LossOut = 0.8
	}
}
