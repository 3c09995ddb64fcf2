package memberlisttest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

// text returns n bytes, which are different for each number and every place.
func text(number, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(number*7 + i*31 + i>>8)
	}
	copy(b, fmt.Sprintf("%d|", number))
	return string(b)
}

// pass sends a datagram until it arrives. What else arrives was sent before.
func pass(from, to *end, at memberlist.Address, msg string, before map[string]bool) (*memberlist.Packet, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		begun := time.Now()
		sent, err := from.write(msg, at)
		if err != nil {
			return nil, fmt.Errorf("write %d bytes to %v: %w", len(msg), &at, err)
		}
		if sent.Before(begun.Add(-time.Second)) || sent.After(time.Now().Add(time.Second)) {
			return nil, fmt.Errorf("the time of sending is %v, but it is %v", sent, begun)
		}
		for p := to.next(again); p != nil; p = to.next(again) {
			if string(p.Buf) == msg {
				return p, sensible(p, begun)
			}
			if !before[string(p.Buf)] {
				return nil, fmt.Errorf("a datagram of %d bytes arrived that nobody sent, like this: %.20q", len(p.Buf), p.Buf)
			}
		}
	}
	return nil, fmt.Errorf("no datagram of %d bytes has arrived at %v in %v", len(msg), &at, patience)
}

// sensible looks at what a datagram comes with. It may be one that was sent before, again.
func sensible(p *memberlist.Packet, sent time.Time) error {
	switch {
	case p.From == nil:
		return errors.New("Packet.From is nil")
	case p.Timestamp.Before(sent.Add(-patience)) || p.Timestamp.After(time.Now().Add(time.Second)):
		return fmt.Errorf("Packet.Timestamp is %v, but it was sent at %v", p.Timestamp, sent)
	}
	return nil
}

func datagramsCross(m *meeting) error {
	sent := map[string]bool{}
	for i, size := range []int{4, 100, 512, 1400} {
		msg := text(i, size)
		sent[msg] = true
		p, err := pass(m.a, m.b, m.b.at, msg, sent)
		if err != nil {
			return err
		}
		back := memberlist.Address{Addr: p.From.String()} // a name could be enough by itself
		if _, err := pass(m.b, m.a, back, msg, sent); err != nil {
			return fmt.Errorf("answer to Packet.From: %w", err)
		}
	}
	return nil
}

func largeDatagrams(m *meeting) error {
	sent := map[string]bool{}
	for i, size := range []int{8 << 10, 65507, 65508, 70_000, 1 << 20} {
		msg := text(i, size)
		sent[msg] = true
		if _, err := m.a.write(msg, m.b.at); err != nil {
			continue
		}
		if p := m.b.next(again); p != nil && !sent[string(p.Buf)] {
			return fmt.Errorf("of %d bytes %d arrived, or others", size, len(p.Buf))
		}
	}
	_, err := pass(m.a, m.b, m.b.at, "and a small one", sent)
	return err
}

func emptyDatagrams(m *meeting) error {
	_, _ = m.a.write("", m.b.at) // may be refused
	_, err := pass(m.a, m.b, m.b.at, "and a small one", map[string]bool{"": true})
	return err
}

func datagramsAreKept(m *meeting) error {
	sent := map[string]bool{}
	var kept []*memberlist.Packet
	var want []string
	for i := range 50 {
		msg := text(i, 1000)
		sent[msg] = true
		p, err := pass(m.a, m.b, m.b.at, msg, sent)
		if err != nil {
			return err
		}
		kept, want = append(kept, p), append(want, msg)
	}
	for i, p := range kept {
		if string(p.Buf) != want[i] {
			return fmt.Errorf("datagram %d was overwritten by a later one", i)
		}
	}
	return nil
}

func everythingAtOnce(m *meeting) error {
	const each, writers = 50, 4
	var sending, receiving sync.WaitGroup
	over := make(chan struct{})
	errs := make(chan error, 100)
	fail := func(err error) {
		select {
		case errs <- err:
		default:
		}
	}
	for _, way := range [][2]*end{{m.a, m.b}, {m.b, m.a}} {
		from, to := way[0], way[1]
		receiving.Go(func() { to.serve(over, fail) })
		for w := range writers {
			sending.Go(func() {
				for i := range each {
					if _, err := from.write(text(w*each+i, 500), to.at); err != nil {
						fail(fmt.Errorf("write: %w", err))
					}
				}
			})
			sending.Go(func() {
				if err := from.ask(to, strings.Repeat("question", w+1)); err != nil {
					fail(err)
				}
			})
		}
	}
	err := within(2*patience, "sending", func() error { sending.Wait(); return nil })
	time.Sleep(again)
	close(over)
	receiving.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return err
}

// serve receives datagrams of everythingAtOnce and echoes streams.
func (e *end) serve(over <-chan struct{}, fail func(error)) {
	var echoes sync.WaitGroup
	defer echoes.Wait()
	arrived := 0
	for {
		select {
		case p := <-e.packets:
			if p == nil {
				fail(errors.New("PacketCh was closed"))
				return
			}
			arrived++
			var number int
			fmt.Sscanf(string(p.Buf), "%d|", &number)
			if string(p.Buf) != text(number, 500) {
				fail(fmt.Errorf("a datagram was changed: %.20q", p.Buf))
			}
		case conn := <-e.streams:
			if conn == nil {
				fail(errors.New("StreamCh was closed"))
				return
			}
			echoes.Go(func() { echo(conn) })
		case <-over:
			if arrived == 0 {
				fail(fmt.Errorf("none of many datagrams arrived at %s", e.name))
			}
			return
		}
	}
}

func echo(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	line := make([]byte, 100)
	n, err := conn.Read(line)
	for err == nil && line[n-1] != '\n' {
		var more int
		more, err = conn.Read(line[n:])
		n += more
	}
	_, _ = conn.Write(line[:n]) // who asked will notice
}

// ask dials, writes a line and wants it back.
func (e *end) ask(to *end, line string) error {
	conn, err := e.dial(to.at, patience)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return fmt.Errorf("write to a stream: %w", err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != line+"\n" {
		return fmt.Errorf("a stream said %q instead of %q: %v", got, line, err)
	}
	return nil
}

func namesMayBeEmpty(m *meeting) error {
	if _, ok := m.a.Transport.(memberlist.NodeAwareTransport); !ok {
		return nil
	}
	nameless := memberlist.Address{Addr: m.b.at.Addr}
	if _, err := pass(m.a, m.b, nameless, "to an address", nil); err != nil {
		return fmt.Errorf("WriteToAddress: %w", err)
	}
	plain := &end{Transport: struct{ memberlist.Transport }{m.a.Transport}, name: "a"} // hides the other methods
	for _, from := range []*end{m.a, plain} {
		conn, err := from.dial(nameless, patience)
		if err != nil {
			return fmt.Errorf("dial: %w", err)
		}
		defer conn.Close()
	}
	_, err := pass(plain, m.b, m.b.at, "by WriteTo", map[string]bool{"to an address": true})
	return err
}
