package sim

import "time"

// happening is something that waits for its time: a packet under way, an alarm, a script's step.
type happening interface {
	happen(s *Sim)
}

// event is one entry of the agenda. Entries are values, so that the agenda allocates nothing.
type event struct {
	at   time.Duration // since the beginning
	tie  uint64        // among equals, what was added first happens first
	what happening
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.tie < o.tie
}

// agenda is everything that is going to happen: a heap with four children to a parent, which
// is half as deep as one with two and touches less memory.
type agenda struct {
	heap []event
	ties uint64
}

const children = 4

// add puts something down for a time.
func (a *agenda) add(at time.Duration, what happening) {
	a.ties++
	e := event{at: at, tie: a.ties, what: what}
	i := len(a.heap)
	a.heap = append(a.heap, e)
	for i > 0 {
		parent := (i - 1) / children
		if !e.before(&a.heap[parent]) {
			break
		}
		a.heap[i] = a.heap[parent]
		i = parent
	}
	a.heap[i] = e
}

// next returns when the next thing happens, if there is one.
func (a *agenda) next() (at time.Duration, ok bool) {
	if len(a.heap) == 0 {
		return 0, false
	}
	return a.heap[0].at, true
}

// take removes what happens next.
func (a *agenda) take() event {
	first := a.heap[0]
	last := len(a.heap) - 1
	e := a.heap[last]
	a.heap[last] = event{}
	a.heap = a.heap[:last]
	if last > 0 {
		a.sink(e)
	}
	return first
}

// sink finds the place of e, beginning at the hole on top.
func (a *agenda) sink(e event) {
	i := 0
	for {
		least, end := children*i+1, min(children*i+children+1, len(a.heap))
		if least >= end {
			break
		}
		for c := least + 1; c < end; c++ {
			if a.heap[c].before(&a.heap[least]) {
				least = c
			}
		}
		if !a.heap[least].before(&e) {
			break
		}
		a.heap[i] = a.heap[least]
		i = least
	}
	a.heap[i] = e
}
