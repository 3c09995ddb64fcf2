package memberlist

import (
	"context"
	"log/slog"
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// herald tells the news: what the machine has decided becomes delegate calls, log records and metrics here and
// nowhere else. The delegates are called in the order in which it was decided, one at a time, on a goroutine of
// its own: one that blocks delays what is told after it, and nothing but that.
type herald struct {
	events   EventDelegate
	conflict ConflictDelegate
	ping     PingDelegate
	calls    *running
	noise    *sampler
	metrics  *telemetry
	self     string

	wake chan struct{} // one slot: there is something in the queue

	mu    sync.Mutex // a leaf: guards what follows
	queue []event
	added uint64 // events ever queued
	told  uint64 // events told so far
	minor int    // of the queue, how many are not about who is a member
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

func newHerald(conf *Config, calls *running, noise *sampler, t *telemetry) *herald {
	return &herald{
		events: conf.Events, conflict: conf.Conflict, ping: conf.Ping, self: conf.Name,
		calls: calls, noise: noise, metrics: t,
		wake: make(chan struct{}, 1),
	}
}

// add queues what the application is told. It is called inside a step, so it renders nodes but calls nobody.
// Joins, updates and leaves are never lost. The rest, which strangers can cause at will, is bounded.
func (h *herald) add(news []swim.News, suspects bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range news {
		if e, ok := h.render(n, suspects); ok {
			h.queue = append(h.queue, e)
			h.added++
		}
	}
}

// maxMinor is how many conflicts and answers to probes may wait to be told.
const maxMinor = 128

// render makes an event of news that somebody wants to hear.
func (h *herald) render(n swim.News, suspects bool) (e event, ok bool) {
	e.News = n
	switch n.Kind {
	case swim.Joined, swim.Updated:
		e.node = publicNode(n.Member, suspects)
		return e, true
	case swim.Departed:
		e.node = departedNode(n.Member)
		return e, true
	case swim.Conflict:
		ok = h.conflict != nil && h.minor < maxMinor
	case swim.Pinged:
		ok = h.ping != nil && h.minor < maxMinor
	}
	if ok {
		h.minor++
		e.node = publicNode(n.Member, suspects)
		if n.Other != nil {
			e.other = newNode(n.Other, StateAlive)
		}
	}
	return e, ok
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
	if last := len(h.marks) - 1; last >= 0 && h.marks[last].upTo == upTo {
		return h.marks[last].done
	}
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
	if e.Kind == swim.Conflict || e.Kind == swim.Pinged {
		h.minor--
	}
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

// tell calls the application with one event.
func (h *herald) tell(e *event) {
	switch e.Kind {
	case swim.Joined:
		h.event(func() { h.events.NotifyJoin(e.node) })
	case swim.Updated:
		h.event(func() { h.events.NotifyUpdate(e.node) })
	case swim.Departed:
		h.event(func() { h.events.NotifyLeave(e.node) })
	case swim.Conflict:
		h.calls.do(func() { h.conflict.NotifyConflict(e.node, e.other) })
	case swim.Pinged:
		h.calls.do(func() { h.ping.NotifyPingComplete(e.node, e.RTT, e.Payload) })
	}
}

func (h *herald) event(f func()) {
	if h.events != nil {
		h.calls.do(f)
	}
}

// record tells the log and the metrics of all news of a step, after it.
func (h *herald) record(news []swim.News) {
	for i := range news {
		h.recordOne(&news[i])
	}
}

func (h *herald) recordOne(n *swim.News) {
	name := slog.String("member", shown(memberName(n)))
	from := slog.String("from", shown(n.From))
	switch n.Kind {
	case swim.Joined:
		h.noise.news(slog.LevelInfo, "member joined", name)
	case swim.Departed:
		if n.Missing > 0 {
			h.metrics.degradedTimeout()
		}
		h.noise.news(slog.LevelInfo, "member gone", name,
			slog.String("state", n.Member.State.String()), slog.Int("confirmations", n.Confirmations))
	case swim.Suspected:
		h.noise.news(slog.LevelInfo, "member suspected", name, from)
	case swim.Refuted:
		h.refuted(n, from)
	case swim.Conflict:
		h.noise.warn("conflict", "two nodes claim one name", name,
			slog.String("holder", n.Member.Addr.String()), slog.String("other", n.Other.Addr.String()))
	case swim.StreamOnly:
		h.noise.warn("stream only", "a member answers by stream but not by packet: is UDP blocked?", name)
	case swim.WrongName:
		h.noise.warn("wrong name", "a ping was meant for another node", slog.String("for", shown(n.From)))
	case swim.Ignored:
		h.metrics.drop("claims", n.Reason)
	case swim.HealthChanged:
		h.metrics.health(n.Health)
	case swim.ProbeDone:
		h.probed(n, name)
	}
}

// refuted words a refutation: of what somebody said of us just now, or of what an exchange of states showed to
// be remembered of us, an earlier life perhaps.
func (h *herald) refuted(n *swim.News, from slog.Attr) {
	incarnation := slog.Uint64("incarnation", uint64(n.Member.Incarnation))
	if n.From == "" || n.From == h.self {
		h.noise.news(slog.LevelInfo, "refuting what others remember of us", incarnation)
		return
	}
	h.noise.news(slog.LevelWarn, "refuting an accusation", from, incarnation)
}

func (h *herald) probed(n *swim.News, name slog.Attr) {
	h.metrics.probeNode(n.RTT)
	if n.Health > 0 {
		h.metrics.degradedProbe()
	}
	if !n.OK {
		h.noise.news(slog.LevelDebug, "probe failed", name)
	}
}

// longestShown is how much of a name that came from outside stands in a log line.
const longestShown = 128

// shown cuts a name that is longer than anybody would give a node.
func shown(name string) string {
	if len(name) > longestShown {
		return name[:longestShown] + "…"
	}
	return name
}

// memberName tolerates news that is about nobody in the table.
func memberName(n *swim.News) string {
	if n.Member.Identity == nil {
		return ""
	}
	return n.Member.Name
}

// length is the number of events that wait to be told.
func (h *herald) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.queue)
}
