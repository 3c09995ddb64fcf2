package memberlist

import (
	"bytes"
	"strings"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// acks is the lane of pings when there is a Ping delegate: each waits for the payload of its ack,
// but never long, because an ack that comes late is a suspicion.
type acks struct {
	delegate PingDelegate
	cluster  *cluster
	calls    *running
	metrics  *telemetry
	in       chan pinged
	wanted   chan chan<- []byte // taken by the goroutine that asks, while it is idle
	late     bool               // the last question was not answered in time
}

// ackPatience is how long an ack waits for its payload before it leaves without.
const ackPatience = 10 * time.Millisecond

// acksWaiting bounds the lane. A node is pinged about once a second by all others together.
const acksWaiting = 256

// pinged is a ping and its source, in memory of its own.
type pinged struct {
	from swim.Source
	ping wire.Ping
}

// replaceable is whatever Ping delegate its owner's Config names at the moment.
type replaceable struct{ of *Config }

// AckPayload asks that delegate.
func (r replaceable) AckPayload() (payload []byte) {
	if d := r.of.Ping; d != nil {
		payload = d.AckPayload()
	}
	return payload
}

// NotifyPingComplete tells that delegate.
func (r replaceable) NotifyPingComplete(other *Node, rtt time.Duration, payload []byte) {
	if d := r.of.Ping; d != nil {
		d.NotifyPingComplete(other, rtt, payload)
	}
}

func newAcks(d PingDelegate, c *cluster, calls *running, t *telemetry) *acks {
	return &acks{
		delegate: d, cluster: c, calls: calls, metrics: t,
		in:     make(chan pinged, acksWaiting),
		wanted: make(chan chan<- []byte),
	}
}

// put queues copies of pings. It never waits.
func (a *acks) put(pings []wire.Ping, from swim.Source) {
	for i := range pings {
		p := pings[i]
		p.Node, p.SourceNode = strings.Clone(p.Node), strings.Clone(p.SourceNode)
		p.SourceAddr = bytes.Clone(p.SourceAddr)
		select {
		case a.in <- pinged{from, p}:
		default:
			a.metrics.drop("acks", "lane full")
		}
	}
}

func (a *acks) run() {
	for {
		select {
		case p := <-a.in:
			payload := a.payload()
			a.cluster.step(func(m *swim.Machine, now time.Time) { m.Ping(now, p.from, &p.ping, payload) })
		case <-a.calls.closing:
			return
		}
	}
}

// payload asks for the payload of one ack, with patience for a delegate that is quick and none for
// one that is still busy with an earlier question.
func (a *acks) payload() []byte {
	answer := make(chan []byte, 1)
	patience := time.NewTimer(ackPatience)
	defer patience.Stop()
	if !a.ready(answer, patience) {
		return a.missed()
	}
	select {
	case b := <-answer:
		return b
	case <-patience.C:
		return a.missed()
	case <-a.calls.closing:
		return nil
	}
}

// ready hands the question over to whoever asks it.
func (a *acks) ready(answer chan<- []byte, patience *time.Timer) bool {
	if a.late {
		select {
		case a.wanted <- answer:
			a.late = false
			return true
		default:
			return false
		}
	}
	select {
	case a.wanted <- answer:
		return true
	case <-patience.C:
	case <-a.calls.closing:
	}
	return false
}

// missed lets an ack leave without payload.
func (a *acks) missed() []byte {
	a.late = true
	a.metrics.drop("acks", "payload late")
	return nil
}

// ask is the goroutine that may block in AckPayload.
func (a *acks) ask() {
	for {
		select {
		case answer := <-a.wanted:
			a.calls.do(func() { answer <- a.delegate.AckPayload() })
		case <-a.calls.closing:
			return
		}
	}
}
