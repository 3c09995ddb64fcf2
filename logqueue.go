package memberlist

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// logQueue stands in front of whatever writes the log, so that a writer that blocks delays nobody: not the
// lane that hears packets, not the herald, not a public call. Records are written in order by one goroutine,
// which lives only while there are any. When the queue is full further records are lost, and counted.
type logQueue struct {
	mu      sync.Mutex // a leaf
	waiting []logged
	lost    int
	writing chan struct{} // closed when the goroutine has written all; nil while there is none
}

// logged is a record and the handler that writes it.
type logged struct {
	to     slog.Handler
	record slog.Record
}

// logsWaiting bounds the queue. What strangers cause is sampled before it comes here, so only a writer that
// stands still fills it.
const logsWaiting = 1024

// queuedHandler is the slog.Handler that puts records into the queue.
type queuedHandler struct {
	slog.Handler // what writes in the end
	queue        *logQueue
}

// queued puts a queue in front of a handler.
func queued(h slog.Handler) *queuedHandler {
	return &queuedHandler{h, new(logQueue)}
}

// Handle queues a record. It never waits.
func (h *queuedHandler) Handle(_ context.Context, r slog.Record) error {
	h.queue.put(logged{h.Handler, r.Clone()})
	return nil
}

// WithAttrs returns a handler that adds these, on the same queue.
func (h *queuedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &queuedHandler{h.Handler.WithAttrs(attrs), h.queue}
}

// WithGroup returns a handler that opens a group, on the same queue.
func (h *queuedHandler) WithGroup(name string) slog.Handler {
	return &queuedHandler{h.Handler.WithGroup(name), h.queue}
}

func (q *logQueue) put(l logged) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= logsWaiting {
		q.lost++
		return
	}
	q.waiting = append(q.waiting, l)
	if q.writing == nil {
		q.writing = make(chan struct{})
		go q.write()
	}
}

// write is the goroutine that writes while there is something to write.
func (q *logQueue) write() {
	for batch := q.take(); batch != nil; batch = q.take() {
		for _, l := range batch {
			_ = l.to.Handle(context.Background(), l.record) // nobody is there to be told
		}
	}
}

// take returns what waits. When there is nothing, the goroutine that asks is one no more.
func (q *logQueue) take() []logged {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.waiting
	q.waiting = nil
	switch {
	case len(batch) == 0:
		close(q.writing)
		q.writing = nil
		return nil
	case q.lost > 0:
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "log records were lost: the writer is too slow", 0)
		r.AddAttrs(slog.Int("lost", q.lost))
		batch = append(batch, logged{batch[0].to, r})
		q.lost = 0
	}
	return batch
}

// settleLog gives the records of a logger until limit is closed to be written.
func settleLog(l *slog.Logger, limit <-chan struct{}) {
	h, ok := l.Handler().(*queuedHandler)
	if !ok {
		return
	}
	h.queue.mu.Lock()
	writing := h.queue.writing
	h.queue.mu.Unlock()
	if writing == nil {
		return
	}
	select {
	case <-writing:
	case <-limit:
	}
}
