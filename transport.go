package memberlist

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Packet is one datagram that came in.
type Packet struct {
	// Buf is what the datagram carried. Whoever puts a Packet into a PacketCh gives Buf away:
	// a Memberlist reads it for as long as it needs, never writes to it, and copies what it keeps;
	// there is no word back when it is done, so the transport must not use the memory again.
	Buf []byte

	// From is the address of the sender, as far as the transport knows it. A Memberlist takes the
	// text of From.String() as where to answer when the message itself does not say.
	From net.Addr

	// Timestamp is when the datagram arrived. Round trip times are computed from it, so a transport
	// should take it as close to the network as it can.
	Timestamp time.Time

	// source is From without the allocation; invalid unless the transport is our own.
	source netip.AddrPort
}

// Address is where a node is and, if known, who is expected there.
type Address struct {
	// Addr is a network address as "host:port", or whatever spelling the transport in use understands.
	Addr string

	// Name is the name of the node that is expected at Addr. It may be empty, unless
	// Config.RequireNodeNames is set.
	Name string
}

// String gives the address, with the name in front if there is one: "name (addr)".
func (a *Address) String() string {
	if a.Name == "" {
		return a.Addr
	}
	return fmt.Sprintf("%s (%s)", a.Name, a.Addr)
}

// Transport carries datagrams and streams between nodes. Datagrams may be lost, repeated or
// reordered; streams are reliable and ordered. NetTransport is the built-in one, over UDP and TCP.
//
// All methods must be safe for concurrent use.
type Transport interface {
	// FinalAdvertiseAddr is asked once, when a Memberlist is created, for the address that others
	// are to be told. The arguments are Config.AdvertiseAddr and Config.AdvertisePort; ip is empty
	// where the user left the choice to the transport. The 4- or 16-byte form of the answer is kept
	// and sent as it is.
	FinalAdvertiseAddr(ip string, port int) (net.IP, int, error)

	// WriteTo sends b as one datagram to addr, which is a "host:port" or an address that this
	// transport itself produced, and returns the time of sending, from which round trip times
	// are computed. It needs no certainty that the datagram arrives.
	//
	// The slice is fresh for every call: the transport may keep it after it has returned, and
	// the Memberlist does not touch it again. A WriteTo that blocks delays no other message of
	// the protocol for long, but what waits behind it is bounded and the oldest is then dropped.
	WriteTo(b []byte, addr string) (time.Time, error)

	// PacketCh is where the datagrams that came in are taken from. It is asked once. See Packet
	// for who owns the bytes.
	PacketCh() <-chan *Packet

	// DialTimeout opens a stream to addr and gives up after timeout. The Memberlist sets deadlines
	// on the connection and closes it.
	DialTimeout(addr string, timeout time.Duration) (net.Conn, error)

	// StreamCh is where the streams that others opened are taken from. It is asked once. Whoever
	// takes a connection from it closes it.
	StreamCh() <-chan net.Conn

	// Shutdown is called when the Memberlist shuts down. It ends what the transport has running;
	// no call may deliver anything afterwards. The channels need not be closed, but may be.
	Shutdown() error
}

// NodeAwareTransport is a Transport that also wants to know which node it is to reach, for
// instance to check the name in a certificate. A Memberlist whose transport implements it
// calls WriteToAddress and DialAddressTimeout, and never WriteTo and DialTimeout.
type NodeAwareTransport interface {
	Transport

	// WriteToAddress is WriteTo with the name of the node; the name may be empty.
	WriteToAddress(b []byte, addr Address) (time.Time, error)

	// DialAddressTimeout is DialTimeout with the name of the node; the name may be empty.
	DialAddressTimeout(addr Address, timeout time.Duration) (net.Conn, error)
}

// IngestionAwareTransport is a transport that lets somebody else do the listening: a program that
// shares one port between several protocols hands over what it finds to be ours.
type IngestionAwareTransport interface {
	// IngestPacket reads one datagram from conn until its end, as if it had arrived from addr at
	// now, and puts it into the packet channel. With shouldClose it closes conn in any case.
	IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error

	// IngestStream puts conn into the stream channel; whoever takes it from there closes it.
	// When it returns an error, conn is still the caller's.
	IngestStream(conn net.Conn) error
}

// nodeAware gives any transport the methods of one that is told the node's name.
func nodeAware(t Transport) NodeAwareTransport {
	if aware, ok := t.(NodeAwareTransport); ok {
		return aware
	}
	return addressOnly{t}
}

// addressOnly serves a transport that does not care for names: it drops them.
type addressOnly struct {
	Transport
}

func (t addressOnly) WriteToAddress(b []byte, addr Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

func (t addressOnly) DialAddressTimeout(addr Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}
