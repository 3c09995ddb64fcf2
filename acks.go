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
	name     string // this node's
	delegate PingDelegate
	cluster  *cluster
	calls    *running
	metrics  *telemetry
	in       chan pinged
	wanted   chan chan<- []byte // taken by the goroutine that asks, while it is idle
	late     bool               // the last question was not answered in time
}

// ackPatience is how long after its ping an ack leaves without its payload.
const ackPatience = 10 * time.Millisecond

// acksWaiting bounds the lane: all of it leaves within one ackPatience, with or without payloads. A node is
// pinged about once a second by all others together.
const acksWaiting = 256

// pinged is a ping and its source, in memory of its own, and when its ack has to leave.
type pinged struct {
	from  swim.Source
	ping  wire.Ping
	until time.Time
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

func newAcks(conf *Config, c *cluster, calls *running, t *telemetry) *acks {
	return &acks{
		name: conf.Name, delegate: conf.Ping, cluster: c, calls: calls, metrics: t,
		in:     make(chan pinged, acksWaiting),
		wanted: make(chan chan<- []byte),
	}
}

// put queues a copy of a ping and reports whether it did. One that is meant for another node gets no ack, and
// one that finds the lane full gets its ack sooner without a payload: both are left to the caller. It never waits.
func (a *acks) put(p *wire.Ping, from swim.Source) bool {
	if p.Node != "" && p.Node != a.name {
		return false
	}
	item := pinged{from: from, ping: *p, until: time.Now().Add(ackPatience)}
	item.ping.Node, item.ping.SourceNode = strings.Clone(p.Node), strings.Clone(p.SourceNode)
	item.ping.SourceAddr = bytes.Clone(p.SourceAddr)
	select {
	case a.in <- item:
		return true
	default:
		a.metrics.drop("acks", "payload late")
		return false
	}
}

func (a *acks) run() {
	for {
		select {
		case p := <-a.in:
			payload := a.payload(p.until)
			a.cluster.step(func(m *swim.Machine, now time.Time) { m.Ping(now, p.from, &p.ping, payload) })
		case <-a.calls.closing:
			return
		}
	}
}

// payload asks for the payload of one ack, with patience for a delegate that is quick and none for
// one that is still busy with an earlier question. What pings before it took of the time is gone.
func (a *acks) payload(until time.Time) []byte {
	left := time.Until(until)
	if left <= 0 {
		return a.missed()
	}
	answer := make(chan []byte, 1)
	patience := time.NewTimer(left)
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
