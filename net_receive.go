package memberlist

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// largestPacket is more than any UDP datagram carries.
	largestPacket = 64 << 10

	// smallPacket is the size of pooled memory for the common packet. UDPBufferSize is 1,400 by
	// default, and what waits in the channel should not occupy 64 KiB for each of them.
	smallPacket = 2 << 10

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

// lentPacket is a packet together with all the memory it needs, so that one trip to the pool
// gets everything. The Packet inside points back at it.
type lentPacket struct {
	Packet
	addr net.UDPAddr
	ip   [16]byte
	buf  []byte
	home *sync.Pool
}

func (l *lentPacket) giveBack() {
	l.home.Put(l)
}

// fill makes the packet one of n bytes, which are in buf already.
func (l *lentPacket) fill(n int, from netip.AddrPort, at time.Time) *Packet {
	addr := from.Addr()
	if addr.Is4() {
		ip := addr.As4()
		l.addr.IP = append(l.ip[:0], ip[:]...)
	} else {
		l.ip = addr.As16()
		l.addr.IP = l.ip[:]
	}
	l.addr.Port, l.addr.Zone = int(from.Port()), addr.Zone()
	l.Packet = Packet{Buf: l.buf[:n:n], From: &l.addr, Timestamp: at, source: from, lent: l}
	return &l.Packet
}

// packetPool keeps packets of two sizes.
type packetPool struct {
	small, large sync.Pool
}

func (p *packetPool) take(from *sync.Pool, size int) *lentPacket {
	if l, ok := from.Get().(*lentPacket); ok {
		return l
	}
	return &lentPacket{buf: make([]byte, size), home: from}
}

func (p *packetPool) takeSmall() *lentPacket { return p.take(&p.small, smallPacket) }
func (p *packetPool) takeLarge() *lentPacket { return p.take(&p.large, largestPacket) }

// datagrams is the part of a UDP socket that is read.
type datagrams interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
}

// receive puts what arrives at a socket into the packet channel, until the socket is closed.
// A channel that is full stops the reading: the kernel's buffer then holds what comes.
func (t *NetTransport) receive(s datagrams) {
	var wait backoff
	room := t.pool.takeLarge()
	for {
		n, from, err := s.ReadFromUDPAddrPort(room.buf)
		at := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			t.metrics.drop("udp", "read error")
			t.noise.warn("udp read error", "error reading UDP packet", slog.Any("error", err))
			if !wait.pause(t.done) {
				return
			}
			continue
		}
		wait = 0
		if n == 0 {
			t.emptyPacket(from)
			continue
		}
		// A socket for both families gives IPv4 in the 16-byte form, which nobody else here uses.
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		var p *Packet
		p, room = t.packet(room, n, from, at)
		if !t.deliver(p) {
			return
		}
	}
}

// packet makes a packet of what was read into room, and says where to read next.
func (t *NetTransport) packet(room *lentPacket, n int, from netip.AddrPort, at time.Time) (*Packet, *lentPacket) {
	switch {
	case !t.lending.Load():
		// Whoever takes it keeps it. The source is left to From, which the taker may change.
		return &Packet{
			Buf:       append(make([]byte, 0, n), room.buf[:n]...),
			From:      net.UDPAddrFromAddrPort(from),
			Timestamp: at,
		}, room
	case n <= smallPacket:
		small := t.pool.takeSmall()
		copy(small.buf, room.buf[:n])
		return small.fill(n, from, at), room
	default:
		return room.fill(n, from, at), t.pool.takeLarge()
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
