package main

import (
	"maps"
	"slices"
	"time"
)

// frame is the cluster at one moment, as the plots show it.
type frame struct {
	At    float64  // seconds since the beginning of the scenario
	Sizes [][2]int // of the views: a size, and how many nodes have it
	Sick  [][2]int // the same of nodes with faults
	Mean  float64  // bytes that a node sent in a second since the frame before
	Most  float64  // the same, of the node that sent most
}

// frames is how many there are of one run.
const frames = 240

// watch takes a frame now and then.
func (t *trial) watch() {
	pause := t.span / frames
	sent := make(map[int]int)
	t.snap(pause, sent)
	t.sim.Every(pause, func() bool {
		t.frames = append(t.frames, t.snap(pause, sent))
		return t.since() < t.span
	})
}

// snap takes a frame. It keeps how much each node had sent in all.
func (t *trial) snap(pause time.Duration, sent map[int]int) frame {
	f := frame{At: t.since().Seconds()}
	well, sick := make(map[int]int), make(map[int]int)
	running := 0
	for i, n := range t.sim.Nodes() {
		x := n.Traffic()
		total := x.BytesOut + x.StreamBytes
		rate := float64(total-sent[i]) / pause.Seconds()
		sent[i] = total
		if n.Gone() {
			continue
		}
		running++
		f.Mean, f.Most = f.Mean+rate, max(f.Most, rate)
		if t.sick[n.Name] {
			sick[n.Machine().NumAlive()]++
		} else {
			well[n.Machine().NumAlive()]++
		}
	}
	f.Mean /= float64(max(1, running))
	f.Sizes, f.Sick = pairs(well), pairs(sick)
	return f
}

// pairs lists a count in order.
func pairs(count map[int]int) (list [][2]int) {
	for _, size := range slices.Sorted(maps.Keys(count)) {
		list = append(list, [2]int{size, count[size]})
	}
	return list
}
