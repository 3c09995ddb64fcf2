package memnet

import (
	"container/heap"
	"net"
	"time"
)

// datagram is one that has left.
type datagram struct {
	b    []byte
	from net.Addr
	at   time.Time // of arrival
	nr   uint64    // what was sent first arrives first, if both arrive at once
}

// flight is what is on its way to one node, with one timer for all of it.
type flight struct {
	due   arrivals
	count uint64
	timer *time.Timer
}

// add lets land be called when d is due.
func (f *flight) add(d datagram, land func()) {
	f.count++
	d.nr = f.count
	heap.Push(&f.due, d)
	if f.due[0].nr == d.nr {
		f.set(land)
	}
}

// next takes out what is due at now; if that is nothing, land is called when something is.
func (f *flight) next(now time.Time, land func()) (datagram, bool) {
	if len(f.due) > 0 && !f.due[0].at.After(now) {
		return heap.Pop(&f.due).(datagram), true
	}
	if len(f.due) > 0 {
		f.set(land)
	}
	return datagram{}, false
}

func (f *flight) set(land func()) {
	wait := time.Until(f.due[0].at)
	if f.timer == nil {
		f.timer = time.AfterFunc(wait, land)
		return
	}
	f.timer.Reset(wait)
}

// clear forgets everything.
func (f *flight) clear() {
	f.due = nil
	if f.timer != nil {
		f.timer.Stop()
	}
}

// arrivals is a heap, the earliest first.
type arrivals []datagram

// Len, Less, Swap, Push and Pop are what container/heap asks for.
func (a arrivals) Len() int { return len(a) }

// Less puts what is sent first first, if both arrive at once.
func (a arrivals) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].nr < a[j].nr
}

// Swap exchanges two.
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push adds one at the end.
func (a *arrivals) Push(x any) { *a = append(*a, x.(datagram)) }

// Pop takes the last one out.
func (a *arrivals) Pop() any {
	last := len(*a) - 1
	d := (*a)[last]
	(*a)[last] = datagram{}
	*a = (*a)[:last]
	return d
}
