package memberlisttest

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

// mutant is a transport that breaks a promise. What is nil is as it should be.
type mutant struct {
	*Transport
	write     func(m *mutant, b []byte, to memberlist.Address) (time.Time, error)
	dial      func(m *mutant, to memberlist.Address, timeout time.Duration) (net.Conn, error)
	packet    func(*memberlist.Packet) *memberlist.Packet // what arrives; nil swallows it
	conn      func(net.Conn) net.Conn                     // both ends of a stream
	advertise func() (net.IP, int, error)
	shutdown  func(m *mutant) error
	ingest    func(m *mutant, conn net.Conn) error

	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	pump    sync.WaitGroup
	once    sync.Once
}

// start lets what arrives pass through our hands.
func (m *mutant) start(t *Transport) *mutant {
	m.Transport, m.done = t, make(chan struct{})
	m.packets, m.streams = make(chan *memberlist.Packet, 1024), make(chan net.Conn, 128)
	m.pump.Go(func() {
		for {
			select {
			case p := <-t.PacketCh():
				if m.packet != nil {
					p = m.packet(p)
				}
				if p != nil {
					select {
					case m.packets <- p:
					default:
					}
				}
			case conn := <-t.StreamCh():
				m.streams <- m.wrap(conn)
			case <-m.done:
				return
			}
		}
	})
	return m
}

func (m *mutant) wrap(conn net.Conn) net.Conn {
	if m.conn != nil && conn != nil {
		if _, ours := conn.(*oneShot); !ours {
			return m.conn(conn)
		}
	}
	return conn
}

func (m *mutant) PacketCh() <-chan *memberlist.Packet { return m.packets }
func (m *mutant) StreamCh() <-chan net.Conn           { return m.streams }

func (m *mutant) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	if m.write != nil {
		return m.write(m, b, to)
	}
	return m.Transport.WriteToAddress(b, to)
}

func (m *mutant) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if m.dial != nil {
		return m.dial(m, to, timeout)
	}
	conn, err := m.Transport.DialAddressTimeout(to, timeout)
	if err != nil {
		return nil, err
	}
	return m.wrap(conn), nil
}

func (m *mutant) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if m.advertise != nil {
		return m.advertise()
	}
	return m.Transport.FinalAdvertiseAddr(ip, port)
}

func (m *mutant) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	if m.ingest != nil {
		return m.ingest(m, conn)
	}
	return m.Transport.IngestPacket(conn, addr, now, shouldClose)
}

func (m *mutant) Shutdown() error {
	if m.shutdown != nil {
		return m.shutdown(m)
	}
	return m.stop()
}

func (m *mutant) stop() error {
	m.once.Do(func() {
		m.Transport.Shutdown()
		close(m.done)
		m.pump.Wait()
	})
	return nil
}

// lazy is a stream without something.
type lazy struct {
	net.Conn
	noReadDeadline, noWriteDeadline, noClose bool
	garble                                   bool
}

func (l lazy) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}

func (l lazy) SetReadDeadline(t time.Time) error {
	if l.noReadDeadline {
		return nil
	}
	return l.Conn.SetReadDeadline(t)
}

func (l lazy) SetWriteDeadline(t time.Time) error {
	if l.noWriteDeadline {
		return nil
	}
	return l.Conn.SetWriteDeadline(t)
}

func (l lazy) Write(b []byte) (int, error) {
	if l.garble && len(b) > 100 {
		b = bytes.Clone(b)
		b[50] ^= 1
	}
	return l.Conn.Write(b)
}

func (l lazy) Close() error {
	if l.noClose {
		return nil
	}
	return l.Conn.Close()
}

// mutants are the broken transports, by what is wrong with them, and the check that must notice.
var mutants = map[string]struct {
	make  func() *mutant
	check string
}{
	"datagrams are cut off": {func() *mutant {
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet { p.Buf = p.Buf[:min(len(p.Buf), 1000)]; return p }}
	}, "datagrams cross"},
	"datagrams get lost": {func() *mutant {
		return &mutant{packet: func(*memberlist.Packet) *memberlist.Packet { return nil }}
	}, "datagrams cross"},
	"the sender is not known": {func() *mutant {
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet { p.From = nil; return p }}
	}, "datagrams cross"},
	"the sender is somebody else": {func() *mutant {
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet { p.From = &net.TCPAddr{Port: 1}; return p }}
	}, "datagrams cross"},
	"the time of arrival is missing": {func() *mutant {
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet { p.Timestamp = time.Time{}; return p }}
	}, "datagrams cross"},
	"the time of sending is missing": {func() *mutant {
		return &mutant{write: func(m *mutant, b []byte, to memberlist.Address) (time.Time, error) {
			_, err := m.Transport.WriteToAddress(b, to)
			return time.Time{}, err
		}}
	}, "datagrams cross"},
	"the advertised address is none": {func() *mutant {
		return &mutant{advertise: func() (net.IP, int, error) { return nil, 7946, nil }}
	}, "datagrams cross"},
	"the advertised port is none": {func() *mutant {
		return &mutant{advertise: func() (net.IP, int, error) { return net.IPv4(127, 0, 0, 1), 0, nil }}
	}, "datagrams cross"},
	"large datagrams are cut off": {func() *mutant {
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet { p.Buf = p.Buf[:min(len(p.Buf), 4096)]; return p }}
	}, "large datagrams cross, are refused or get lost"},
	"an empty datagram ends the receiving": {func() *mutant {
		over := false
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet {
			if over = over || len(p.Buf) == 0; over {
				return nil
			}
			return p
		}}
	}, "empty datagrams break nothing"},
	"a buffer is used again": {func() *mutant {
		buf := make([]byte, 1<<20)
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet { p.Buf = buf[:copy(buf, p.Buf)]; return p }}
	}, "a received datagram is the receiver's"},
	"one datagram of many is changed": {func() *mutant {
		count := 0
		return &mutant{packet: func(p *memberlist.Packet) *memberlist.Packet {
			if count++; count == 20 {
				p.Buf[len(p.Buf)-1]++
			}
			return p
		}}
	}, "everything may be called at once"},
	"streams change what they carry": {func() *mutant {
		return &mutant{conn: func(c net.Conn) net.Conn { return lazy{Conn: c, garble: true} }}
	}, "streams carry both ways"},
	"reading heeds no deadline": {func() *mutant {
		return &mutant{conn: func(c net.Conn) net.Conn { return lazy{Conn: c, noReadDeadline: true} }}
	}, "streams heed deadlines"},
	"writing heeds no deadline": {func() *mutant {
		return &mutant{conn: func(c net.Conn) net.Conn { return lazy{Conn: c, noWriteDeadline: true} }}
	}, "streams heed deadlines"},
	"closing does nothing": {func() *mutant {
		return &mutant{conn: func(c net.Conn) net.Conn { return lazy{Conn: c, noClose: true} }}
	}, "closing a stream ends what waits for it"},
	"every second stream is lost": {func() *mutant {
		var count atomic.Int32
		return &mutant{conn: func(c net.Conn) net.Conn {
			if count.Add(1)%2 == 0 {
				c.Close()
			}
			return c
		}}
	}, "many streams wait to be accepted"},
	"dialling heeds no timeout": {func() *mutant {
		return &mutant{dial: func(m *mutant, to memberlist.Address, _ time.Duration) (net.Conn, error) {
			time.Sleep(patience)
			return m.Transport.DialAddressTimeout(to, time.Second)
		}}
	}, "to dial where nobody is fails in time"},
	"dialling reaches nobody": {func() *mutant {
		return &mutant{dial: func(*mutant, memberlist.Address, time.Duration) (net.Conn, error) { return &oneShot{}, nil }}
	}, "to dial where nobody is fails in time"},
	"Shutdown works once": {func() *mutant {
		var once sync.Once
		return &mutant{shutdown: func(m *mutant) error {
			err := net.ErrClosed
			once.Do(func() { err = m.stop() })
			return err
		}}
	}, "Shutdown is final"},
	"Shutdown does nothing": {func() *mutant {
		return &mutant{shutdown: func(m *mutant) error { return nil }}
	}, "Shutdown is final"},
	"Shutdown waits for the receiver": {func() *mutant {
		return &mutant{shutdown: func(m *mutant) error {
			for len(m.packets) > 0 {
				time.Sleep(time.Millisecond)
			}
			return m.stop()
		}}
	}, "Shutdown waits for nobody"},
	"ingesting loses the source": {func() *mutant {
		return &mutant{ingest: func(m *mutant, conn net.Conn) error {
			return m.Transport.IngestPacket(conn, &net.UDPAddr{}, time.Unix(1_000_000, 0), true)
		}}
	}, "what is ingested comes out"},
	"ingesting closes always": {func() *mutant {
		return &mutant{ingest: func(m *mutant, conn net.Conn) error {
			from := &net.UDPAddr{IP: net.IP{192, 0, 2, 1}, Port: 7}
			return m.Transport.IngestPacket(conn, from, time.Unix(1_000_000, 0), true)
		}}
	}, "what is ingested comes out"},
	"a name is needed": {func() *mutant {
		return &mutant{write: func(m *mutant, b []byte, to memberlist.Address) (time.Time, error) {
			if to.Name == "" {
				return time.Time{}, memberlist.ErrNameRequired
			}
			return m.Transport.WriteToAddress(b, to)
		}}
	}, "the name of a node may be empty"},
}

func TestBrokenTransportsAreFound(t *testing.T) {
	byName := map[string]check{}
	for _, c := range checks() {
		byName[c.name] = c
	}
	noticed := map[string]bool{}
	for wrong, m := range mutants {
		noticed[m.check] = true
		t.Run(wrong, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the patience of the checks costs nothing here
				n := NewNetwork(t)
				a, b := m.make().start(n.Transport("a")), m.make().start(n.Transport("b"))
				err := byName[m.check].run(a, b)
				if err == nil {
					t.Errorf("nobody notices, but %q should", m.check)
				}
				t.Log(err)
				a.stop()
				b.stop()
				n.Close()
				time.Sleep(time.Minute) // for what was left behind
			})
		})
	}
	for name := range byName {
		if !noticed[name] {
			t.Errorf("no broken transport shows that %q notices anything", name)
		}
	}
}

func TestAMutantWithoutAFaultConforms(t *testing.T) {
	TestTransport(t, func(t *testing.T) (a, b memberlist.Transport) {
		n := NewNetwork(t)
		return new(mutant).start(n.Transport("a")), new(mutant).start(n.Transport("b"))
	})
}

func TestGoroutinesThatAreLeftAreFound(t *testing.T) {
	left := label()
	over := make(chan struct{})
	go func() { go func() { <-over }() }()
	for {
		if found := labelled(`"memberlisttest":`); strings.Count(found, "TestGoroutinesThatAreLeftAreFound") >= 2 {
			break // the one that started it, and the one that is left
		}
		time.Sleep(time.Millisecond)
	}
	close(over)
	if err := left(); err != nil {
		t.Error(err)
	}
}
