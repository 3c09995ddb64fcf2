package memberlisttest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

// shutdownIsFinal lets one end talk to the other before, while and after that shuts down.
func shutdownIsFinal(m *meeting) error {
	if _, err := pass(m.a, m.b, m.b.at, "hello", nil); err != nil {
		return err
	}
	var talking sync.WaitGroup
	over := make(chan struct{})
	talking.Go(func() { m.talk(over) })
	time.Sleep(again)
	err := m.shutTwice()
	if err == nil {
		err = m.b.silent()
	}
	close(over)
	talking.Wait()
	_, _ = m.b.write("from beyond", m.a.at) // may fail, but must return
	return err
}

// talk sends and dials until it is over.
func (m *meeting) talk(over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Millisecond):
		}
		_, _ = m.a.write("hello", m.b.at)
		if conn, err := m.a.dial(m.b.at, again); err == nil {
			_ = conn.SetDeadline(time.Now().Add(again))
			_, _ = io.WriteString(conn, "hello")
			_ = conn.Close()
		}
	}
}

// shutTwice shuts b down by two at once, and then again.
func (m *meeting) shutTwice() error {
	return within(patience, "Shutdown", func() error {
		errs := make([]error, 3)
		var both sync.WaitGroup
		both.Go(func() { errs[0] = m.b.Shutdown() })
		both.Go(func() { errs[1] = m.b.Shutdown() })
		both.Wait()
		errs[2] = m.b.Shutdown()
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("Shutdown: %w", err)
		}
		return nil
	})
}

// silent wants nothing to be delivered any more, but for what waits in the channels' buffers already.
func (e *end) silent() error {
	for len(e.packets) > 0 {
		<-e.packets
	}
	for len(e.streams) > 0 {
		if conn := <-e.streams; conn != nil {
			_ = conn.Close()
		}
	}
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	packets, streams := e.packets, e.streams
	for {
		select {
		case p, open := <-packets:
			if open {
				return fmt.Errorf("a datagram was delivered after Shutdown: %.20q", p.Buf)
			}
			packets = nil
		case conn, open := <-streams:
			if open {
				_ = conn.Close()
				return errors.New("a stream was delivered after Shutdown")
			}
			streams = nil
		case <-timer.C:
			return nil
		}
	}
}

// shutdownWaitsForNobody shuts a node down that has stopped to take anything from its channels.
func shutdownWaitsForNobody(m *meeting) error {
	var dialling sync.WaitGroup
	defer dialling.Wait()
	for range 8 {
		dialling.Go(func() {
			if conn, err := m.a.dial(m.b.at, patience); err == nil {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				_, _ = io.WriteString(conn, "hello")
			}
		})
	}
	if err := within(patience, "WriteTo, to a node that takes nothing,", func() error {
		for i := range 3000 {
			_, _ = m.a.write(text(i, 500), m.b.at)
		}
		return nil
	}); err != nil {
		return err
	}
	if err := m.shutTwice(); err != nil {
		return fmt.Errorf("while nobody takes what has arrived: %w", err)
	}
	return nil
}

func ingested(m *meeting) error {
	aware, ok := m.b.Transport.(memberlist.IngestionAwareTransport)
	if !ok {
		return nil
	}
	from, at := &net.UDPAddr{IP: net.IP{192, 0, 2, 1}, Port: 7}, time.Unix(1_000_000, 0)
	for _, shouldClose := range []bool{true, false} {
		conn := &oneShot{text: "a datagram"}
		taken := make(chan error, 1)
		go func() { taken <- aware.IngestPacket(conn, from, at, shouldClose) }()
		p := m.b.next(patience)
		switch err := <-taken; {
		case err != nil:
			return fmt.Errorf("IngestPacket: %w", err)
		case p == nil || string(p.Buf) != conn.text || p.From.String() != from.String() || !p.Timestamp.Equal(at):
			return fmt.Errorf("IngestPacket delivers %+v", p)
		case conn.closed != shouldClose:
			return fmt.Errorf("IngestPacket closes the connection: %v, want %v", conn.closed, shouldClose)
		}
	}
	conn := &oneShot{}
	taken := make(chan error, 1)
	go func() { taken <- aware.IngestStream(conn) }()
	got, err := m.b.accept()
	if err := errors.Join(err, <-taken); err != nil {
		return fmt.Errorf("IngestStream: %w", err)
	}
	if got != net.Conn(conn) || conn.closed {
		return fmt.Errorf("IngestStream delivers %v, closed: %v", got, conn.closed)
	}
	return notIngested(m, aware)
}

// notIngested hands over what must not be taken.
func notIngested(m *meeting, aware memberlist.IngestionAwareTransport) error {
	broken := &oneShot{err: io.ErrUnexpectedEOF}
	if err := aware.IngestPacket(broken, &net.UDPAddr{}, time.Now(), true); err == nil || !broken.closed {
		return fmt.Errorf("IngestPacket of a broken connection returns %v and closes: %v", err, broken.closed)
	}
	if err := m.b.Shutdown(); err != nil {
		return fmt.Errorf("Shutdown: %w", err)
	}
	return within(patience, "ingesting after Shutdown", func() error {
		late := &oneShot{}
		if err := aware.IngestStream(late); err == nil || late.closed {
			return fmt.Errorf("IngestStream after Shutdown returns %v and closes: %v", err, late.closed)
		}
		return nil
	})
}

// oneShot is a connection that can only be read, and to its end at once.
type oneShot struct {
	net.Conn // nil: nothing else is asked
	text     string
	err      error // instead of the end
	read     int
	closed   bool
}

// Read returns the text, then the error.
func (c *oneShot) Read(b []byte) (int, error) {
	n := copy(b, c.text[c.read:])
	c.read += n
	switch {
	case n > 0:
		return n, nil
	case c.err != nil:
		return 0, c.err
	default:
		return 0, io.EOF
	}
}

// Close is noted.
func (c *oneShot) Close() error {
	c.closed = true
	return nil
}

// SetDeadline and the next two accept everything: Read does not wait.
func (c *oneShot) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *oneShot) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *oneShot) SetWriteDeadline(time.Time) error { return nil }

// RemoteAddr names nobody.
func (c *oneShot) RemoteAddr() net.Addr { return &net.TCPAddr{} }
