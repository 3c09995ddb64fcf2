package memberlist

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// mockBuffer is how much a stream of a MockNetwork holds in each direction before a writer waits:
// about what a socket does, so that a peer that never reads is noticed.
const mockBuffer = 256 << 10

// mockPipe returns the two ends of a stream. Unlike those of net.Pipe they are buffered:
// one end may write and close before the other has begun to read.
func mockPipe(a, b net.Addr) (net.Conn, net.Conn) {
	there, back := newMockFlow(), newMockFlow()
	return &mockConn{in: back, out: there, local: a, remote: b}, &mockConn{in: there, out: back, local: b, remote: a}
}

// mockFlow is one direction of a stream. Whoever waits does so on changed, never on the mutex:
// in a bubble of testing/synctest, time stands still while anyone waits for a mutex.
type mockFlow struct {
	mu       sync.Mutex
	buf      bytes.Buffer
	ended    bool          // the writer has closed: what is buffered can still be read
	deserted bool          // the reader has closed: writing is pointless
	changed  chan struct{} // closed, and replaced, with each change

	readBy, writeBy time.Time // deadlines; zero is none
}

func newMockFlow() *mockFlow { return &mockFlow{changed: make(chan struct{})} }

// change applies f and wakes all who wait.
func (s *mockFlow) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.wake()
}

// wake is called with the mutex held.
func (s *mockFlow) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *mockFlow) read(b []byte) (int, error) {
	for {
		n, changed, by, err := s.tryRead(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		awaitChange(changed, by)
	}
}

// tryRead reads what there is; if that is nothing, it says what to wait for.
func (s *mockFlow) tryRead(b []byte) (n int, changed <-chan struct{}, by time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.deserted:
		err = net.ErrClosed
	case pastDeadline(s.readBy):
		err = os.ErrDeadlineExceeded
	case s.buf.Len() > 0:
		n, _ = s.buf.Read(b)
		s.wake()
	case s.ended:
		err = io.EOF
	}
	return n, s.changed, s.readBy, err
}

func (s *mockFlow) write(b []byte) (written int, err error) {
	for {
		n, changed, by, err := s.tryWrite(b[written:])
		if written += n; err != nil || written == len(b) {
			return written, err
		}
		awaitChange(changed, by)
	}
}

// tryWrite writes what there is room for, and says what to wait for if that is not all.
func (s *mockFlow) tryWrite(b []byte) (n int, changed <-chan struct{}, by time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		err = net.ErrClosed
	case pastDeadline(s.writeBy):
		err = os.ErrDeadlineExceeded
	case s.deserted:
		err = io.ErrClosedPipe
	default:
		if n = min(len(b), mockBuffer-s.buf.Len()); n > 0 {
			s.buf.Write(b[:n])
			s.wake()
		}
	}
	return n, s.changed, s.writeBy, err
}

func pastDeadline(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// awaitChange returns when changed is closed, or at the deadline if there is one.
func awaitChange(changed <-chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// mockConn is one end of a stream.
type mockConn struct {
	in, out       *mockFlow
	local, remote net.Addr
}

func (c *mockConn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	if err != nil && err != io.EOF { // callers compare io.EOF
		err = c.fail("read", err)
	}
	return n, err
}

func (c *mockConn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	if err != nil {
		err = c.fail("write", err)
	}
	return n, err
}

func (c *mockConn) Close() error {
	c.in.change(func() { c.in.deserted = true; c.in.buf.Reset() })
	c.out.change(func() { c.out.ended = true })
	return nil
}

func (c *mockConn) LocalAddr() net.Addr  { return c.local }
func (c *mockConn) RemoteAddr() net.Addr { return c.remote }

func (c *mockConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *mockConn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.readBy = t })
	return nil
}

func (c *mockConn) SetWriteDeadline(t time.Time) error {
	c.out.change(func() { c.out.writeBy = t })
	return nil
}

func (c *mockConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "mock", Source: c.local, Addr: c.remote, Err: err}
}
