package memberlist

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// The bounds of a MockTransport. They are those of a socket rather than of a test:
// what waits beyond them is lost, as it would be in a network.
const (
	mockFirstPort = 20000
	mockLastPort  = 65535
	mockInbox     = 1024    // datagrams that wait for their receiver
	mockBacklog   = 128     // streams that wait to be accepted
	mockDatagram  = 1 << 16 // longest datagram that is ingested
)

var (
	errMockUnreachable = errors.New("nobody there")
	errMockRefused     = errors.New("connection refused")
	errMockFull        = errors.New("too much waits already")
)

// MockNetwork is a network in memory, for tests: the transports that it makes reach each other, and nothing
// else. Datagrams are copied and arrive at once and in order, unless the receiver's inbox is full. Streams
// are buffered as sockets are. It starts no goroutines, so that it works in bubbles of testing/synctest.
// The zero value is an empty network. It is safe for concurrent use.
type MockNetwork struct {
	mu     sync.Mutex
	count  int
	byAddr map[string]*MockTransport // nil for those that have shut down: an address is not given out twice
	byName map[string]*MockTransport // the newest of each name
}

// NewTransport attaches a new node to the network, under an address of its own: 127.0.0.1 with a port
// counted up from 20000. name is the node's; it is how others can reach it without an address.
func (n *MockNetwork) NewTransport(name string) *MockTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byAddr == nil {
		n.byAddr = make(map[string]*MockTransport)
		n.byName = make(map[string]*MockTransport)
	}
	const ports = mockLastPort - mockFirstPort + 1
	host := [4]byte{127, 0, byte(n.count / ports / 255), byte(1 + n.count/ports%255)}
	addr := netip.AddrPortFrom(netip.AddrFrom4(host), uint16(mockFirstPort+n.count%ports))
	n.count++
	t := &MockTransport{
		net:     n,
		at:      addr,
		addr:    &MockAddress{addr: addr.String(), name: name},
		packets: make(chan *Packet, mockInbox),
		streams: make(chan net.Conn, mockBacklog),
		done:    make(chan struct{}),
	}
	n.byAddr[t.addr.addr] = t
	n.byName[name] = t
	return t
}

// find returns who is reached at a, nil if nobody. An address that this network has given out decides, as it
// does in a real one: two nodes may claim one name. Anything else is looked up by name.
func (n *MockNetwork) find(a Address) *MockTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t, given := n.byAddr[a.Addr]; given {
		return t
	}
	if a.Name == "" {
		return nil
	}
	return n.byName[a.Name]
}

// remove makes t unreachable.
func (n *MockNetwork) remove(t *MockTransport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.byAddr[t.addr.addr] = nil
	if n.byName[t.addr.name] == t {
		delete(n.byName, t.addr.name)
	}
}

// MockAddress is the address of a MockTransport.
type MockAddress struct {
	addr, name string
}

// Network returns "mock".
func (a *MockAddress) Network() string { return "mock" }

// String returns the address as "ip:port", which is what WriteTo and DialTimeout understand.
func (a *MockAddress) String() string { return a.addr }

// MockTransport is one node's way into a MockNetwork, a Transport, NodeAwareTransport and
// IngestionAwareTransport. Create it with MockNetwork.NewTransport. It is safe for concurrent use.
type MockTransport struct {
	net     *MockNetwork
	at      netip.AddrPort
	addr    *MockAddress
	packets chan *Packet
	streams chan net.Conn
	done    chan struct{} // closed by Shutdown

	mu     sync.Mutex // nothing arrives in the channels without it
	closed bool
}

var (
	_ NodeAwareTransport      = (*MockTransport)(nil)
	_ IngestionAwareTransport = (*MockTransport)(nil)
)

// FinalAdvertiseAddr returns the address that the network gave this transport, whatever it is asked for.
func (t *MockTransport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.at.Addr().AsSlice(), int(t.at.Port()), nil
}

// WriteTo is WriteToAddress for an address alone.
func (t *MockTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, Address{Addr: addr})
}

// WriteToAddress puts a copy of b into the inbox of the node at a and never waits: if the inbox is full, the
// datagram is lost without an error. Datagrams may have any size. It returns an error if nobody is there,
// and after Shutdown.
func (t *MockTransport) WriteToAddress(b []byte, a Address) (time.Time, error) {
	if t.isClosed() {
		return time.Time{}, t.fail("write", a, net.ErrClosed)
	}
	to := t.net.find(a)
	if to == nil {
		return time.Time{}, t.fail("write", a, errMockUnreachable)
	}
	now := time.Now()
	err := to.deliver(&Packet{Buf: append([]byte(nil), b...), From: t.addr, Timestamp: now})
	if errors.Is(err, net.ErrClosed) { // it went between find and deliver
		return time.Time{}, t.fail("write", a, errMockUnreachable)
	}
	return now, nil
}

// deliver puts a packet into the inbox, or refuses it.
func (t *MockTransport) deliver(p *Packet) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	select {
	case t.packets <- p:
		return nil
	default:
		return errMockFull
	}
}

// PacketCh returns the inbox of datagrams. Shutdown does not close it.
func (t *MockTransport) PacketCh() <-chan *Packet { return t.packets }

// DialTimeout is DialAddressTimeout for an address alone.
func (t *MockTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream to the node at a. It is refused if nobody is there, and after Shutdown.
// Only while too many streams wait to be accepted does it wait, for at most timeout; 0 is no limit.
func (t *MockTransport) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	if t.isClosed() {
		return nil, t.fail("dial", a, net.ErrClosed)
	}
	to := t.net.find(a)
	if to == nil {
		return nil, t.fail("dial", a, errMockRefused)
	}
	ours, theirs := mockPipe(t.addr, to.addr)
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-to.done:
		return nil, t.fail("dial", a, errMockRefused)
	case <-t.done:
		return nil, t.fail("dial", a, net.ErrClosed)
	case <-expired:
		return nil, t.fail("dial", a, os.ErrDeadlineExceeded)
	case to.streams <- theirs:
	}
	if to.isClosed() { // it may have emptied its backlog before this one came
		to.refuseWaiting()
		return nil, t.fail("dial", a, errMockRefused)
	}
	return ours, nil
}

// StreamCh returns the streams that wait to be accepted. Shutdown does not close it.
func (t *MockTransport) StreamCh() <-chan net.Conn { return t.streams }

// IngestPacket reads one datagram from conn until its end and puts it into the inbox as if it had come from
// addr at now. It returns an error if there is nothing to read, if it is longer than 64 KiB, if the inbox is
// full, and after Shutdown. With shouldClose it closes conn in any case.
func (t *MockTransport) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	if shouldClose {
		defer conn.Close()
	}
	b, err := io.ReadAll(io.LimitReader(conn, mockDatagram+1))
	switch {
	case err != nil:
		return fmt.Errorf("ingest packet: %w", err)
	case len(b) == 0:
		return fmt.Errorf("ingest packet: %w", io.ErrUnexpectedEOF)
	case len(b) > mockDatagram:
		return fmt.Errorf("ingest packet: %w", ErrMessageTooLarge)
	}
	if err := t.deliver(&Packet{Buf: b, From: addr, Timestamp: now}); err != nil {
		return fmt.Errorf("ingest packet: %w", err)
	}
	return nil
}

// IngestStream puts conn among the streams that wait to be accepted. It returns an error if too many do, and
// after Shutdown; conn is then still the caller's.
func (t *MockTransport) IngestStream(conn net.Conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return fmt.Errorf("ingest stream: %w", net.ErrClosed)
	}
	select {
	case t.streams <- conn:
		return nil
	default:
		return fmt.Errorf("ingest stream: %w", errMockFull)
	}
}

// Shutdown takes the node off the network: nobody reaches it any more, nothing further arrives in its
// channels, and streams that nobody has accepted are closed. Accepted ones live on until they are
// closed, as with TCP. It always returns nil, and a further call does nothing.
func (t *MockTransport) Shutdown() error {
	t.mu.Lock()
	first := !t.closed
	t.closed = true
	t.mu.Unlock()
	if !first {
		return nil
	}
	t.net.remove(t)
	close(t.done)
	t.refuseWaiting()
	return nil
}

// refuseWaiting closes the streams that nobody will accept any more.
func (t *MockTransport) refuseWaiting() {
	for {
		select {
		case conn := <-t.streams:
			conn.Close()
		default:
			return
		}
	}
}

func (t *MockTransport) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// fail words an error as package net does.
func (t *MockTransport) fail(op string, a Address, err error) error {
	return &net.OpError{Op: op, Net: "mock", Source: t.addr, Addr: &MockAddress{addr: a.String(), name: a.Name}, Err: err}
}
