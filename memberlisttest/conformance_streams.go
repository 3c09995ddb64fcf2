package memberlisttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// open dials from a to b and returns both ends. Who dials speaks first, as in memberlist: some transports
// do not announce a stream before.
func (m *meeting) open() (dialled, accepted net.Conn, err error) {
	dialled, err = m.a.dial(m.b.at, patience)
	if err != nil {
		return nil, nil, fmt.Errorf("dial: %w", err)
	}
	_ = dialled.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(dialled, "hello"); err != nil {
		_ = dialled.Close()
		return nil, nil, fmt.Errorf("write: %w", err)
	}
	accepted, err = m.b.accept()
	if err != nil {
		_ = dialled.Close()
		return nil, nil, err
	}
	_ = accepted.SetDeadline(time.Now().Add(patience))
	hello := make([]byte, 5)
	if _, err := io.ReadFull(accepted, hello); err != nil || string(hello) != "hello" {
		return dialled, accepted, fmt.Errorf("read %q instead of hello: %v", hello, err)
	}
	return dialled, accepted, nil
}

// converse opens a stream for f and closes it.
func (m *meeting) converse(f func(dialled, accepted net.Conn) error) error {
	dialled, accepted, err := m.open()
	if dialled != nil {
		defer dialled.Close()
	}
	if accepted != nil {
		defer accepted.Close()
	}
	if err != nil {
		return err
	}
	return f(dialled, accepted)
}

func streamsCarry(m *meeting) error {
	return m.converse(func(dialled, accepted net.Conn) error {
		const size = 1 << 20
		var both sync.WaitGroup
		errs := make([]error, 4)
		for i, way := range [][2]net.Conn{{dialled, accepted}, {accepted, dialled}} {
			want := []byte(text(i, size))
			both.Go(func() { _, errs[2*i] = way[0].Write(want) })
			both.Go(func() {
				got := make([]byte, size)
				if n, err := io.ReadFull(way[1], got); err != nil || !bytes.Equal(got, want) {
					errs[2*i+1] = fmt.Errorf("read %d bytes of %d, or others: %v", n, size, err)
				}
			})
		}
		both.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if _, err := io.WriteString(dialled, "last words"); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := dialled.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		if got, err := io.ReadAll(accepted); err != nil || string(got) != "last words" {
			return fmt.Errorf("what was written before Close reads as %q: %v", got, err)
		}
		return nil
	})
}

// timedOut wants a call to end by its deadline.
func timedOut(what string, f func() error) error {
	err := within(patience, what, f)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		return fmt.Errorf("%s past the deadline: the error is %v, want a net.Error with Timeout() true", what, err)
	}
	return nil
}

func streamsHeedDeadlines(m *meeting) error {
	return m.converse(func(dialled, accepted net.Conn) error {
		read := func() error { _, err := dialled.Read(make([]byte, 1)); return err }
		if err := dialled.SetReadDeadline(time.Now().Add(again)); err != nil {
			return fmt.Errorf("SetReadDeadline: %w", err)
		}
		if err := timedOut("Read", read); err != nil {
			return err
		}
		if err := dialled.SetDeadline(time.Time{}); err != nil {
			return fmt.Errorf("SetDeadline: %w", err)
		}
		late := time.AfterFunc(again, func() { _ = dialled.SetDeadline(time.Unix(1, 0)) })
		defer late.Stop()
		if err := timedOut("Read, with a deadline that was set meanwhile,", read); err != nil {
			return err
		}
		_ = dialled.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(accepted, "x"); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := read(); err != nil {
			return fmt.Errorf("reading when the deadline has been moved: %w", err)
		}
		return writesHeedDeadlines(dialled)
	})
}

// writesHeedDeadlines writes to somebody who does not read.
func writesHeedDeadlines(conn net.Conn) error {
	if err := conn.SetWriteDeadline(time.Now().Add(quiet)); err != nil {
		return fmt.Errorf("SetWriteDeadline: %w", err)
	}
	const enough = 64 // MiB: what takes those without waiting has no need of deadlines
	err := within(patience, "Write", func() error {
		for range enough {
			if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return os.ErrDeadlineExceeded
	})
	return timedOut("Write", func() error { return err })
}

func streamsClose(m *meeting) error {
	return m.converse(func(dialled, accepted net.Conn) error {
		_, _ = dialled.SetDeadline(time.Time{}), accepted.SetDeadline(time.Time{})
		closing := time.AfterFunc(again, func() { _ = dialled.Close() })
		defer closing.Stop()
		err := within(patience, "Read of a stream that was closed meanwhile", func() error {
			if _, err := dialled.Read(make([]byte, 1)); err == nil {
				return errors.New("Read returned no error although the stream was closed")
			}
			return nil
		})
		if err != nil {
			return err
		}
		return within(patience, "Read of a stream whose other end is closed", func() error {
			if n, err := accepted.Read(make([]byte, 1)); err == nil {
				return fmt.Errorf("Read returned %d bytes that nobody wrote", n)
			}
			return nil
		})
	})
}

func streamsWait(m *meeting) error {
	const many = 16
	for i := range many {
		conn, err := m.a.dial(m.b.at, patience)
		if err != nil {
			return fmt.Errorf("dial, with %d that nobody has accepted: %w", i, err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte{byte(i)}); err != nil {
			return fmt.Errorf("write to a stream that nobody has accepted: %w", err)
		}
	}
	seen := map[byte]bool{}
	for range many {
		conn, err := m.b.accept()
		if err != nil {
			return fmt.Errorf("%d of %d: %w", len(seen), many, err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 1)
		if _, err := io.ReadFull(conn, b); err != nil || seen[b[0]] {
			return fmt.Errorf("read %v, after %v: %v", b, seen, err)
		}
		seen[b[0]] = true
	}
	return nil
}

func dialNowhere(m *meeting) error {
	if err := m.b.Shutdown(); err != nil {
		return fmt.Errorf("Shutdown: %w", err)
	}
	const timeout = 300 * time.Millisecond
	return within(timeout+patience/2, "DialTimeout to a node that has shut down", func() error {
		conn, err := m.a.dial(m.b.at, timeout)
		if err == nil {
			_ = conn.Close()
			return errors.New("DialTimeout reached a node that has shut down")
		}
		_, _ = m.a.write("to nobody", m.b.at) // may fail, but must return
		return nil
	})
}
