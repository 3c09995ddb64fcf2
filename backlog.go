package memberlist

import (
	"sync"
	"sync/atomic"
)

const (
	// maxServedMemory is what all conversations that others began may hold together while they last: room
	// for some of the largest states, or thousands of common ones.
	maxServedMemory = 192 << 20
	// maxDialledMemory is the same for those that we began, so that others cannot keep us from joining.
	maxDialledMemory = 128 << 20
	// alwaysHeld is what a conversation may hold even so: enough for a ping and its answer.
	alwaysHeld = 16 << 10
	// maxBacklog is how much of what came by stream may wait for the application before no more is read.
	// Whoever was being read at that moment still comes in.
	maxBacklog = 64 << 20
	// maxQueuedMemory is what may have been read of messages that wait for room in the backlog.
	maxQueuedMemory = 64 << 20
	// maxQueued is how many messages may wait for that.
	maxQueued = 1024
	// handOverCost is what the goroutine costs that waits for the application with what came.
	handOverCost = 8 << 10
)

// account bounds what some conversations hold together.
type account struct {
	limit int64
	held  atomic.Int64
}

// take counts n bytes more and reports whether they are within the limit. If not, only what must be is counted.
func (a *account) take(n int, must bool) bool {
	if a.held.Add(int64(n)) <= a.limit || must {
		return true
	}
	a.give(n)
	return false
}

func (a *account) give(n int) { a.held.Add(int64(-n)) }

// backlog is what came by stream, is off the network, and waits for the application. What waits here
// keeps nothing else from being said: the conversation is over.
type backlog struct {
	mu   sync.Mutex // a leaf
	held int
	open chan struct{} // closed while there is room
}

func newBacklog() *backlog {
	b := &backlog{open: make(chan struct{})}
	close(b.open)
	return b
}

// room returns a channel that is closed once there is room.
func (b *backlog) room() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// add counts n bytes more, or less if n is negative. It never refuses: see room.
func (b *backlog) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.held
	b.held += n
	switch {
	case was < maxBacklog && b.held >= maxBacklog:
		b.open = make(chan struct{})
	case was >= maxBacklog && b.held < maxBacklog:
		close(b.open)
	}
}
