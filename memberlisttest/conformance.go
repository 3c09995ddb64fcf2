package memberlisttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

// How long the tests of a transport wait. They run in real time and should not fail on a busy machine.
const (
	patience = 5 * time.Second        // for what must happen
	again    = 50 * time.Millisecond  // before a datagram is taken to be lost and sent again
	quiet    = 100 * time.Millisecond // for what must not happen
)

// TestTransport tests whether a transport keeps to what memberlist.Transport says, and to NodeAwareTransport and
// IngestionAwareTransport if it implements them. It calls pair for each of its subtests: for two fresh
// transports that reach each other, of nodes named "a" and "b". It shuts both down itself; whatever else
// they need, pair ends by t.Cleanup.
//
//   - The advertised address is one that the other reaches. So is the source of a datagram.
//   - Datagrams of up to 1,400 bytes cross whole, with sensible times, more of them than get lost. Larger and
//     empty ones do, are refused, or get lost, but are not changed and break nothing.
//   - A received datagram is the receiver's: later ones do not write to it.
//   - Everything may be called at once. The race detector should watch.
//   - Streams carry both ways at once, in order, to the end; they heed deadlines, also those set during a call.
//   - To dial where nobody is fails within the timeout.
//   - Shutdown returns soon, whatever waits, and as often as it is called. Afterwards nothing is delivered to the
//     node, and no goroutine is left.
//   - What is ingested comes out as it went in.
//   - Where the node's name is asked for, it may be empty.
//
// It takes a few seconds of real time. It uses t.Run, so it cannot be called in a bubble of testing/synctest.
func TestTransport(t *testing.T, pair func(t *testing.T) (a, b memberlist.Transport)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			left := label()
			t.Cleanup(func() { // after what pair has to clean up
				if err := left(); err != nil {
					t.Error(err)
				}
			})
			a, b := pair(t)
			if err := c.run(a, b); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise.
type check struct {
	name string
	f    func(*meeting) error
}

func checks() []check {
	return []check{
		{"datagrams cross", datagramsCross},
		{"large datagrams cross, are refused or get lost", largeDatagrams},
		{"empty datagrams break nothing", emptyDatagrams},
		{"a received datagram is the receiver's", datagramsAreKept},
		{"everything may be called at once", everythingAtOnce},
		{"streams carry both ways", streamsCarry},
		{"streams heed deadlines", streamsHeedDeadlines},
		{"closing a stream ends what waits for it", streamsClose},
		{"many streams wait to be accepted", streamsWait},
		{"to dial where nobody is fails in time", dialNowhere},
		{"Shutdown is final", shutdownIsFinal},
		{"Shutdown waits for nobody", shutdownWaitsForNobody},
		{"what is ingested comes out", ingested},
		{"the name of a node may be empty", namesMayBeEmpty},
	}
}

func (c check) run(a, b memberlist.Transport) error {
	m := &meeting{a: newEnd("a", a), b: newEnd("b", b)}
	defer m.end()
	for _, e := range []*end{m.a, m.b} {
		if e.err != nil {
			return fmt.Errorf("FinalAdvertiseAddr of %s: %w", e.name, e.err)
		}
	}
	return c.f(m)
}

// meeting is two transports that are being tested.
type meeting struct {
	a, b *end
}

// end shuts both down, takes what has arrived and closes what nobody has accepted.
func (m *meeting) end() {
	for _, e := range []*end{m.a, m.b} {
		_ = within(patience, "Shutdown", e.Shutdown) // has tests of its own
		for len(e.packets) > 0 {
			<-e.packets
		}
		for len(e.streams) > 0 {
			if conn := <-e.streams; conn != nil {
				_ = conn.Close()
			}
		}
	}
}

// end is one of them, used as memberlist does: it asks once for address and channels.
type end struct {
	memberlist.Transport
	name    string
	at      memberlist.Address
	err     error
	packets <-chan *memberlist.Packet
	streams <-chan net.Conn
}

func newEnd(name string, tr memberlist.Transport) *end {
	e := &end{Transport: tr, name: name}
	ip, port, err := tr.FinalAdvertiseAddr("", 0)
	switch {
	case err != nil:
		e.err = err
	case len(ip) != net.IPv4len && len(ip) != net.IPv6len:
		e.err = fmt.Errorf("the IP address has %d bytes, want 4 or 16", len(ip))
	case port <= 0 || port > 65535:
		e.err = fmt.Errorf("the port is %d", port)
	}
	e.at = memberlist.Address{Addr: net.JoinHostPort(ip.String(), strconv.Itoa(port)), Name: name}
	e.packets, e.streams = tr.PacketCh(), tr.StreamCh()
	return e
}

// write is what memberlist sends a datagram with: the transport may keep the bytes.
func (e *end) write(text string, to memberlist.Address) (time.Time, error) {
	if aware, ok := e.Transport.(memberlist.NodeAwareTransport); ok {
		return aware.WriteToAddress([]byte(text), to)
	}
	return e.WriteTo([]byte(text), to.Addr)
}

// dial is what memberlist opens a stream with.
func (e *end) dial(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if aware, ok := e.Transport.(memberlist.NodeAwareTransport); ok {
		return aware.DialAddressTimeout(to, timeout)
	}
	return e.DialTimeout(to.Addr, timeout)
}

// next waits for a datagram; nil if none comes.
func (e *end) next(wait time.Duration) *memberlist.Packet {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case p := <-e.packets: // nil if it is closed
		return p
	case <-timer.C:
		return nil
	}
}

// accept waits for a stream.
func (e *end) accept() (net.Conn, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case conn := <-e.streams:
		if conn != nil {
			return conn, nil
		}
		return nil, errors.New("StreamCh is closed")
	case <-timer.C:
		return nil, fmt.Errorf("a stream was dialled that does not arrive within %v", patience)
	}
}

// within calls f and fails if it takes too long; f is then left behind.
func within(d time.Duration, what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("%s has not ended after %v", what, d)
	}
}

// labels counts them, so that no two are the same.
var labels atomic.Int64

// label marks all goroutines that this one starts from now on, and those that they start. What it returns
// ends that, and says which of them are left after a while.
func label() func() error {
	const key = "memberlisttest"
	value := strconv.FormatInt(labels.Add(1), 10)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(key, value)))
	return func() error {
		pprof.SetGoroutineLabels(context.Background())
		mark := fmt.Sprintf("%q:%q", key, value)
		var left string
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if left = labelled(mark); left == "" {
				return nil
			}
			if time.Now().After(end) {
				return fmt.Errorf("goroutines are left after Shutdown:\n%s", left)
			}
		}
	}
}

// labelled returns the stacks of the goroutines that bear a label.
func labelled(mark string) string {
	var profile strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return err.Error()
	}
	var all []string
	for record := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(record, mark) {
			all = append(all, record)
		}
	}
	return strings.Join(all, "\n\n")
}
