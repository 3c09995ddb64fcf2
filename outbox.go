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
	bytes   int // in all packets that wait or are being written
}

const (
	// outboxDepth is how many packets may wait for one destination. When there are more the oldest gives
	// way, as the one that matters least by now.
	outboxDepth = 64
	// outboxLanes is how many destinations may be written to at once. Some are named by strangers, and each
	// costs a goroutine.
	outboxLanes = 1024
	// outboxBytes is how much may wait for all destinations together: what a busy cluster has under way in
	// packets of the usual size, and room for some where UDPBufferSize is in megabytes.
	outboxBytes = 64 << 20
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
// packet was lost: the oldest for that destination, or this one if that is not enough.
func (o *outbox) queue(buf []byte, to Address) (first, full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait, served := o.waiting[to]
	if len(wait) > 0 && (len(wait) >= outboxDepth || o.bytes+len(buf) > outboxBytes) {
		o.bytes -= len(wait[0])
		wait[0], wait, full = nil, wait[1:], true
		o.waiting[to] = wait
	}
	if !served && len(o.waiting) >= outboxLanes || o.bytes+len(buf) > outboxBytes {
		return false, true
	}
	o.bytes += len(buf)
	o.waiting[to] = append(wait, buf)
	return !served, full
}

// next takes the first packet for a destination, once the last one, of so many bytes, has been written.
// When there is none the destination is forgotten.
func (o *outbox) next(to Address, written int) (buf []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes -= written
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
	for buf, ok := o.next(to, 0); ok; buf, ok = o.next(to, len(buf)) {
		if _, err := o.transport.WriteToAddress(buf, to); err != nil {
			reportUnsent(err, o.metrics, o.noise)
		}
	}
}
