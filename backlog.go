package memberlist

import (
	"slices"
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
	// maxBacklog is how much of what came by stream may wait for the application, with what is being read for it.
	// Only what is larger than that by itself, and what Join waits for, comes in beyond it.
	maxBacklog = 64 << 20
	// maxQueuedMemory is what may have been read of messages that wait for room in the backlog.
	maxQueuedMemory = 64 << 20
	// maxQueued is how many messages may wait for that.
	maxQueued = 1024
	// queuedTimeouts is how many times TCPTimeout one may wait, or an application that never takes anything in
	// would keep a thousand sockets for good. Whoever sends has long given up by then. A TCPTimeout of more than
	// an hour counts as one.
	queuedTimeouts = 10
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
// keeps nothing else from being said: the conversation is over. A message has its room from before it is
// read, or many that began while there was room would come in together.
type backlog struct {
	mu    sync.Mutex // a leaf
	held  int
	queue []*admission // those who wait for room, the first first
}

// admission is a wait for room of some size.
type admission struct {
	size int
	open chan struct{} // closed once the room is theirs
}

// take makes n bytes of room, if there are and nobody waits for them.
func (b *backlog) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 || !b.fits(n) {
		return false
	}
	b.held += n
	return true
}

// fits reports whether there is room for n bytes more; b.mu is held. What would never fit comes in alone.
func (b *backlog) fits(n int) bool { return b.held == 0 || b.held+n <= maxBacklog }

// await begins to wait for n bytes of room.
func (b *backlog) await(n int) *admission {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := &admission{size: n, open: make(chan struct{})}
	b.queue = append(b.queue, a)
	b.admit()
	return a
}

// leave ends a wait; room that came nevertheless is given back.
func (b *backlog) leave(a *admission) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.queue, a); i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
	} else {
		b.held -= a.size
	}
	b.admit()
}

// add counts n bytes more, or less if n is negative. It never refuses.
func (b *backlog) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += n
	b.admit()
}

// admit lets in those for whom there is room now, in the order in which they came; b.mu is held.
func (b *backlog) admit() {
	for len(b.queue) > 0 && b.fits(b.queue[0].size) {
		first := b.queue[0]
		b.held += first.size
		b.queue = slices.Delete(b.queue, 0, 1)
		close(first.open)
	}
}
