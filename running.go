package memberlist

import "sync"

// running counts what is under way, so that Shutdown can end it: once it is closed nothing new
// begins, and whoever closed it can wait for the rest. A node has two: its own goroutines, and the
// application's methods that it is calling.
type running struct {
	closing chan struct{} // closed by close
	idle    chan struct{} // closed when the last has ended after close

	mu     sync.Mutex // a leaf
	closed bool
	active int
}

func newRunning() *running {
	return &running{closing: make(chan struct{}), idle: make(chan struct{})}
}

// do runs f unless closed, and says whether it did.
func (r *running) do(f func()) bool {
	if !r.enter() {
		return false
	}
	defer r.leave()
	f()
	return true
}

// start runs f on a goroutine unless closed, and says whether it did.
func (r *running) start(f func()) bool {
	if !r.enter() {
		return false
	}
	go func() {
		defer r.leave()
		f()
	}()
	return true
}

func (r *running) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.active++
	return true
}

func (r *running) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active--; r.active == 0 && r.closed {
		close(r.idle)
	}
}

// close lets nothing further begin. It reports false when it was closed before.
func (r *running) close() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.closed = true
	close(r.closing)
	if r.active == 0 {
		close(r.idle)
	}
	return true
}

// wait gives what is under way until limit is closed to end.
func (r *running) wait(limit <-chan struct{}) {
	select {
	case <-r.idle:
	case <-limit:
	}
}
