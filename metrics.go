package memberlist

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-metrics"
)

// count names a counter of a node.
type count int

const (
	countUDPSent count = iota
	countUDPReceived
	countTCPAccept
	countTCPConnect
	countTCPSent
	countMsgAlive
	countMsgSuspect
	countMsgDead
	countDegradedProbe
	countDegradedTimeout
	numCounts
)

// countKeys are the counters' names, which dashboards know.
var countKeys = [numCounts][]string{
	countUDPSent:         {"memberlist", "udp", "sent"},
	countUDPReceived:     {"memberlist", "udp", "received"},
	countTCPAccept:       {"memberlist", "tcp", "accept"},
	countTCPConnect:      {"memberlist", "tcp", "connect"},
	countTCPSent:         {"memberlist", "tcp", "sent"},
	countMsgAlive:        {"memberlist", "msg", "alive"},
	countMsgSuspect:      {"memberlist", "msg", "suspect"},
	countMsgDead:         {"memberlist", "msg", "dead"},
	countDegradedProbe:   {"memberlist", "degraded", "probe"},
	countDegradedTimeout: {"memberlist", "degraded", "timeout"},
}

const (
	// handOverPeriod is how long counts are summed before the sink gets them.
	handOverPeriod = time.Second
	// warmCounts is how many counts since the last hand-over each look at the clock. Beyond, the node is busy
	// and one in clockEvery does, so that a count costs a few nanoseconds.
	warmCounts = 32
	clockEvery = 64
	// maxDrops bounds how many lanes and reasons are told apart, in case a stranger names one.
	maxDrops = 128
	// maxMeasured bounds what waits for a sink that stands still.
	maxMeasured = 1024
)

// telemetry hands to the global sink of go-metrics what a node counts and measures. Counts are summed, what is
// measured is rare and kept in a list; both are handed over at most once in a second, by a goroutine that
// whoever counts then starts, and once more at Shutdown. So they cost next to nothing with a sink or without,
// and a sink that blocks holds up nobody. It is safe for concurrent use, and a nil telemetry does nothing.
type telemetry struct {
	labels []metrics.Label // our own, without spare capacity: go-metrics appends to what it is given
	begun  time.Time
	due    atomic.Int64  // when counts are handed over next, as nanoseconds since begun
	since  atomic.Uint64 // counts since the last hand-over
	counts [numCounts]atomic.Uint64

	mu    sync.RWMutex // a leaf: guards the map, not the counters in it
	drops map[dropped]*atomic.Uint64

	turn     chan struct{} // one slot: one goroutine at a time stands in the sink
	list     sync.Mutex    // a leaf
	measured []measure
}

// measure is one thing measured, until it is handed over.
type measure struct {
	hand   func(key []string, v float32, labels []metrics.Label)
	key    []string
	value  float32
	labels []metrics.Label
}

// dropped says where something was dropped, and why.
type dropped struct{ lane, reason string }

func newTelemetry(labels []metrics.Label) *telemetry {
	return &telemetry{
		labels: withLabels(labels),
		begun:  time.Now(),
		drops:  make(map[dropped]*atomic.Uint64),
		turn:   make(chan struct{}, 1),
	}
}

// withLabels returns a new slice of the labels and more, without spare capacity.
func withLabels(labels []metrics.Label, more ...metrics.Label) []metrics.Label {
	all := make([]metrics.Label, 0, len(labels)+len(more))
	return append(append(all, labels...), more...)
}

func (t *telemetry) udpSent(bytes int)     { t.add(countUDPSent, bytes) }
func (t *telemetry) udpReceived(bytes int) { t.add(countUDPReceived, bytes) }
func (t *telemetry) tcpSent(bytes int)     { t.add(countTCPSent, bytes) }
func (t *telemetry) tcpAccept()            { t.add(countTCPAccept, 1) }
func (t *telemetry) tcpConnect()           { t.add(countTCPConnect, 1) }

// degradedProbe counts a probe that was given more time than usual, because our health score was not 0.
func (t *telemetry) degradedProbe() { t.add(countDegradedProbe, 1) }

// degradedTimeout counts a suspect that we declared dead with fewer confirmations by others than wanted.
func (t *telemetry) degradedTimeout() { t.add(countDegradedTimeout, 1) }

// heard counts the rumours of one packet.
func (t *telemetry) heard(alives, suspects, deads int) {
	t.add(countMsgAlive, alives)
	t.add(countMsgSuspect, suspects)
	t.add(countMsgDead, deads)
}

// health is our own health score.
func (t *telemetry) health(score int) { t.gauge(healthKey, float32(score), nil) }

// nodeInstances is how many members are in that state.
func (t *telemetry) nodeInstances(state NodeStateType, n int) {
	t.gauge(instancesKey, float32(n), &metrics.Label{Name: "node_state", Value: state.String()})
}

// sizeLocal is the size in bytes of the state that we sent in an exchange.
func (t *telemetry) sizeLocal(bytes int) { t.gauge(sizeLocalKey, float32(bytes), nil) }

// sizeRemote is the size in bytes of the state that we were sent in an exchange.
func (t *telemetry) sizeRemote(bytes int) { t.sample(sizeRemoteKey, float32(bytes)) }

// queueBroadcasts is how many messages wait to be spread.
func (t *telemetry) queueBroadcasts(n int) { t.sample(queueKey, float32(n)) }

// queueEvents is how many news wait to be told.
func (t *telemetry) queueEvents(n int) { t.gauge(eventsKey, float32(n), nil) }

// probeNode, gossip and pushPullNode are how long one of these took.
func (t *telemetry) probeNode(took time.Duration)    { t.took(probeKey, took) }
func (t *telemetry) gossip(took time.Duration)       { t.took(gossipKey, took) }
func (t *telemetry) pushPullNode(took time.Duration) { t.took(pushPullKey, took) }

// The names of what is measured.
var (
	healthKey     = []string{"memberlist", "health", "score"}
	instancesKey  = []string{"memberlist", "node", "instances"}
	sizeLocalKey  = []string{"memberlist", "size", "local"}
	sizeRemoteKey = []string{"memberlist", "size", "remote"}
	queueKey      = []string{"memberlist", "queue", "broadcasts"}
	eventsKey     = []string{"memberlist", "queue", "events"}
	probeKey      = []string{"memberlist", "probeNode"}
	gossipKey     = []string{"memberlist", "gossip"}
	pushPullKey   = []string{"memberlist", "pushPullNode"}
	dropKey       = []string{"memberlist", "drop"}
)

// add counts.
func (t *telemetry) add(c count, n int) {
	if t == nil || n <= 0 {
		return
	}
	t.counts[c].Add(uint64(n))
	t.counted()
}

// drop counts something that was dropped. Reasons are short fixed phrases, since each is a label in the
// sink; beyond maxDrops of them the reason becomes "other".
func (t *telemetry) drop(lane, reason string) {
	if t == nil {
		return
	}
	t.dropCounter(dropped{lane, reason}).Add(1)
	t.counted()
}

func (t *telemetry) dropCounter(d dropped) *atomic.Uint64 {
	t.mu.RLock()
	c := t.drops[d]
	t.mu.RUnlock()
	if c != nil {
		return c
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.drops) >= maxDrops && t.drops[d] == nil {
		d = dropped{"other", "other"}
	}
	if t.drops[d] == nil {
		t.drops[d] = new(atomic.Uint64)
	}
	return t.drops[d]
}

// counted looks at the clock, if it is worth it, and hands over what is due.
func (t *telemetry) counted() {
	if n := t.since.Add(1); n <= warmCounts || n%clockEvery == 0 {
		t.flushIfDue()
	}
}

func (t *telemetry) flushIfDue() {
	now, due := int64(time.Since(t.begun)), t.due.Load()
	if now >= due && t.due.CompareAndSwap(due, now+int64(handOverPeriod)) {
		t.flushAside()
	}
}

// flushAside hands over on a goroutine of its own, unless one stands in the sink still.
func (t *telemetry) flushAside() {
	select {
	case t.turn <- struct{}{}:
		go func() {
			defer func() { <-t.turn }()
			t.handOver()
		}()
	default:
	}
}

// flushWithin hands over the last and waits for that until limit is closed.
func (t *telemetry) flushWithin(limit <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.flush()
	}()
	select {
	case <-done:
	case <-limit:
	}
}

// flush hands over all that has been counted and measured, after whoever is at it.
func (t *telemetry) flush() {
	if t == nil {
		return
	}
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	t.handOver()
}

func (t *telemetry) handOver() {
	t.since.Store(0)
	t.list.Lock()
	measured := t.measured
	t.measured = nil
	t.list.Unlock()
	for _, m := range measured {
		m.hand(m.key, m.value, m.labels)
	}
	for c := range t.counts {
		t.emit(countKeys[c], &t.counts[c], t.labels)
	}
	t.mu.RLock()
	kinds := make([]dropped, 0, len(t.drops))
	for d := range t.drops {
		kinds = append(kinds, d)
	}
	t.mu.RUnlock()
	for _, d := range kinds {
		t.emit(dropKey, t.dropCounter(d), withLabels(t.labels,
			metrics.Label{Name: "lane", Value: d.lane}, metrics.Label{Name: "reason", Value: d.reason}))
	}
}

// emit hands over one counter.
func (t *telemetry) emit(key []string, c *atomic.Uint64, labels []metrics.Label) {
	if n := c.Swap(0); n > 0 {
		metrics.IncrCounterWithLabels(key, float32(n), labels)
	}
}

func (t *telemetry) gauge(key []string, v float32, label *metrics.Label) {
	if t == nil {
		return
	}
	labels := t.labels
	if label != nil {
		labels = withLabels(labels, *label)
	}
	t.measure(measure{metrics.SetGaugeWithLabels, key, v, labels})
}

func (t *telemetry) sample(key []string, v float32) {
	if t == nil {
		return
	}
	t.measure(measure{metrics.AddSampleWithLabels, key, v, t.labels})
}

// took measures a time, in the unit that the sink's configuration asks for.
func (t *telemetry) took(key []string, took time.Duration) {
	if t == nil {
		return
	}
	measureTime := func(key []string, seconds float32, labels []metrics.Label) {
		metrics.MeasureSinceWithLabels(key, time.Now().Add(-time.Duration(float64(seconds)*float64(time.Second))), labels)
	}
	t.measure(measure{measureTime, key, float32(took.Seconds()), t.labels})
}

func (t *telemetry) measure(m measure) {
	t.list.Lock()
	if len(t.measured) < maxMeasured {
		t.measured = append(t.measured, m)
	}
	t.list.Unlock()
	t.flushIfDue()
}
