package memnet

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// stream is both directions of a conversation.
type stream struct {
	net         *Network
	way         way // from who dialled to who accepted
	there, back *flow
}

// connect makes a stream between two nodes and returns both ends.
func (n *Network) connect(a, b *Node) (dialled, accepted net.Conn) {
	s := &stream{net: n, way: way{a.name, b.name}, there: new(flow), back: new(flow)}
	n.mu.Lock()
	n.streams[s] = struct{}{}
	n.expose(s)
	n.mu.Unlock()
	return s.ends(a.addr, b.addr)
}

// Pipe returns both ends of a stream that belongs to no network.
func Pipe(a, b net.Addr) (net.Conn, net.Conn) {
	s := &stream{net: new(Network), there: new(flow), back: new(flow)}
	return s.ends(a, b)
}

func (s *stream) ends(a, b net.Addr) (dialled, accepted net.Conn) {
	return &conn{stream: s, in: s.back, out: s.there, local: a, remote: b},
		&conn{stream: s, in: s.there, out: s.back, local: b, remote: a}
}

// reset breaks both directions at once; nothing that is on its way arrives.
func (s *stream) reset() {
	s.there.change(s.there.reset)
	s.back.change(s.back.reset)
	s.forget()
}

// forget takes the stream off the network, which then changes nothing about it any more.
func (s *stream) forget() {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	delete(s.net.streams, s)
}

// conn is one end of a stream.
type conn struct {
	stream        *stream
	in, out       *flow
	local, remote net.Addr
}

// Read reads what has arrived, and waits until something has.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	if err != nil && err != io.EOF { // callers compare io.EOF
		err = c.fail("read", err)
	}
	return n, err
}

// Write waits only while the stream holds all that it can.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	if err == errBroken {
		// What has crossed can still be read at the other end, but nothing comes back.
		c.in.change(c.in.reset)
		err = syscall.ECONNRESET
	}
	if err != nil {
		err = c.fail("write", err)
	}
	return n, err
}

// Close ends both directions: what was written can still be read, what comes is not read any more.
func (c *conn) Close() error {
	c.in.change(c.in.desert)
	c.out.change(c.out.end)
	if c.in.finished() && c.out.finished() {
		c.stream.forget()
	}
	return nil
}

// CloseWrite ends the direction away from this end, as that of a TCP connection does.
func (c *conn) CloseWrite() error {
	c.out.change(c.out.end)
	return nil
}

// LocalAddr is what the node of this end was attached with.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is what the node of the other end was attached with.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline also ends reading that has begun.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.readBy = t })
	return nil
}

// SetWriteDeadline also ends writing that has begun.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.change(func() { c.out.writeBy = t })
	return nil
}

func (c *conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}
