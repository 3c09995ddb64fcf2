package memnet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// errBroken tells a writer that this write was the one by which the stream broke.
var errBroken = errors.New("broken")

// flow is one direction of a stream. Unlike that of net.Pipe it is buffered: one end may write and close before
// the other has begun to read. Whoever waits does so on changed, never on the mutex.
type flow struct {
	mu       sync.Mutex
	arrived  bytes.Buffer
	coming   []piece       // in order
	size     int           // bytes in both
	ended    bool          // the writer has closed
	over     bool          // and the reader can know it
	deserted bool          // the reader has closed: writing is pointless
	broken   bool          // nothing more comes
	changed  chan struct{} // closed with the next change; nil if nobody waits

	exposure
	rand    *rand.Rand // set before the first exposure
	carried int        // bytes, ever

	readBy, writeBy time.Time // deadlines; zero is none
}

// exposure is what the weather does to a flow.
type exposure struct {
	Conditions
	held bool // what is written stays with its writer
	deaf bool // what arrives is not read
}

// piece is something on its way.
type piece struct {
	b    []byte
	last bool
	at   time.Time // of arrival; zero while it is held
}

// change applies f and wakes all who wait.
func (s *flow) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.wake()
}

// wake is called with the mutex held, like all that follows it here.
func (s *flow) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// nextChange returns what wake closes.
func (s *flow) nextChange() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// expose applies what the weather has become; what was held leaves if it is no more.
func (s *flow) expose(e exposure) {
	released := s.held && !e.held
	s.exposure = e
	for i := range s.coming {
		if released && s.coming[i].at.IsZero() {
			s.coming[i].at = s.arrival(i)
		}
	}
}

// arrival draws when a piece arrives that leaves now, as number i: no earlier than those before it.
func (s *flow) arrival(i int) time.Time {
	at := time.Now().Add(s.delay(s.rand))
	if i > 0 && s.coming[i-1].at.After(at) {
		return s.coming[i-1].at
	}
	return at
}

// put sends a piece on its way; where there is no way, it has arrived.
func (s *flow) put(b []byte, last bool) {
	s.size += len(b)
	s.carried += len(b)
	if !s.held && len(s.coming) == 0 && s.Latency <= 0 && s.Jitter <= 0 {
		s.arrived.Write(b)
		s.over = s.over || last
		return
	}
	p := piece{b: append([]byte(nil), b...), last: last}
	if !s.held {
		p.at = s.arrival(len(s.coming))
	}
	s.coming = append(s.coming, p)
}

// land takes in what has arrived.
func (s *flow) land() {
	for len(s.coming) > 0 && pastDeadline(s.coming[0].at) {
		s.arrived.Write(s.coming[0].b)
		s.over = s.over || s.coming[0].last
		s.coming[0].b = nil
		s.coming = s.coming[1:]
	}
}

// reset breaks the flow; nothing of it can be read any more.
func (s *flow) reset() {
	s.broken = true
	s.drop()
}

func (s *flow) drop() {
	s.arrived.Reset()
	s.coming, s.size = nil, 0
}

// desert closes the reader's end.
func (s *flow) desert() {
	s.deserted = true
	s.drop()
}

// end closes the writer's end.
func (s *flow) end() {
	if !s.ended {
		s.ended = true
		s.put(nil, true)
	}
}

// finished says whether both ends have closed. It takes the mutex itself.
func (s *flow) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended && s.deserted
}

func (s *flow) read(b []byte) (int, error) {
	for {
		n, changed, until, err := s.tryRead(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		awaitChange(changed, until)
	}
}

// tryRead reads what there is; if that is nothing, it says what to wait for.
func (s *flow) tryRead(b []byte) (n int, changed <-chan struct{}, until time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.land()
	until = s.readBy
	switch {
	case s.deserted:
		err = net.ErrClosed
	case pastDeadline(s.readBy):
		err = os.ErrDeadlineExceeded
	case s.deaf && !s.broken:
	case s.arrived.Len() > 0:
		n, _ = s.arrived.Read(b)
		s.size -= n
		s.wake()
	case len(s.coming) > 0:
		if next := s.coming[0].at; !next.IsZero() && (until.IsZero() || next.Before(until)) {
			until = next
		}
	case s.broken:
		err = syscall.ECONNRESET
	case s.over:
		err = io.EOF
	}
	if n == 0 && err == nil {
		changed = s.nextChange()
	}
	return n, changed, until, err
}

func (s *flow) write(b []byte) (written int, err error) {
	for {
		n, changed, until, err := s.tryWrite(b[written:])
		if written += n; err != nil || written == len(b) {
			return written, err
		}
		awaitChange(changed, until)
	}
}

// tryWrite writes what there is room for, and says what to wait for if that is not all.
func (s *flow) tryWrite(b []byte) (n int, changed <-chan struct{}, until time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		err = net.ErrClosed
	case pastDeadline(s.writeBy):
		err = os.ErrDeadlineExceeded
	case s.broken:
		err = syscall.ECONNRESET
	case s.deserted && !s.held: // while it is held, we cannot know
		err = io.ErrClosedPipe
	default:
		n = min(len(b), BufferSize-s.size)
		if s.BreakAfter > 0 && s.carried+n > s.BreakAfter {
			n, err, s.broken = max(0, s.BreakAfter-s.carried), errBroken, true
		}
		if n > 0 {
			s.put(b[:n], false)
		}
		if n > 0 || err != nil {
			s.wake()
		}
	}
	if n < len(b) && err == nil {
		changed = s.nextChange()
	}
	return n, changed, s.writeBy, err
}

// pastDeadline says whether a time has come; zero never does.
func pastDeadline(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// awaitChange returns when changed is closed, or at a time unless that is zero.
func awaitChange(changed <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}
