package bed

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// Hook is an application for measurements: what is nil is not asked for, and a library whose user has none of
// these delegates is not given them.
type Hook struct {
	Joined   func()            // EventDelegate.NotifyJoin
	Departed func(name string) // EventDelegate.NotifyLeave
	Merged   func()            // Delegate.MergeRemoteState
	Message  func([]byte)      // Delegate.NotifyMsg; the node's queue of broadcasts comes with it
	Asked    func()            // AliveDelegate.NotifyAlive
}

// Lab is a node whose transport is a test's: packets and streams are put in by hand, and what it sends is counted.
type Lab interface {
	Node
	// Packet makes what Feed takes, so that feeding allocates nothing. The bytes are given away.
	Packet(buf []byte) any
	Feed(packet any)
	Connect(conn net.Conn)
}

// Sink counts what happens, a Lab's packets for instance, and tells when there was enough of it.
type Sink struct {
	sent, goal atomic.Int64
	reached    chan struct{}
}

// NewSink makes a Sink.
func NewSink() *Sink { return &Sink{reached: make(chan struct{}, 1)} }

// Count counts one.
func (s *Sink) Count() {
	if s.sent.Add(1) == s.goal.Load() {
		select {
		case s.reached <- struct{}{}:
		default: // nobody has waited the last time either
		}
	}
}

// Sent is how many there were so far.
func (s *Sink) Sent() int64 { return s.sent.Load() }

// Expect says how many are to come, before the first of them is caused.
func (s *Sink) Expect(n int) {
	select {
	case <-s.reached:
	default:
	}
	s.goal.Store(s.sent.Load() + int64(n))
}

// Wait waits until they have come, but not longer than that.
func (s *Sink) Wait(limit time.Duration) error { return Await(s.reached, limit, "events") }

// Await waits for a sign, but not longer than that.
func Await(sign <-chan struct{}, limit time.Duration, what string) error {
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case <-sign:
		return nil
	case <-over.C:
		return fmt.Errorf("the %s that were expected have not come", what)
	}
}

// Queue is a TransmitLimitedQueue of either kind.
type Queue interface {
	Add(name string, msg []byte)
	Take(overhead, limit int) int // how many messages it gave
	Len() int
}
