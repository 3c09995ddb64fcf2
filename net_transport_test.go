package memberlist

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// listenLocal starts a transport on loopback that is shut down, without leaving anything, at the test's end.
func listenLocal(t testing.TB, binds ...string) *NetTransport {
	t.Helper()
	if len(binds) == 0 {
		binds = []string{"127.0.0.1"}
	}
	needFamilies(t, binds)
	before := goleak.IgnoreCurrent()
	tr, err := NewNetTransport(&NetTransportConfig{BindAddrs: binds, Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Shutdown(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
	return tr
}

// needFamilies skips a test for IPv6 on a machine that has none.
func needFamilies(t testing.TB, binds []string) {
	t.Helper()
	for _, bind := range binds {
		if !strings.Contains(bind, ":") {
			continue
		}
		l, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			t.Skipf("no IPv6 here: %v", err)
		}
		l.Close()
	}
}

// at is where the transport listens, under the given host.
func (t *NetTransport) at(host string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), uint16(t.GetAutoBindPort()))
}

// handled gives what the transport's readers handle directly, as copies.
func (t *NetTransport) handled() chan *Packet {
	packets := make(chan *Packet)
	t.handleDirectly(func() func(*Packet) {
		return func(p *Packet) {
			kept := *p
			kept.Buf = bytes.Clone(p.Buf)
			packets <- &kept
		}
	})
	return packets
}

func receivePacket(t testing.TB, packets <-chan *Packet) *Packet {
	t.Helper()
	select {
	case p := <-packets:
		return p
	case <-time.After(5 * time.Second):
		t.Fatal("no packet came")
		return nil
	}
}

func receiveStream(t testing.TB, tr *NetTransport) net.Conn {
	t.Helper()
	select {
	case conn := <-tr.StreamCh():
		return conn
	case <-time.After(5 * time.Second):
		t.Fatal("no stream came")
		return nil
	}
}

func TestADatagramCrosses(t *testing.T) {
	for _, test := range []struct {
		says string
		bind string
		host string
		form int // bytes of the sender's address
	}{
		{"from an IPv4 socket", "127.0.0.1", "127.0.0.1", 4},
		{"from an IPv4 socket to the 16-byte form", "127.0.0.1", "::ffff:127.0.0.1", 4},
		{"from an IPv6 socket", "::1", "::1", 16},
		{"from every IPv4 address", "0.0.0.0", "127.0.0.1", 4},
		{"from every address by IPv4", "::", "127.0.0.1", 4},
		{"from every address by IPv6", "::", "::1", 16},
	} {
		for _, direct := range []bool{false, true} {
			t.Run(test.says, func(t *testing.T) {
				tr := listenLocal(t, test.bind)
				packets := tr.packets
				if direct {
					packets = tr.handled()
				}
				to := tr.at(test.host)
				before := time.Now()
				sent, err := tr.WriteTo([]byte("hello"), to.String())
				if err != nil {
					t.Fatal(err)
				}
				p := receivePacket(t, packets)
				if string(p.Buf) != "hello" {
					t.Errorf("received %q", p.Buf)
				}
				if sent.Before(before) || p.Timestamp.Before(before) || p.Timestamp.After(time.Now()) {
					t.Errorf("sent at %v and received at %v", sent, p.Timestamp)
				}
				want := netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
				if p.From.String() != want.String() {
					t.Errorf("from %v, want %v", p.From, want)
				}
				if got := len(p.From.(*net.UDPAddr).IP); got != test.form {
					t.Errorf("the sender's address has %d bytes, want %d", got, test.form)
				}
				if direct != (p.source == want) {
					t.Errorf("the fast source is %v", p.source)
				}
			})
		}
	}
}

func TestTheLargestDatagramIsReadWhole(t *testing.T) {
	for _, direct := range []bool{false, true} {
		tr := listenLocal(t)
		packets := tr.packets
		if direct {
			packets = tr.handled()
		}
		whole := bytes.Repeat([]byte("b"), maxPacket)
		for _, size := range []int{1, 1400, len(whole)} {
			if err := tr.writeTo(whole[:size], tr.at("127.0.0.1")); err != nil {
				t.Fatal(err)
			}
			p := receivePacket(t, packets)
			if !bytes.Equal(p.Buf, whole[:size]) {
				t.Errorf("received %d bytes, want %d", len(p.Buf), size)
			}
		}
		if err := tr.writeTo(append(whole, 'b'), tr.at("127.0.0.1")); !errors.Is(err, ErrMessageTooLarge) {
			t.Errorf("more than fits was sent: %v", err)
		}
	}
}

func TestPacketsThatAreKeptDoNotChange(t *testing.T) {
	tr := listenLocal(t)
	var kept []*Packet
	for _, text := range []string{"one", "two", "three"} {
		if err := tr.writeTo([]byte(text), tr.at("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
		p := receivePacket(t, tr.packets)
		kept = append(kept, p)
	}
	for i, want := range []string{"one", "two", "three"} {
		if string(kept[i].Buf) != want {
			t.Errorf("packet %d now reads %q", i, kept[i].Buf)
		}
	}
}

func TestEmptyDatagramsAreCountedAndLoggedOnce(t *testing.T) {
	sink := inmem(t)
	var said bytes.Buffer
	tr, err := NewNetTransport(&NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, Logger: log.New(&said, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	const empties = 3
	for range empties {
		if err := tr.writeTo(nil, tr.at("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.writeTo([]byte("x"), tr.at("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if p := receivePacket(t, tr.packets); string(p.Buf) != "x" {
		t.Errorf("received %q", p.Buf)
	}
	if err := tr.Shutdown(); err != nil {
		t.Fatal(err)
	}
	counted := 0
	for name, n := range sums(sink) {
		if strings.Contains(name, "empty") {
			counted += n
		}
	}
	if counted != empties {
		t.Errorf("counted %d of %d: %v", counted, empties, sums(sink))
	}
	if lines := strings.Count(said.String(), "\n"); lines != 1 || !strings.HasPrefix(said.String(), "[WARN] memberlist: empty packet") {
		t.Errorf("logged %q", said.String())
	}
}

func TestAStreamCrosses(t *testing.T) {
	tr := listenLocal(t)
	out, err := tr.DialAddressTimeout(Address{Addr: tr.at("127.0.0.1").String(), Name: "x"}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	out.Close()
	in := receiveStream(t, tr)
	defer in.Close()
	if got, err := io.ReadAll(in); err != nil || string(got) != "hello" {
		t.Errorf("received %q, %v", got, err)
	}
}

func TestEachBoundAddressServes(t *testing.T) {
	tr := listenLocal(t, "127.0.0.1", "::1")
	for _, host := range []string{"127.0.0.1", "::1"} {
		to := tr.at(host)
		if _, err := tr.WriteToAddress([]byte(host), Address{Addr: to.String()}); err != nil {
			t.Fatal(err)
		}
		if p := receivePacket(t, tr.packets); string(p.Buf) != host {
			t.Errorf("received %q, want %q", p.Buf, host)
		}
		conn, err := tr.DialTimeout(to.String(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		receiveStream(t, tr).Close()
	}
}

func TestANameIsLookedUpToSend(t *testing.T) {
	tr := listenLocal(t, "0.0.0.0")
	_, port, _ := net.SplitHostPort(tr.at("127.0.0.1").String())
	if _, err := tr.WriteTo([]byte("x"), net.JoinHostPort("localhost", port)); err != nil {
		t.Fatal(err)
	}
	receivePacket(t, tr.packets)
	if _, err := tr.WriteTo([]byte("x"), "no port"); err == nil {
		t.Error("nonsense was sent to")
	}
}

func TestWhatCannotBeBoundIsAnError(t *testing.T) {
	taken := listenLocal(t)
	for _, test := range []struct {
		says   string
		config NetTransportConfig
	}{
		{"no address", NetTransportConfig{}},
		{"a host name", NetTransportConfig{BindAddrs: []string{"localhost"}}},
		{"a mistyped address", NetTransportConfig{BindAddrs: []string{"127.0.0.1", "127.0.0"}}},
		{"an address of somebody else", NetTransportConfig{BindAddrs: []string{"127.0.0.1", "203.0.113.1"}}},
		{"a port that is none", NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, BindPort: 65536}},
		{"a port that is taken", NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, BindPort: taken.GetAutoBindPort()}},
	} {
		before := goleak.IgnoreCurrent()
		if tr, err := NewNetTransport(&test.config); err == nil {
			t.Errorf("%s: no error", test.says)
			tr.Shutdown()
		}
		goleak.VerifyNone(t, before)
	}
}

func TestAFailedBindLeavesNothingOpen(t *testing.T) {
	port := uint16(listenOnceAndClose(t))
	loop, nobody := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("203.0.113.1")
	if _, err := bindPort([]netip.Addr{loop, nobody}, port); err == nil {
		t.Fatal("an address of somebody else was bound")
	}
	bound, err := bindPort([]netip.Addr{loop}, port)
	if err != nil {
		t.Fatalf("the first address is still taken: %v", err)
	}
	bound.close()
}

func listenOnceAndClose(t *testing.T) int {
	tr := listenLocal(t)
	if err := tr.Shutdown(); err != nil {
		t.Fatal(err)
	}
	return tr.GetAutoBindPort()
}

func TestShutdownEndsEverything(t *testing.T) {
	tr := listenLocal(t)
	// One stream is accepted and waits for somebody to take it, one waits to be ingested,
	// and the packet channel is full.
	out, err := tr.DialTimeout(tr.at("127.0.0.1").String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	ingested := make(chan error)
	go func() { ingested <- tr.IngestStream(ours) }()
	for range packetBacklog + 2 {
		if err := tr.writeTo([]byte("x"), tr.at("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	again := make(chan error)
	go func() { again <- tr.Shutdown() }()
	if err := tr.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-again; err != nil {
		t.Error(err)
	}
	if err := <-ingested; !errors.Is(err, ErrShutdown) {
		t.Errorf("the stream that waited got %v", err)
	}
	ours.Close()
	if _, err := out.Read(make([]byte, 1)); err == nil {
		t.Error("the stream that nobody took is still open")
	}
	if _, err := tr.WriteTo([]byte("x"), tr.at("127.0.0.1").String()); err == nil {
		t.Error("a closed transport sends")
	}
	if err := tr.IngestStream(theirs); !errors.Is(err, ErrShutdown) {
		t.Errorf("a closed transport takes a stream: %v", err)
	}
}

func TestAPacketIsIngested(t *testing.T) {
	for _, test := range []struct {
		says  string
		size  int
		close bool
		fails bool
	}{
		{"and its connection closed", 5, true, false},
		{"and its connection left open", 5, false, false},
		{"if it is as large as may be", largestIngested, true, false},
		{"but not an empty one", 0, true, true},
		{"but not one without end", largestIngested + 1, true, true},
	} {
		t.Run(test.says, func(t *testing.T) {
			tr := listenLocal(t)
			conn := &givenConn{Reader: bytes.NewReader(make([]byte, test.size))}
			from, now := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 7946}, time.Unix(100, 0)
			err := tr.IngestPacket(conn, from, now, test.close)
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if conn.closed != test.close {
				t.Errorf("connection closed: %v", conn.closed)
			}
			if test.fails {
				return
			}
			p := receivePacket(t, tr.packets)
			if len(p.Buf) != test.size || p.From != net.Addr(from) || !p.Timestamp.Equal(now) {
				t.Errorf("received %d bytes from %v at %v", len(p.Buf), p.From, p.Timestamp)
			}
		})
	}
}

// givenConn is a connection of which only the reading end is used.
type givenConn struct {
	net.Conn
	io.Reader
	closed bool
}

func (c *givenConn) Read(b []byte) (int, error) { return c.Reader.Read(b) }
func (c *givenConn) Close() error               { c.closed = true; return nil }

func TestAnIngestedStreamIsTaken(t *testing.T) {
	tr := listenLocal(t)
	ours, theirs := net.Pipe()
	defer theirs.Close()
	done := make(chan error, 1)
	go func() { done <- tr.IngestStream(ours) }()
	if got := receiveStream(t, tr); got != ours {
		t.Error("another stream came")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	ours.Close()
}

func TestBackoffGrowsAndEnds(t *testing.T) {
	var b backoff
	over := make(chan struct{})
	close(over)
	for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
		if b.pause(over) {
			t.Fatal("it waited although all is over")
		}
		if time.Duration(b) != want*time.Millisecond {
			t.Errorf("waited %v, want %v", time.Duration(b), want*time.Millisecond)
		}
	}
	b = 0
	if !b.pause(nil) {
		t.Error("it gave up")
	}
}

func TestTransportIsQuietInGoodWeather(t *testing.T) {
	var said bytes.Buffer
	tr, err := NewNetTransport(&NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, Logger: log.New(&said, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(said.String()); got != "" {
		t.Errorf("it said %q", got)
	}
}

func TestSendingAndReceivingAllocateNothing(t *testing.T) {
	tr := listenLocal(t)
	handled := make(chan struct{})
	tr.handleDirectly(func() func(*Packet) { return func(*Packet) { handled <- struct{}{} } })
	ping, to := bytes.Repeat([]byte("p"), 100), tr.at("127.0.0.1")
	crossing := func() {
		if err := tr.writeTo(ping, to); err != nil {
			t.Fatal(err)
		}
		<-handled
	}
	for range 100 {
		crossing()
	}
	if got := testing.AllocsPerRun(500, crossing); got >= 1 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkLoopback(b *testing.B) {
	tr := listenLocal(b)
	handled := make(chan struct{})
	tr.handleDirectly(func() func(*Packet) { return func(*Packet) { handled <- struct{}{} } })
	ping, to := bytes.Repeat([]byte("p"), 100), tr.at("127.0.0.1")
	b.ReportAllocs()
	for b.Loop() {
		if err := tr.writeTo(ping, to); err != nil {
			b.Fatal(err)
		}
		<-handled
	}
}

func TestANetTransportThatHasShutDownDialsNobody(t *testing.T) {
	a, b := listenLocal(t, "127.0.0.1"), listenLocal(t, "127.0.0.1")
	a.Shutdown()
	to := net.JoinHostPort("127.0.0.1", strconv.Itoa(b.GetAutoBindPort()))
	if conn, err := a.DialTimeout(to, time.Second); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial: %v, %v", conn, err)
	}
}
