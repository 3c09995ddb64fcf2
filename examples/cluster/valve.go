package main

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

// valve is a transport that can be closed for a while. What wants through is held, not lost: packets and
// streams that come in wait here, behind that in the kernel, and what the node sends waits in the call.
// For the others that is a process which stands still; a conversation that is under way goes on.
type valve struct {
	memberlist.Transport
	packets chan *memberlist.Packet
	streams chan net.Conn
	loops   sync.WaitGroup
	ending  sync.Once
	done    chan struct{}

	mu   sync.Mutex
	pass chan struct{} // closed while the valve is open
}

// newValve puts an open valve in front of a transport, which it will shut down.
func newValve(inner memberlist.Transport) *valve {
	v := &valve{
		Transport: inner,
		packets:   make(chan *memberlist.Packet),
		streams:   make(chan net.Conn),
		done:      make(chan struct{}),
		pass:      make(chan struct{}),
	}
	close(v.pass)
	v.loops.Go(func() { relay(v, inner.PacketCh(), v.packets, func(*memberlist.Packet) {}) })
	v.loops.Go(func() { relay(v, inner.StreamCh(), v.streams, func(c net.Conn) { c.Close() }) })
	return v
}

// pause closes the valve, resume opens it. Each follows the other.
func (v *valve) pause() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pass = make(chan struct{})
}

func (v *valve) resume() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.pass)
}

// wait returns once the valve is open, or with an error when it will not be in time.
func (v *valve) wait(limit <-chan time.Time) error {
	v.mu.Lock()
	pass := v.pass
	v.mu.Unlock()
	select {
	case <-pass:
		return nil
	case <-limit:
		return os.ErrDeadlineExceeded
	case <-v.done:
		return net.ErrClosed
	}
}

// relay hands on what comes in while the valve is open, until shutdown.
func relay[T any](v *valve, from <-chan T, to chan<- T, drop func(T)) {
	for {
		select {
		case x := <-from:
			if v.wait(nil) != nil {
				drop(x)
				return
			}
			select {
			case to <- x:
			case <-v.done:
				drop(x)
				return
			}
		case <-v.done:
			return
		}
	}
}

// PacketCh and StreamCh are what has come through.
func (v *valve) PacketCh() <-chan *memberlist.Packet { return v.packets }
func (v *valve) StreamCh() <-chan net.Conn           { return v.streams }

// WriteTo sends a packet once the valve is open.
func (v *valve) WriteTo(b []byte, addr string) (time.Time, error) {
	if err := v.wait(nil); err != nil {
		return time.Time{}, fmt.Errorf("send to %s: %w", addr, err)
	}
	return v.Transport.WriteTo(b, addr)
}

// DialTimeout opens a stream if the valve opens before the timeout.
func (v *valve) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	begun := time.Now()
	if err := v.wait(time.After(timeout)); err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return v.Transport.DialTimeout(addr, timeout-time.Since(begun))
}

// Shutdown ends the transport and everything that waits.
func (v *valve) Shutdown() (err error) {
	v.ending.Do(func() {
		close(v.done)
		err = v.Transport.Shutdown()
		v.loops.Wait()
	})
	return err
}
