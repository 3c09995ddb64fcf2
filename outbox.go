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

	mu      sync.Mutex // a leaf
	waiting map[Address][][]byte
}

const (
	// outboxDepth is how many packets may wait for one destination. When there are more the oldest gives
	// way, as the one that matters least by now.
	outboxDepth = 64
	// outboxLanes is how many destinations may be written to at once. Some are named by strangers.
	outboxLanes = 4096
)

func newOutbox(t NodeAwareTransport, loops *running, noise *sampler, metrics *telemetry) *outbox {
	return &outbox{transport: t, loops: loops, noise: noise, metrics: metrics, waiting: make(map[Address][][]byte)}
}

// put takes a packet over. It never waits.
func (o *outbox) put(buf []byte, to Address) {
	first, full := o.queue(buf, to)
	if full {
		o.metrics.drop("packet", "outbox full")
	}
	if first {
		o.loops.start(func() { o.drain(to) })
	}
}

// queue adds a packet to those that wait. first says that nobody serves its destination yet, full that one
// packet was lost.
func (o *outbox) queue(buf []byte, to Address) (first, full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait, served := o.waiting[to]
	if !served && len(o.waiting) >= outboxLanes {
		return false, true
	}
	if full = len(wait) >= outboxDepth; full {
		wait = wait[1:]
	}
	o.waiting[to] = append(wait, buf)
	return !served, full
}

// next takes the first packet for a destination. When there is none the destination is forgotten.
func (o *outbox) next(to Address) (buf []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait := o.waiting[to]
	if len(wait) == 0 {
		delete(o.waiting, to)
		return nil, false
	}
	o.waiting[to] = wait[1:]
	return wait[0], true
}

// drain writes what waits for a destination.
func (o *outbox) drain(to Address) {
	for buf, ok := o.next(to); ok; buf, ok = o.next(to) {
		if _, err := o.transport.WriteToAddress(buf, to); err != nil {
			reportUnsent(err, o.metrics, o.noise)
		}
	}
}
