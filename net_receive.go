package memberlist

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

const (
	// largestPacket is more than any UDP datagram carries.
	largestPacket = 64 << 10

	// largestIngested is what one ingested packet may carry: more than a datagram, because what
	// brought it here may know no such limit, but not as much as somebody cares to send.
	largestIngested = 1 << 20
)

// backoff spaces out what is tried again after an error, so that an error that stays costs nothing.
type backoff time.Duration

const (
	firstBackoff = backoff(5 * time.Millisecond)
	lastBackoff  = backoff(time.Second)
)

// pause waits, longer each time; it returns false when done is closed.
func (b *backoff) pause(done <-chan struct{}) bool {
	*b = min(max(2**b, firstBackoff), lastBackoff)
	timer := time.NewTimer(time.Duration(*b))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}

// received is where one reader puts each datagram in turn, with all the memory that a packet needs.
type received struct {
	packet Packet
	addr   net.UDPAddr
	ip     [16]byte
	buf    [largestPacket]byte
}

// fill makes the packet one of n bytes, which are in buf already.
func (in *received) fill(n int, from netip.AddrPort, at time.Time) *Packet {
	addr := from.Addr()
	if addr.Is4() {
		ip := addr.As4()
		in.addr.IP = append(in.ip[:0], ip[:]...)
	} else {
		in.ip = addr.As16()
		in.addr.IP = in.ip[:]
	}
	in.addr.Port, in.addr.Zone = int(from.Port()), addr.Zone()
	in.packet = Packet{Buf: in.buf[:n:n], From: &in.addr, Timestamp: at, source: from}
	return &in.packet
}

// copied is the packet for somebody who may keep it. The source is left to From, which the taker may change.
func (in *received) copied(n int, from netip.AddrPort, at time.Time) *Packet {
	return &Packet{
		Buf:       append(make([]byte, 0, n), in.buf[:n]...),
		From:      net.UDPAddrFromAddrPort(from),
		Timestamp: at,
	}
}

// datagrams is the part of a UDP socket that is read.
type datagrams interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
}

// receive reads a socket until it is closed. What arrives is handled on the spot, if the node that owns the
// transport has said how, or put into the packet channel. Either stops the reading while it lasts: the
// kernel's buffer then holds what comes.
func (t *NetTransport) receive(s datagrams) {
	var wait backoff
	var handle func(*Packet)
	in := new(received)
	for {
		n, from, err := s.ReadFromUDPAddrPort(in.buf[:])
		at := time.Now()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			t.metrics.drop("udp", "read error")
			t.noise.warn("udp read error", "error reading UDP packet", slog.Any("error", err))
			if !wait.pause(t.done) {
				return
			}
			continue
		case n == 0:
			t.emptyPacket(from)
			continue
		}
		wait = 0
		// A socket for both families gives IPv4 in the 16-byte form, which nobody else here uses.
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if direct := t.direct.Load(); direct != nil {
			if handle == nil {
				handle = (*direct)()
			}
			handle(in.fill(n, from, at))
		} else if !t.deliver(in.copied(n, from, at)) {
			return
		}
	}
}

// deliver puts a packet into the channel; it returns false when the transport shuts down first.
func (t *NetTransport) deliver(p *Packet) bool {
	select {
	case t.packets <- p: // the cheap way, which hardly ever fails
		return true
	default:
	}
	select {
	case t.packets <- p:
		return true
	case <-t.done:
		return false
	}
}

// emptyPacket counts what carries nothing.
func (t *NetTransport) emptyPacket(from fmt.Stringer) {
	t.metrics.drop("udp", "empty packet")
	if silent, ok := t.noise.allow(slog.LevelWarn, "empty packet"); ok {
		t.log.Warn("empty packet dropped", "from", from.String(), "suppressed", silent)
	}
}

// accept puts accepted connections into the stream channel, until the listener is closed.
func (t *NetTransport) accept(l net.Listener) {
	var wait backoff
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			t.metrics.drop("tcp", "accept error")
			t.noise.warn("tcp accept error", "error accepting TCP connection", slog.Any("error", err))
			if !wait.pause(t.done) {
				return
			}
		default:
			wait = 0
			if t.IngestStream(conn) != nil {
				_ = conn.Close() // nobody has seen it
			}
		}
	}
}

// IngestPacket reads one packet of at most 1 MiB from conn, until its end, and puts it into the
// packet channel as if it had arrived from addr at now. It waits while the channel is full, and
// ends with an error when the transport shuts down. With shouldClose it closes conn in any case.
func (t *NetTransport) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	if shouldClose {
		defer conn.Close()
	}
	buf, err := io.ReadAll(io.LimitReader(conn, largestIngested+1))
	switch {
	case err != nil:
		return fmt.Errorf("ingest packet from %s: %w", addr, err)
	case len(buf) == 0:
		t.emptyPacket(addr)
		return fmt.Errorf("ingest packet from %s: it is empty", addr)
	case len(buf) > largestIngested:
		return fmt.Errorf("ingest packet from %s: more than %d bytes", addr, largestIngested)
	}
	if !t.deliver(&Packet{Buf: buf, From: addr, Timestamp: now}) {
		return fmt.Errorf("ingest packet from %s: %w", addr, ErrShutdown)
	}
	return nil
}

// IngestStream puts conn into the stream channel and waits until somebody takes it from there.
// It ends with an error when the transport shuts down; conn is then still the caller's.
func (t *NetTransport) IngestStream(conn net.Conn) error {
	select {
	case <-t.done: // both may be ready, and then it is over
		return fmt.Errorf("ingest stream: %w", ErrShutdown)
	default:
	}
	select {
	case t.streams <- conn:
		return nil
	case <-t.done:
		return fmt.Errorf("ingest stream: %w", ErrShutdown)
	}
}
