package memnet

import (
	"fmt"
	"io"
	"net"
	"time"
)

// Node is one node's way into a Network. Make it with Network.Attach. It is safe for concurrent use.
type Node struct {
	net     *Network
	name    string
	addr    net.Addr
	text    string // of addr
	packet  func(b []byte, from net.Addr, at time.Time) bool
	streams chan net.Conn
	done    chan struct{} // closed by Shutdown

	// The mutex of the network guards the rest.
	closed  bool
	sky     flight     // what is on its way to us
	outbox  []outgoing // what we sent during a pause
	waiting []datagram // what reached us during a pause
}

// target is whom something is sent to: an address, a name, or both.
type target struct{ addr, name string }

// outgoing is a datagram that has not left.
type outgoing struct {
	b  []byte
	to target
}

// Write sends a copy of b to a node, without waiting. It returns the time of sending; and an error if nobody is
// there, and after Shutdown, but none for what is lost on the way or finds no room.
func (n *Node) Write(b []byte, addr, name string) (time.Time, error) {
	to := target{addr, name}
	p := outgoing{append([]byte(nil), b...), to}
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	now := time.Now()
	switch {
	case n.closed:
		return time.Time{}, n.fail("write", to, net.ErrClosed)
	case n.net.weather.paused[n.name]:
		if len(n.outbox) < InboxSize {
			n.outbox = append(n.outbox, p)
		}
		return now, nil
	}
	if err := n.send(p, now); err != nil {
		return time.Time{}, n.fail("write", to, err)
	}
	return now, nil
}

// send lets a datagram leave. It is called with the mutex held, like all that follows it here.
func (n *Node) send(p outgoing, now time.Time) error {
	at, known := n.net.find(p.to)
	if known && !n.net.passes(n.name, at.name) {
		return nil
	}
	if at.node == nil {
		return ErrUnreachable
	}
	d := datagram{b: p.b, from: n.addr, at: now}
	if !n.net.weather.bad {
		at.node.arrive(d)
		return nil
	}
	l := n.net.link(n.name, at.name)
	if l.Loss > 0 && l.rand.Float64() < l.Loss {
		return nil
	}
	again := l.Duplicate > 0 && l.rand.Float64() < l.Duplicate
	at.node.expect(d, l.delay(l.rand))
	if again {
		d.b = append([]byte(nil), d.b...) // the receiver owns each
		at.node.expect(d, l.delay(l.rand))
	}
	return nil
}

// expect lets a datagram arrive after a delay.
func (n *Node) expect(d datagram, delay time.Duration) {
	if delay <= 0 {
		n.arrive(d)
		return
	}
	d.at = d.at.Add(delay)
	n.sky.add(d, n.land)
}

// land takes in what is due. It is called by the timer, without the mutex.
func (n *Node) land() {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	if n.closed {
		return
	}
	for d, ok := n.sky.next(time.Now(), n.land); ok; d, ok = n.sky.next(time.Now(), n.land) {
		n.arrive(d)
	}
}

// arrive puts a datagram into the inbox, or keeps it for the end of a pause. What finds no room is lost.
func (n *Node) arrive(d datagram) {
	if !n.net.weather.paused[n.name] {
		n.packet(d.b, d.from, d.at)
	} else if len(n.waiting) < InboxSize {
		n.waiting = append(n.waiting, d)
	}
}

// release sends and takes in what a pause has kept back.
func (n *Node) release() {
	outbox, waiting := n.outbox, n.waiting
	n.outbox, n.waiting = nil, nil
	now := time.Now()
	for _, d := range waiting {
		d.at = now
		n.arrive(d)
	}
	for _, p := range outbox {
		_ = n.send(p, now) // its writer was told long ago that it had left
	}
}

// Streams returns those that wait to be accepted. Shutdown does not close the channel.
func (n *Node) Streams() <-chan net.Conn { return n.streams }

// IngestPacket reads one datagram from conn until its end and takes it in as if it had come from addr at now. It
// returns an error if there is nothing to read, if it is too large, if there is no room, and after
// Shutdown. With shouldClose it closes conn in any case.
func (n *Node) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	if shouldClose {
		defer conn.Close()
	}
	b, err := io.ReadAll(io.LimitReader(conn, LongestIngest+1))
	if err == nil && len(b) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && len(b) > LongestIngest {
		err = ErrTooLarge
	}
	if err == nil {
		err = n.take(datagram{b: b, from: addr, at: now})
	}
	if err != nil {
		return fmt.Errorf("ingest packet: %w", err)
	}
	return nil
}

func (n *Node) take(d datagram) error {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	switch {
	case n.closed:
		return net.ErrClosed
	case n.packet(d.b, d.from, d.at):
		return nil
	default:
		return ErrFull
	}
}

// IngestStream puts conn among the streams that wait to be accepted. It returns an error if too many do, and
// after Shutdown; conn is then still the caller's.
func (n *Node) IngestStream(conn net.Conn) error {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	if n.closed {
		return fmt.Errorf("ingest stream: %w", net.ErrClosed)
	}
	select {
	case n.streams <- conn:
		return nil
	default:
		return fmt.Errorf("ingest stream: %w", ErrFull)
	}
}

// Shutdown takes the node off the network: nobody reaches it any more, nothing further arrives, and streams that
// nobody has accepted are closed. Accepted ones live on until they are closed, as with TCP.
// A further call does nothing.
func (n *Node) Shutdown() {
	if !n.leave() {
		return
	}
	close(n.done)
	n.refuseWaiting()
}

// leave says whether the node was still there.
func (n *Node) leave() bool {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	if n.closed {
		return false
	}
	n.closed = true
	n.outbox, n.waiting = nil, nil
	n.sky.clear()
	n.net.remove(n)
	n.net.wake()
	return true
}

// refuseWaiting closes the streams that nobody will accept any more.
func (n *Node) refuseWaiting() {
	for {
		select {
		case conn := <-n.streams:
			_ = conn.Close() // nobody has seen it
		default:
			return
		}
	}
}

// fail words an error as package net does.
func (n *Node) fail(op string, to target, err error) error {
	return &net.OpError{Op: op, Net: n.addr.Network(), Source: n.addr, Addr: stranger{n.addr.Network(), to}, Err: err}
}

// stranger is the address of somebody who may not exist.
type stranger struct {
	network string
	to      target
}

func (s stranger) Network() string { return s.network }

func (s stranger) String() string {
	if s.to.name == "" {
		return s.to.addr
	}
	return fmt.Sprintf("%s (%s)", s.to.name, s.to.addr)
}
