package memberlist

import (
	"context"
	"log/slog"
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// herald tells the news: what the machine has decided becomes delegate calls, log records and
// metrics here and nowhere else, in the order in which it was decided, one at a time, on a goroutine
// of its own. A delegate that blocks delays what is told after it, and nothing but that.
type herald struct {
	events   EventDelegate
	conflict ConflictDelegate
	ping     PingDelegate
	calls    *running
	log      *slog.Logger
	noise    *sampler
	metrics  *telemetry
	self     string

	wake chan struct{} // one slot: there is something in the queue

	mu    sync.Mutex // a leaf: guards what follows
	queue []event
	added uint64 // events ever queued
	told  uint64 // events told so far
	marks []mark // who waits for told to reach what, lowest first
}

// event is one piece of news with the nodes it is about rendered for the application.
type event struct {
	swim.News
	node  *Node
	other *Node
}

// mark is a wait for all events up to a number to have been told.
type mark struct {
	upTo uint64
	done chan struct{}
}

func newHerald(conf *Config, calls *running, log *slog.Logger, noise *sampler, t *telemetry) *herald {
	return &herald{
		events: conf.Events, conflict: conf.Conflict, ping: conf.Ping, self: conf.Name,
		calls: calls, log: log, noise: noise, metrics: t,
		wake: make(chan struct{}, 1),
	}
}

// add queues news. It is called inside a step, so it renders nodes but calls nobody.
func (h *herald) add(news []swim.News, suspects bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range news {
		e := event{News: n}
		switch n.Kind {
		case swim.Departed:
			e.node = departedNode(n.Member)
		case swim.Joined, swim.Updated, swim.Pinged, swim.Conflict:
			e.node = publicNode(n.Member, suspects)
		}
		if n.Other != nil {
			e.other = newNode(n.Other, StateAlive)
		}
		h.queue = append(h.queue, e)
	}
	h.added += uint64(len(news))
}

// nudge wakes the herald after a step.
func (h *herald) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// position is the number of events queued so far.
func (h *herald) position() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.added
}

// settled returns a channel that is closed once all events up to a position have been told.
func (h *herald) settled(upTo uint64) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := make(chan struct{})
	if h.told >= upTo {
		close(done)
		return done
	}
	h.marks = append(h.marks, mark{upTo, done})
	return done
}

// settle waits until all that is news now has been told, the wait is given up, or the node shuts down.
func (h *herald) settle(ctx context.Context) {
	select {
	case <-h.settled(h.position()):
	case <-ctx.Done():
	case <-h.calls.closing:
	}
}

// run tells news until the node shuts down.
func (h *herald) run() {
	for {
		for e, ok := h.next(); ok; e, ok = h.next() {
			h.tell(&e)
			h.finish()
		}
		select {
		case <-h.wake:
		case <-h.calls.closing:
			return
		}
	}
}

func (h *herald) next() (e event, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		h.queue = nil // what one storm needed is not kept for ever
		return event{}, false
	}
	e, h.queue[0] = h.queue[0], event{}
	h.queue = h.queue[1:]
	return e, true
}

// finish counts one event as told and ends the waits that it completes.
func (h *herald) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told++
	keep := h.marks[:0]
	for _, k := range h.marks {
		if k.upTo <= h.told {
			close(k.done)
		} else {
			keep = append(keep, k)
		}
	}
	clear(h.marks[len(keep):])
	h.marks = keep
}

// tell words one piece of news: first for the log and the metrics, then for the application.
func (h *herald) tell(e *event) {
	h.record(e)
	switch e.Kind {
	case swim.Joined:
		h.event(func() { h.events.NotifyJoin(e.node) })
	case swim.Updated:
		h.event(func() { h.events.NotifyUpdate(e.node) })
	case swim.Departed:
		h.event(func() { h.events.NotifyLeave(e.node) })
	case swim.Conflict:
		if h.conflict != nil {
			h.calls.do(func() { h.conflict.NotifyConflict(e.node, e.other) })
		}
	case swim.Pinged:
		if h.ping != nil {
			h.calls.do(func() { h.ping.NotifyPingComplete(e.node, e.RTT, e.Payload) })
		}
	}
}

func (h *herald) event(f func()) {
	if h.events != nil {
		h.calls.do(f)
	}
}

// record is what the log and the metrics are told of a piece of news.
func (h *herald) record(e *event) {
	ctx := context.Background()
	name := slog.String("member", e.memberName())
	switch e.Kind {
	case swim.Joined:
		h.log.LogAttrs(ctx, slog.LevelDebug, "member joined", name)
	case swim.Departed:
		if e.Missing > 0 {
			h.metrics.degradedTimeout()
		}
		h.log.LogAttrs(ctx, slog.LevelInfo, "member gone", name,
			slog.String("state", e.Member.State.String()), slog.Int("confirmations", e.Confirmations))
	case swim.Suspected:
		h.log.LogAttrs(ctx, slog.LevelInfo, "member suspected", name, slog.String("from", e.From))
	case swim.Refuted:
		h.log.LogAttrs(ctx, slog.LevelWarn, "refuting an accusation", slog.String("from", e.From),
			slog.Uint64("incarnation", uint64(e.Member.Incarnation)))
	case swim.Conflict:
		h.noise.warn("conflict", "two nodes claim one name", name,
			slog.String("holder", e.Member.Addr.String()), slog.String("other", e.Other.Addr.String()))
	case swim.StreamOnly:
		h.noise.warn("stream only", "a member answers by stream but not by packet: is UDP blocked?", name)
	case swim.WrongName:
		h.noise.warn("wrong name", "a ping was meant for another node", slog.String("for", e.From))
	case swim.Ignored:
		h.metrics.drop("claims", e.Reason)
	case swim.HealthChanged:
		h.metrics.health(e.Health)
	case swim.ProbeDone:
		h.probed(e)
	}
}

func (h *herald) probed(e *event) {
	h.metrics.probeNode(e.RTT)
	if e.Health > 0 {
		h.metrics.degradedProbe()
	}
	if !e.OK {
		h.log.LogAttrs(context.Background(), slog.LevelDebug, "probe failed",
			slog.String("member", e.memberName()))
	}
}

// memberName tolerates news that is about nobody in the table.
func (e *event) memberName() string {
	if e.Member.Identity == nil {
		return ""
	}
	return e.Member.Name
}

// length is the number of events that wait to be told.
func (h *herald) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.queue)
}
