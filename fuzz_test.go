package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Two fuzz targets feed a whole node, configured as the first byte of the input says, with the rest.
// Whatever that is, the node does not panic, needs memory in proportion, answers a ping afterwards, and
// believes itself alive.

// The bits of the first byte.
const (
	quarryKey      = 1 << iota // keys, and what is not sealed is refused
	quarryLabel                // a label
	quarryDelegate             // all delegates
	quarryVeto                 // and the Alive delegate refuses some
	quarryLenient              // neither seal nor label is insisted upon
	quarryOldest               // protocol version 1
	quarryDials                // the bytes answer a join of ours
)

// quarryTransport swallows everything and answers each dialled stream with the same bytes.
type quarryTransport struct {
	answer []byte
	acked  chan struct{} // a packet left for the doctor
}

func (q *quarryTransport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP{10, 0, 0, 1}, 7946, nil
}

func (q *quarryTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	if addr == quarryDoctor.String() {
		select {
		case q.acked <- struct{}{}:
		default:
		}
	}
	return time.Now(), nil
}

func (q *quarryTransport) PacketCh() <-chan *Packet  { return nil }
func (q *quarryTransport) StreamCh() <-chan net.Conn { return nil }
func (q *quarryTransport) Shutdown() error           { return nil }

func (q *quarryTransport) DialTimeout(string, time.Duration) (net.Conn, error) {
	return &quarryConn{in: bytes.NewReader(q.answer)}, nil
}

// quarryConn is a stream on which everything has been said already.
type quarryConn struct{ in *bytes.Reader }

func (c *quarryConn) Read(b []byte) (int, error)     { return c.in.Read(b) }
func (*quarryConn) Write(b []byte) (int, error)      { return len(b), nil }
func (*quarryConn) Close() error                     { return nil }
func (*quarryConn) LocalAddr() net.Addr              { return vectorPeer }
func (*quarryConn) RemoteAddr() net.Addr             { return vectorPeer }
func (*quarryConn) SetDeadline(time.Time) error      { return nil }
func (*quarryConn) SetReadDeadline(time.Time) error  { return nil }
func (*quarryConn) SetWriteDeadline(time.Time) error { return nil }

// quarryDoctor is where the ping comes from that asks how the node is.
var quarryDoctor = &net.UDPAddr{IP: net.IP{10, 0, 0, 99}, Port: 99}

// fickle is every delegate at once; some of them may refuse.
type fickle struct{ vetoes bool }

func (fickle) NodeMeta(int) []byte             { return []byte("meta") }
func (fickle) NotifyMsg([]byte)                {}
func (fickle) GetBroadcasts(int, int) [][]byte { return nil }
func (fickle) LocalState(bool) []byte          { return []byte("state") }
func (fickle) MergeRemoteState([]byte, bool)   {}
func (fickle) NotifyJoin(*Node)                {}
func (fickle) NotifyLeave(*Node)               {}
func (fickle) NotifyUpdate(*Node)              {}
func (fickle) NotifyConflict(_, _ *Node)       {}

func (f fickle) NotifyAlive(n *Node) error {
	if f.vetoes && len(n.Name)%2 == 0 {
		return errors.New("an even name")
	}
	return nil
}

func (f fickle) NotifyMerge(nodes []*Node) error {
	if f.vetoes && len(nodes)%2 == 0 {
		return errors.New("an even number")
	}
	return nil
}

func (fickle) AckPayload() []byte                              { return []byte("payload") }
func (fickle) NotifyPingComplete(*Node, time.Duration, []byte) {}

// quarry starts a node without the loops that receive: the target hands it what it receives.
func quarry(t *testing.T, variant byte, answer []byte) (*Memberlist, *quarryTransport) {
	t.Helper()
	conf := DefaultLANConfig()
	conf.Name = "alpha"
	conf.ProbeInterval, conf.GossipInterval, conf.PushPullInterval = 0, 0, 0
	conf.LogOutput = io.Discard
	tr := &quarryTransport{answer: answer, acked: make(chan struct{}, 1)}
	conf.Transport = tr
	if variant&quarryKey != 0 {
		ring, err := NewKeyring(nil, unhex(t, "000102030405060708090a0b0c0d0e0f"))
		if err != nil {
			t.Fatal(err)
		}
		conf.Keyring = ring
	}
	if variant&quarryLabel != 0 {
		conf.Label = "blue"
	}
	if variant&quarryDelegate != 0 {
		f := fickle{variant&quarryVeto != 0}
		conf.Delegate, conf.Events, conf.Conflict = f, f, f
		conf.Alive, conf.Merge, conf.Ping = f, f, f
	}
	if variant&quarryLenient != 0 {
		conf.GossipVerifyIncoming, conf.SkipInboundLabelCheck = false, true
	}
	if variant&quarryOldest != 0 {
		conf.ProtocolVersion = 1
	}
	m := assemble(conf.withDefaults(), nodeAware(tr), newLogger(conf))
	self, err := m.identity()
	if err != nil {
		t.Fatal(err)
	}
	m.loops.start(m.herald.run)
	m.startLanes()
	m.cluster.step(func(c *swim.Machine, now time.Time) { c.Start(now, self) })
	return m, tr
}

// maxPacketCost is what hearing one packet may allocate: a thousand requests to ping somebody, the most
// that fits, take 2.4 MiB of it.
const maxPacketCost = 3 << 20

// streamCost is what a stream may allocate: no more than so much for each byte that came, whatever it declares.
// What is compressed may honestly be much more than what came.
func streamCost(b []byte) uint64 {
	if _, rest, err := wire.StripLabel(b); err == nil && len(rest) > 0 && wire.Type(rest[0]) == wire.TypeCompressed {
		return 256 << 20
	}
	return 1<<20 + 256*uint64(len(b))
}

// bounded runs f and checks that it does not allocate more than so much beyond what is usual.
func bounded(t *testing.T, limit uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > limit {
		t.Errorf("%d KiB allocated, want at most %d", used>>10, limit>>10)
	}
}

// wantWell checks that the node still answers a ping and believes itself alive.
func wantWell(t *testing.T, m *Memberlist, tr *quarryTransport) {
	t.Helper()
	frame := wire.Frame{Label: m.conf.Label, Key: m.conf.Keyring.primary(), SealVersion: 1}
	ping, err := frame.AppendPacket(nil, new(wire.Nonce), [][]byte{(&wire.Ping{SeqNo: 7, Node: "alpha"}).Append(nil)})
	if err != nil {
		t.Fatal(err)
	}
	limit := time.After(10 * time.Second)
	for answered := false; !answered; {
		m.receiver.packet(&Packet{Buf: ping, From: quarryDoctor, Timestamp: time.Now()})
		select {
		case <-tr.acked:
			answered = true
		case <-time.After(100 * time.Millisecond): // a lane may have been full of other pings
		case <-limit:
			t.Fatal("no ack")
		}
	}
	m.cluster.view(func(c *swim.Machine) {
		if self := c.Self(); self.State != swim.Alive || self.Name != "alpha" {
			t.Errorf("the node holds itself for %v %q", self.State, self.Name)
		}
	})
	if n := m.LocalNode(); n == nil || n.Address() != "10.0.0.1:7946" {
		t.Errorf("our own row says %v", n)
	}
}

// seed adds the vectors of one kind, for the node that fits their key and label best.
func seed(f *testing.F, kind string) {
	f.Helper()
	for _, file := range vectorFiles {
		for _, v := range loadVectors(f, file) {
			b, whole := v.bytes(f)
			if v.Kind != kind || !whole || len(b) > 64<<10 {
				continue
			}
			var variant byte
			if v.Config.Key != "" {
				variant |= quarryKey
			}
			if v.Config.Label != "" {
				variant |= quarryLabel
			}
			if v.Direction == "listener_to_dialer" || v.fedToDialer() {
				variant |= quarryDials
			}
			f.Add(append([]byte{variant}, b...))
			f.Add(append([]byte{variant | quarryDelegate}, b...))
		}
	}
}

func FuzzIngestPacket(f *testing.F) {
	seed(f, "packet")
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) == 0 || len(input) > 64<<10 {
			return
		}
		m, tr := quarry(t, input[0], nil)
		defer m.Shutdown()
		packet := bytes.Clone(input[1:])
		bounded(t, maxPacketCost, func() {
			m.receiver.packet(&Packet{Buf: packet, From: vectorPeer, Timestamp: time.Now()})
		})
		if !bytes.Equal(packet, input[1:]) {
			t.Error("the packet was written to")
		}
		wantWell(t, m, tr)
	})
}

func FuzzServeStream(f *testing.F) {
	seed(f, "stream")
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) == 0 || len(input) > 64<<10 {
			return
		}
		m, tr := quarry(t, input[0], input[1:])
		defer m.Shutdown()
		bounded(t, streamCost(input[1:]), func() {
			if input[0]&quarryDials != 0 {
				m.Join([]string{"10.0.0.2:7946"}) // an error is as good as none
				return
			}
			m.streams.serve(&quarryConn{in: bytes.NewReader(input[1:])}, func() {})
		})
		if held := m.streams.served.held.Load() + m.streams.dialled.held.Load(); held != 0 {
			t.Errorf("%d bytes are held by no stream", held)
		}
		wantWell(t, m, tr)
	})
}

func TestAPacketFullOfMessagesCostsLittle(t *testing.T) {
	for name, part := range map[string]func(i int) []byte{
		"members": func(i int) []byte {
			a := wire.Alive{Incarnation: 1, Node: strconv.Itoa(i), Addr: []byte{10, 0, 0, 3}, Vsn: []byte{1, 5, 2, 0, 0, 0}}
			return a.Append(nil)
		},
		"claims about one": func(i int) []byte {
			a := wire.Alive{Incarnation: uint32(i), Node: "z", Addr: []byte{10, 0, 0, 3}, Vsn: []byte{1, 5, 2, 0, 0, 0}}
			return a.Append(nil)
		},
		"accusations": func(i int) []byte {
			return (&wire.Suspect{Incarnation: uint32(i), Node: "alpha", From: "z"}).Append(nil)
		},
		"pings": func(int) []byte { return []byte{0, 0x80} },
		"requests": func(i int) []byte {
			p := wire.IndirectPing{SeqNo: uint32(i), Target: []byte{10, 1, byte(i >> 8), byte(i)}, Port: 7946, Nack: true}
			return p.Append(nil)
		},
		"mail": func(int) []byte { return []byte{8} },
	} {
		for _, variant := range []byte{0, quarryDelegate} {
			t.Run(fmt.Sprintf("%s, variant %d", name, variant), func(t *testing.T) {
				var parts [][]byte
				var full wire.Frame
				for i := range 4 {
					var some [][]byte
					for j := range 255 {
						some = append(some, part(255*i+j))
					}
					b, err := full.AppendPacket(nil, nil, some)
					if err != nil {
						t.Fatal(err)
					}
					parts = append(parts, b)
				}
				packet, err := full.AppendPacket(nil, nil, parts)
				if err != nil {
					t.Fatal(err)
				}
				m, tr := quarry(t, variant, nil)
				defer m.Shutdown()
				bounded(t, maxPacketCost, func() {
					m.receiver.packet(&Packet{Buf: packet, From: vectorPeer, Timestamp: time.Now()})
				})
				wantWell(t, m, tr)
			})
		}
	}
}
