package memberlisttest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/seed-f61b0479/memberlist"
	"github.com/seed-f61b0479/memberlist/internal/memnet"
)

// largestDatagram is what UDP over IPv4 carries; a test should fail where production would.
const largestDatagram = 65507

// Transport is one node's way into a Network: a memberlist.Transport, NodeAwareTransport and
// IngestionAwareTransport. Make it with Network.Transport. It is safe for concurrent use.
type Transport struct {
	network *Network
	name    string
	at      netip.AddrPort
	node    *memnet.Node
	packets chan *memberlist.Packet
}

var (
	_ memberlist.NodeAwareTransport      = (*Transport)(nil)
	_ memberlist.IngestionAwareTransport = (*Transport)(nil)
)

// addr is the address of a node.
type addr string

// Network names no real network, so that nobody takes the address for a real one.
func (addr) Network() string { return "memberlisttest" }

// String returns the address as "ip:port".
func (a addr) String() string { return string(a) }

func newTransport(n *Network, name string, at netip.AddrPort) *Transport {
	t := &Transport{network: n, name: name, at: at, packets: make(chan *memberlist.Packet, memnet.InboxSize)}
	t.node = n.net.Attach(name, addr(at.String()), t.take)
	return t
}

// take puts a datagram into the inbox, if there is room.
func (t *Transport) take(b []byte, from net.Addr, at time.Time) bool {
	select {
	case t.packets <- &memberlist.Packet{Buf: b, From: from, Timestamp: at}:
		return true
	default:
		return false
	}
}

// FinalAdvertiseAddr returns Network.Addr of this node, whatever it is asked for.
func (t *Transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.at.Addr().AsSlice(), int(t.at.Port()), nil
}

// WriteTo is WriteToAddress for an address alone.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a copy of b, and never waits. As with UDP, there is an error only after Shutdown, and
// memberlist.ErrMessageTooLarge for more than 65,507 bytes, but none if nobody is there, or if the inbox of
// who is there is full. A name reaches the node attached by it when the address is none of this network.
func (t *Transport) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	if len(b) > largestDatagram {
		return time.Time{}, fmt.Errorf("write %d bytes to %s: %w", len(b), &to, memberlist.ErrMessageTooLarge)
	}
	at, err := t.node.Write(b, to.Addr, to.Name)
	if errors.Is(err, memnet.ErrUnreachable) {
		return time.Now(), nil
	}
	return at, err
}

// PacketCh returns the inbox of datagrams, which holds 1024. Shutdown does not close it.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout is DialAddressTimeout for an address alone.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.node.Dial(addr, "", timeout)
}

// DialAddressTimeout opens a stream. It is refused if nobody is there, after Shutdown, and for Conditions.Refuse. It
// waits, but at most for timeout, where nothing passes or too many streams wait to be accepted; 0 is no limit.
//
// A stream holds 256 KiB in each direction before its writer waits.
func (t *Transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.node.Dial(to.Addr, to.Name, timeout)
}

// StreamCh returns the streams that wait to be accepted, at most 128. Shutdown does not close it.
func (t *Transport) StreamCh() <-chan net.Conn { return t.node.Streams() }

// IngestPacket takes in one datagram of at most 64 KiB. See memberlist.IngestionAwareTransport. It is an error if the
// inbox is full.
func (t *Transport) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	err := t.node.IngestPacket(conn, addr, now, shouldClose)
	if errors.Is(err, memnet.ErrTooLarge) {
		return fmt.Errorf("%w: %w", memberlist.ErrMessageTooLarge, err)
	}
	return err
}

// IngestStream takes in a stream. See memberlist.IngestionAwareTransport. It is an error if too many wait.
func (t *Transport) IngestStream(conn net.Conn) error { return t.node.IngestStream(conn) }

// Shutdown takes the node off the network, as the end of its process would: nothing further arrives in its channels,
// and streams that nobody has accepted are closed. Accepted ones live on until they are closed. It always
// returns nil, and a further call does nothing.
func (t *Transport) Shutdown() error {
	t.node.Shutdown()
	t.network.detached(t)
	return nil
}
