package memberlist

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/memnet"
)

// MockNetwork is a network in memory, for tests: the transports that it makes reach each other, and nothing
// else. Datagrams are copied and arrive at once and in order, unless the receiver's inbox is full. Streams
// are buffered as sockets are. It starts no goroutines, so that it works in bubbles of testing/synctest.
// The zero value is an empty network. It is safe for concurrent use.
//
// Package memberlisttest has a network that can also delay, lose, cut and pause.
type MockNetwork struct {
	net memnet.Network
}

// NewTransport attaches a new node to the network, under an address of its own: 127.0.0.1 with a port
// counted up from 20000. name is the node's; it is how others can reach it without an address.
func (n *MockNetwork) NewTransport(name string) *MockTransport {
	at := n.net.NextAddr()
	t := &MockTransport{
		net:     n,
		at:      at,
		addr:    &MockAddress{addr: at.String(), name: name},
		packets: make(chan *Packet, memnet.InboxSize),
	}
	t.node = n.net.Attach(name, t.addr, t.take)
	return t
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
	node    *memnet.Node
	at      netip.AddrPort
	addr    *MockAddress
	packets chan *Packet
}

var (
	_ NodeAwareTransport      = (*MockTransport)(nil)
	_ IngestionAwareTransport = (*MockTransport)(nil)
)

// take puts a datagram into the inbox, if there is room.
func (t *MockTransport) take(b []byte, from net.Addr, at time.Time) bool {
	select {
	case t.packets <- &Packet{Buf: b, From: from, Timestamp: at}:
		return true
	default:
		return false
	}
}

// FinalAdvertiseAddr returns the address that the network gave this transport, whatever it is asked for.
func (t *MockTransport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.at.Addr().AsSlice(), int(t.at.Port()), nil
}

// WriteTo is WriteToAddress for an address alone.
func (t *MockTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.node.Write(b, addr, "")
}

// WriteToAddress puts a copy of b into the inbox of the node at a and never waits: if the inbox is full, the
// datagram is lost without an error. Datagrams may have any size. It returns an error if nobody is there,
// and after Shutdown.
func (t *MockTransport) WriteToAddress(b []byte, a Address) (time.Time, error) {
	return t.node.Write(b, a.Addr, a.Name)
}

// PacketCh returns the inbox of datagrams. Shutdown does not close it.
func (t *MockTransport) PacketCh() <-chan *Packet { return t.packets }

// DialTimeout is DialAddressTimeout for an address alone.
func (t *MockTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.node.Dial(addr, "", timeout)
}

// DialAddressTimeout opens a stream to the node at a. It is refused if nobody is there, and after Shutdown.
// Only while too many streams wait to be accepted does it wait, for at most timeout; 0 is no limit.
func (t *MockTransport) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	return t.node.Dial(a.Addr, a.Name, timeout)
}

// StreamCh returns the streams that wait to be accepted. Shutdown does not close it.
func (t *MockTransport) StreamCh() <-chan net.Conn { return t.node.Streams() }

// IngestPacket reads one datagram from conn until its end and puts it into the inbox as if it had come from
// addr at now. It returns an error if there is nothing to read, if it is longer than 64 KiB, if the inbox is
// full, and after Shutdown. With shouldClose it closes conn in any case.
func (t *MockTransport) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	err := t.node.IngestPacket(conn, addr, now, shouldClose)
	if errors.Is(err, memnet.ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrMessageTooLarge, err)
	}
	return err
}

// IngestStream puts conn among the streams that wait to be accepted. It returns an error if too many do, and
// after Shutdown; conn is then still the caller's.
func (t *MockTransport) IngestStream(conn net.Conn) error { return t.node.IngestStream(conn) }

// Shutdown takes the node off the network: nobody reaches it any more, nothing further arrives in its
// channels, and streams that nobody has accepted are closed. Accepted ones live on until they are
// closed, as with TCP. It always returns nil, and a further call does nothing.
func (t *MockTransport) Shutdown() error {
	t.node.Shutdown()
	return nil
}
