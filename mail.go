package memberlist

import (
	"bytes"
	"slices"
)

// mail is the lane of the application's messages that came by packet: in order, bounded, told after
// the news of the packet that brought them. When NotifyMsg cannot keep up the newest are dropped and
// counted, as a datagram may always be; what comes by stream never passes here.
type mail struct {
	delegate Delegate
	herald   *herald
	calls    *running
	metrics  *telemetry
	in       chan letter
}

// letter is a message and the news that must be told before it.
type letter struct {
	after uint64
	body  []byte
}

func newMail(d Delegate, depth int, h *herald, calls *running, t *telemetry) *mail {
	return &mail{delegate: d, herald: h, calls: calls, metrics: t, in: make(chan letter, max(1, depth))}
}

// put queues copies of the messages of one packet, the last one first. A queue hands out the newest first, so
// the application hears them in the order in which they were queued, as it does on nodes of the reference.
// It never waits.
func (m *mail) put(bodies [][]byte) {
	if m == nil {
		return
	}
	after := m.herald.position()
	for _, body := range slices.Backward(bodies) {
		select {
		case m.in <- letter{after, bytes.Clone(body)}:
		default:
			m.metrics.drop("mail", "lane full")
		}
	}
}

func (m *mail) run() {
	for {
		select {
		case l := <-m.in:
			m.hand(l)
		case <-m.calls.closing:
			return
		}
	}
}

func (m *mail) hand(l letter) {
	select {
	case <-m.herald.settled(l.after):
		m.calls.do(func() { m.delegate.NotifyMsg(l.body) })
	case <-m.calls.closing:
	}
}
