package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f61b0479/memberlist/internal/memnet"
)

// mockPair returns two transports of one network.
func mockPair() (a, b *MockTransport) {
	var n MockNetwork
	return n.NewTransport("a"), n.NewTransport("b")
}

// mockStream returns both ends of a stream from a to b.
func mockStream(t *testing.T, a, b *MockTransport) (dialled, accepted net.Conn) {
	t.Helper()
	dialled, err := a.DialTimeout(b.addr.String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return dialled, <-b.StreamCh()
}

func TestDefectB33AClosedMockTransportIsUnreachableAndNobodyHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mockPair()
		var wg sync.WaitGroup
		for _, pair := range [][2]*MockTransport{{a, b}, {b, a}} {
			wg.Go(func() { // gossip at each other; nobody reads
				for range 2 * memnet.InboxSize {
					pair[0].WriteTo([]byte("gossip"), pair[1].addr.String())
				}
			})
		}
		if err := b.Shutdown(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		wg.Wait()
		if err := b.Shutdown(); err != nil {
			t.Errorf("second shutdown: %v", err)
		}
		had := len(b.PacketCh())
		for _, to := range []Address{{Addr: b.addr.String()}, {Addr: b.addr.String(), Name: "b"}, {Name: "b"}} {
			if _, err := a.WriteToAddress([]byte("x"), to); err == nil {
				t.Errorf("a closed node is reached at %v", &to)
			}
			if _, err := a.DialAddressTimeout(to, time.Second); err == nil {
				t.Errorf("a closed node is dialled at %v", &to)
			}
		}
		if got := len(b.PacketCh()); got != had {
			t.Errorf("%d packets arrived after shutdown", got-had)
		}
		if _, err := b.WriteTo([]byte("x"), a.addr.String()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing from a closed node: %v", err)
		}
		if _, err := b.DialTimeout(a.addr.String(), time.Second); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dialling from a closed node: %v", err)
		}
	})
}

func TestMockTransportsHaveAddressesOfTheirOwn(t *testing.T) {
	var n MockNetwork
	for _, want := range []string{"127.0.0.1:20000", "127.0.0.1:20001"} {
		tr := n.NewTransport("x")
		ip, port, err := tr.FinalAdvertiseAddr("10.0.0.1", 7)
		if text := net.JoinHostPort(ip.String(), fmt.Sprint(port)); err != nil || text != want || len(ip) != 4 {
			t.Errorf("advertises %s, want %s: %v", text, want, err)
		}
		if tr.addr.String() != want || tr.addr.Network() != "mock" {
			t.Errorf("the address is %v in %s, want %s", tr.addr, tr.addr.Network(), want)
		}
	}
}

func TestAMockDatagramArrivesAsACopyWithItsSender(t *testing.T) {
	a, b := mockPair()
	buf := []byte("hello")
	before := time.Now()
	sent, err := a.WriteTo(buf, b.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	copy(buf, "XXXXX")
	p := <-b.PacketCh()
	if string(p.Buf) != "hello" || p.From.String() != a.addr.String() {
		t.Errorf("%q came from %v", p.Buf, p.From)
	}
	if sent.Before(before) || p.Timestamp.Before(sent) {
		t.Errorf("sent at %v, arrived at %v", sent, p.Timestamp)
	}
	if _, err := b.WriteTo([]byte("back"), p.From.String()); err != nil {
		t.Errorf("the sender's address is no way back: %v", err)
	}
	if p := <-a.PacketCh(); string(p.Buf) != "back" {
		t.Errorf("%q came back", p.Buf)
	}
}

func TestWhoIsReachedAtAMockAddress(t *testing.T) {
	var n MockNetwork
	from, first, second := n.NewTransport("from"), n.NewTransport("twin"), n.NewTransport("twin")
	for name, c := range map[string]struct {
		to   Address
		want *MockTransport
	}{
		"the address alone":                 {Address{Addr: first.addr.String()}, first},
		"the address decides over the name": {Address{Addr: first.addr.String(), Name: "from"}, first},
		"the name alone":                    {Address{Name: "twin"}, second},
		"the name with a foreign address":   {Address{Addr: "example.org:1", Name: "twin"}, second},
		"a foreign address alone":           {Address{Addr: "127.0.0.1:1"}, nil},
		"an unknown name":                   {Address{Name: "nobody"}, nil},
		"nothing at all":                    {Address{}, nil},
		"ourselves":                         {Address{Name: "from"}, from},
	} {
		_, err := from.WriteToAddress([]byte("x"), c.to)
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: the error is %v", name, err)
		}
		for _, tr := range []*MockTransport{from, first, second} {
			if got := len(tr.PacketCh()); got != 0 && tr != c.want {
				t.Errorf("%s: %v got it", name, tr.addr)
			} else if got == 0 && tr == c.want {
				t.Errorf("%s: %v did not get it", name, tr.addr)
			}
			for len(tr.PacketCh()) > 0 {
				<-tr.PacketCh()
			}
		}
	}
}

func TestTheOlderOfANameDoesNotTakeTheNewerOffTheNetwork(t *testing.T) {
	var n MockNetwork
	old, again, other := n.NewTransport("a"), n.NewTransport("a"), n.NewTransport("other")
	old.Shutdown()
	if _, err := other.WriteToAddress([]byte("x"), Address{Name: "a"}); err != nil || len(again.PacketCh()) != 1 {
		t.Errorf("the restarted node is not reached by its name: %v", err)
	}
	if _, err := other.WriteToAddress([]byte("x"), Address{Addr: old.addr.String(), Name: "a"}); err == nil {
		t.Error("the restarted node is reached at its former address")
	}
}

func TestAFullMockInboxLosesDatagrams(t *testing.T) {
	a, b := mockPair()
	for i := range memnet.InboxSize + 10 {
		if _, err := a.WriteTo([]byte{1}, b.addr.String()); err != nil {
			t.Fatalf("datagram %d: %v", i, err)
		}
	}
	if got := len(b.PacketCh()); got != memnet.InboxSize {
		t.Errorf("%d wait, want %d", got, memnet.InboxSize)
	}
}

func TestAMockStreamIsReadAfterItsWriterHasClosed(t *testing.T) {
	a, b := mockPair()
	dialled, accepted := mockStream(t, a, b)
	if dialled.LocalAddr().String() != a.addr.String() || dialled.RemoteAddr().String() != b.addr.String() ||
		accepted.LocalAddr().String() != b.addr.String() || accepted.RemoteAddr().String() != a.addr.String() {
		t.Errorf("the addresses are %v to %v and %v to %v",
			dialled.LocalAddr(), dialled.RemoteAddr(), accepted.LocalAddr(), accepted.RemoteAddr())
	}
	want := bytes.Repeat([]byte("state"), 10_000)
	if n, err := dialled.Write(want); n != len(want) || err != nil {
		t.Fatalf("wrote %d: %v", n, err)
	}
	dialled.Close()
	got, err := io.ReadAll(accepted)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, want %d: %v", len(got), len(want), err)
	}
	if _, err := accepted.Write([]byte("x")); err == nil {
		t.Error("wrote to an end that is closed")
	}
	if _, err := dialled.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading from a closed end: %v", err)
	}
	if _, err := dialled.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing to a closed end: %v", err)
	}
}

func TestMoreThanAMockStreamHoldsWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mockPair()
		dialled, accepted := mockStream(t, a, b)
		want := make([]byte, 3*memnet.BufferSize+7)
		for i := range want {
			want[i] = byte(i * 31)
		}
		go func() {
			dialled.Write(want)
			dialled.Close()
		}()
		synctest.Wait()
		got, err := io.ReadAll(accepted)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %d bytes of %d: %v", len(got), len(want), err)
		}
	})
}

func TestMockDeadlines(t *testing.T) {
	var (
		read  = func(c net.Conn) (int, error) { return c.Read(make([]byte, 1)) }
		write = func(c net.Conn) (int, error) { return c.Write(make([]byte, 2*memnet.BufferSize)) }
	)
	for name, c := range map[string]struct {
		set  func(net.Conn, time.Time) error
		call func(net.Conn) (int, error)
		n    int
	}{
		"reading":          {net.Conn.SetReadDeadline, read, 0},
		"reading, for all": {net.Conn.SetDeadline, read, 0},
		"writing":          {net.Conn.SetWriteDeadline, write, memnet.BufferSize},
		"writing, for all": {net.Conn.SetDeadline, write, memnet.BufferSize},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := mockPair()
				conn, _ := mockStream(t, a, b)
				start := time.Now()
				c.set(conn, start.Add(time.Minute))
				n, err := c.call(conn)
				var timeout net.Error
				if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("the error is %v, want a timeout", err)
				}
				if waited := time.Since(start); n != c.n || waited != time.Minute {
					t.Errorf("%d bytes after %v, want %d after a minute", n, waited, c.n)
				}
			})
		})
	}
}

func TestAMockDeadlineCanBeMovedWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mockPair()
		conn, _ := mockStream(t, a, b)
		conn.SetReadDeadline(time.Now().Add(time.Hour))
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			conn.SetReadDeadline(time.Now().Add(time.Second))
		}()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("ended after %v: %v", time.Since(start), err)
		}
		conn.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Second)
			conn.Close()
		}()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing does not end a read: %v", err)
		}
	})
}

func TestMockShutdownRefusesWhatNobodyHasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mockPair()
		dialled, accepted := mockStream(t, a, b)
		waiting, err := a.DialTimeout(b.addr.String(), 0)
		if err != nil {
			t.Fatal(err)
		}
		b.Shutdown()
		if _, err := waiting.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("a stream that nobody accepted ends with %v", err)
		}
		dialled.Write([]byte("x"))
		if n, err := accepted.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("an accepted stream ended with the transport: %v", err)
		}
	})
}

func TestMockDialWaitsForRoomInTheBacklog(t *testing.T) {
	for name, c := range map[string]struct {
		then func(a, b *MockTransport)
		want error
		wait time.Duration
	}{
		"and gets in when one is accepted":  {func(_, b *MockTransport) { <-b.StreamCh() }, nil, time.Second},
		"and is refused when the node ends": {func(_, b *MockTransport) { b.Shutdown() }, memnet.ErrRefused, time.Second},
		"and gives up when we end":          {func(a, _ *MockTransport) { a.Shutdown() }, net.ErrClosed, time.Second},
		"and gives up at the timeout":       {func(_, _ *MockTransport) {}, os.ErrDeadlineExceeded, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := mockPair()
				for range memnet.BacklogSize {
					if _, err := a.DialTimeout(b.addr.String(), time.Minute); err != nil {
						t.Fatal(err)
					}
				}
				start := time.Now()
				go func() {
					time.Sleep(time.Second)
					c.then(a, b)
				}()
				_, err := a.DialTimeout(b.addr.String(), time.Minute)
				if !errors.Is(err, c.want) || time.Since(start) != c.wait {
					t.Errorf("after %v: %v, want %v after %v", time.Since(start), err, c.want, c.wait)
				}
			})
		})
	}
}

func TestMockIngestsPackets(t *testing.T) {
	a, b := mockPair()
	now := time.Unix(1000, 0)
	ingest := func(data []byte, shouldClose bool) (net.Conn, error) {
		ours, theirs := mockStream(t, b, a)
		ours.Write(data)
		ours.Close()
		return theirs, b.IngestPacket(theirs, a.addr, now, shouldClose)
	}
	conn, err := ingest([]byte("datagram"), false)
	if err != nil {
		t.Fatal(err)
	}
	if p := <-b.PacketCh(); string(p.Buf) != "datagram" || p.From != a.addr || !p.Timestamp.Equal(now) {
		t.Errorf("ingested %q from %v at %v", p.Buf, p.From, p.Timestamp)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection was closed although it should stay: %v", err)
	}
	if conn, err = ingest([]byte("datagram"), true); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection was not closed: %v", err)
	}
	if _, err := ingest(nil, true); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an empty datagram: %v", err)
	}
	if _, err := ingest(make([]byte, memnet.LongestIngest+1), true); !errors.Is(err, ErrMessageTooLarge) {
		t.Errorf("a datagram that is too long: %v", err)
	}
	for len(b.PacketCh()) < memnet.InboxSize {
		a.WriteTo([]byte("x"), b.addr.String())
	}
	if _, err := ingest([]byte("x"), true); !errors.Is(err, memnet.ErrFull) {
		t.Errorf("a full inbox: %v", err)
	}
	ours, theirs := mockStream(t, b, a)
	ours.Write([]byte("x"))
	ours.Close()
	b.Shutdown()
	if err := b.IngestPacket(theirs, a.addr, now, true); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after shutdown: %v", err)
	}
}

func TestMockIngestsStreams(t *testing.T) {
	a, b := mockPair()
	theirs, _ := mockStream(t, b, a)
	if err := b.IngestStream(theirs); err != nil {
		t.Fatal(err)
	}
	if got := <-b.StreamCh(); got != theirs {
		t.Errorf("another stream came out: %v", got)
	}
	for range memnet.BacklogSize {
		b.IngestStream(theirs)
	}
	if err := b.IngestStream(theirs); !errors.Is(err, memnet.ErrFull) {
		t.Errorf("a full backlog: %v", err)
	}
	b.Shutdown()
	if err := b.IngestStream(theirs); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after shutdown: %v", err)
	}
}

// TestAMockNetworkIsSafeForConcurrentUse lets everybody talk to everybody while nodes come and go,
// for the race detector, and leaves no goroutine behind.
func TestAMockNetworkIsSafeForConcurrentUse(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var (
		n  MockNetwork
		wg sync.WaitGroup
	)
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				talkAndLeave(n.NewTransport(fmt.Sprint("node", i)))
			}
		})
	}
	wg.Wait()
}

// talkAndLeave sends to all names, serves what comes, and shuts down.
func talkAndLeave(tr *MockTransport) {
	for i := range 8 {
		to := Address{Name: fmt.Sprint("node", i)}
		tr.WriteToAddress([]byte("datagram"), to)
		if conn, err := tr.DialAddressTimeout(to, time.Second); err == nil {
			conn.Write([]byte("stream"))
			conn.Close()
		}
	}
	for range 4 {
		select {
		case <-tr.PacketCh():
		case conn := <-tr.StreamCh():
			io.Copy(conn, conn)
			conn.Close()
		default:
		}
	}
	tr.Shutdown()
}
