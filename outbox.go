package memberlist

import "sync"

// outbox stands in front of a transport that is not ours, whose writes may block: a destination has a
// goroutine of its own while packets wait for it, so that a write that blocks delays nothing but what
// goes to the same place.
type outbox struct {
	transport NodeAwareTransport
	loops     *running
	noise     *sampler
	metrics   *telemetry

	mu    sync.Mutex // a leaf
	lanes map[Address]*outlane
	bytes int // in all packets that wait or are being written
}

// outlane is what goes to one destination.
type outlane struct {
	waiting [][]byte
	bytes   int // in those that wait and the one that is being written
}

const (
	// outboxDepth is how many packets may wait for one destination. When there are more the oldest gives
	// way, as the one that matters least by now.
	outboxDepth = 64
	// outboxLanes is how many destinations may be written to at once. Some are named by strangers, and each
	// costs a goroutine.
	outboxLanes = 1024
	// outboxBytes is how much may wait for all destinations together: what a busy cluster has under way in
	// packets of the usual size, and room for some where UDPBufferSize is in megabytes. When it is full the
	// oldest packets of whoever holds most give way, never those of a destination that holds little.
	outboxBytes = 64 << 20
)

func newOutbox(t NodeAwareTransport, loops *running, noise *sampler, metrics *telemetry) *outbox {
	return &outbox{transport: t, loops: loops, noise: noise, metrics: metrics, lanes: make(map[Address]*outlane)}
}

// put takes a packet over. It never waits.
func (o *outbox) put(buf []byte, to Address) {
	first, lost := o.queue(buf, to)
	for range lost {
		o.metrics.drop("packet", "outbox full")
	}
	if first {
		o.loops.start(func() { o.drain(to) })
	}
}

// queue adds a packet to those that wait. first says that nobody serves its destination yet; lost is how many
// packets gave way to it, itself if there is no room even so.
func (o *outbox) queue(buf []byte, to Address) (first bool, lost int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lane := o.lanes[to]
	if first = lane == nil; first {
		if len(o.lanes) >= outboxLanes {
			return false, 1
		}
		lane = new(outlane)
	}
	if len(lane.waiting) >= outboxDepth {
		o.evict(lane)
		lost++
	}
	for o.bytes+len(buf) > outboxBytes {
		fattest := o.fattest()
		if fattest == nil {
			return false, lost + 1
		}
		o.evict(fattest)
		lost++
	}
	lane.waiting = append(lane.waiting, buf)
	lane.bytes += len(buf)
	o.bytes += len(buf)
	o.lanes[to] = lane
	return first, lost
}

// evict drops the oldest packet of a lane.
func (o *outbox) evict(l *outlane) {
	oldest := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.bytes -= len(oldest)
	o.bytes -= len(oldest)
}

// fattest is the lane that holds most, of those that can give something up.
func (o *outbox) fattest() (most *outlane) {
	for _, l := range o.lanes {
		if len(l.waiting) > 0 && (most == nil || l.bytes > most.bytes) {
			most = l
		}
	}
	return most
}

// next takes the first packet for a destination, once the last one, of so many bytes, has been written.
// When there is none the destination is forgotten.
func (o *outbox) next(to Address, written int) (buf []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lane := o.lanes[to]
	o.bytes -= written
	lane.bytes -= written
	if len(lane.waiting) == 0 {
		delete(o.lanes, to)
		return nil, false
	}
	buf, lane.waiting = lane.waiting[0], lane.waiting[1:]
	return buf, true
}

// drain writes what waits for a destination.
func (o *outbox) drain(to Address) {
	for buf, ok := o.next(to, 0); ok; buf, ok = o.next(to, len(buf)) {
		if _, err := o.transport.WriteToAddress(buf, to); err != nil {
			reportUnsent(err, o.metrics, o.noise)
		}
	}
}
