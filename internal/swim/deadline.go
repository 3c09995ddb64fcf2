package swim

// task is something that waits for its time.
type task interface {
	// due is called once when the time has come; the deadline is no longer set then.
	due(m *Machine)
}

// deadline is when a task is due. It is a field of the task and stands in the agenda itself,
// so whoever drops a task clears its deadline, and nothing fires late.
type deadline struct {
	owner task
	at    instant
	tie   uint64 // among equals, who was set first is due first
	slot  int    // position in the agenda, counted from 1; 0: not set
}

// isSet says whether the deadline stands in an agenda.
func (d *deadline) isSet() bool { return d.slot > 0 }

func (d *deadline) before(o *deadline) bool {
	return d.at < o.at || d.at == o.at && d.tie < o.tie
}

// agenda is all deadlines of a machine: a binary heap, the earliest on top.
type agenda struct {
	heap []*deadline
	sets uint64 // how many times a deadline was set: the next tie
}

// set makes d due at the given time, wherever it stood before.
func (a *agenda) set(d *deadline, owner task, at instant) {
	a.sets++
	d.owner, d.at, d.tie = owner, at, a.sets
	if !d.isSet() {
		a.heap = append(a.heap, d)
		d.slot = len(a.heap)
	}
	a.up(d.slot - 1)
	a.down(d.slot - 1)
}

// clear takes d out; a deadline that is not set stays so.
func (a *agenda) clear(d *deadline) {
	if !d.isSet() {
		return
	}
	i, last := d.slot-1, len(a.heap)-1
	a.swap(i, last)
	a.heap[last] = nil
	a.heap = a.heap[:last]
	d.slot, d.owner = 0, nil
	if i < last {
		a.up(i)
		a.down(i)
	}
}

// next returns the earliest time at which something is due; what is due never does not count.
func (a *agenda) next() (at instant, ok bool) {
	if len(a.heap) == 0 || a.heap[0].at == never {
		return 0, false
	}
	return a.heap[0].at, true
}

// take removes the earliest task that is due by now and returns it, or nil.
func (a *agenda) take(now instant) task {
	if at, ok := a.next(); !ok || at > now {
		return nil
	}
	owner := a.heap[0].owner
	a.clear(a.heap[0])
	return owner
}

func (a *agenda) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !a.heap[i].before(a.heap[parent]) {
			return
		}
		a.swap(i, parent)
		i = parent
	}
}

func (a *agenda) down(i int) {
	for {
		first := 2*i + 1
		if first >= len(a.heap) {
			return
		}
		if right := first + 1; right < len(a.heap) && a.heap[right].before(a.heap[first]) {
			first = right
		}
		if !a.heap[first].before(a.heap[i]) {
			return
		}
		a.swap(i, first)
		i = first
	}
}

func (a *agenda) swap(i, j int) {
	a.heap[i], a.heap[j] = a.heap[j], a.heap[i]
	a.heap[i].slot, a.heap[j].slot = i+1, j+1
}
