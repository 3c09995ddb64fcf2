package memberlist

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// nullWriter takes packets and forgets them.
type nullWriter struct{ sent int }

func (w *nullWriter) writeTo([]byte, netip.AddrPort) error { w.sent++; return nil }

// benchNode is a node whose loops do not run: the benchmark is its protocol lane.
func benchNode(b testing.TB, tweak func(*Config)) (*Memberlist, *nullWriter) {
	b.Helper()
	conf := DefaultLANConfig()
	conf.Name, conf.Transport = "self", new(MockNetwork).NewTransport("self")
	conf.Slog = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	if tweak != nil {
		tweak(conf)
	}
	m, err := Create(conf)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Shutdown() })
	w := &nullWriter{}
	m.sender.direct = w
	return m, w
}

var benchPeer = netip.MustParseAddrPort("127.0.0.9:7946")

// benchAlive is what a peer says of itself.
func benchAlive(i int) wire.Alive {
	return wire.Alive{
		Incarnation: 3, Node: fmt.Sprintf("peer-%05d", i), Addr: []byte{10, 0, byte(i >> 8), byte(i)}, Port: 7946,
		Meta: []byte("role=bench zone=a"), Vsn: []byte{1, 5, 2, 0, 0, 0},
	}
}

func (m *Memberlist) learn(a wire.Alive) {
	m.cluster.step(func(c *swim.Machine, now time.Time) { c.Alive(now, &a) })
}

// seal makes the packet that a peer with the same configuration would send.
func sealed(b testing.TB, m *Memberlist, msgs ...[]byte) []byte {
	b.Helper()
	p := m.sender.parcel()
	frame := m.sender.frame(p, false)
	buf, err := frame.AppendPacket(nil, &p.nonce, msgs)
	if err != nil {
		b.Fatal(err)
	}
	return buf
}

func benchPing() []byte {
	ping := wire.Ping{SeqNo: 7, Node: "self", SourceAddr: benchPeer.Addr().AsSlice(), SourcePort: benchPeer.Port(), SourceNode: "peer-00000"}
	return ping.Append(nil)
}

func BenchmarkPingToAck(b *testing.B) {
	key := []byte("0123456789abcdef0123456789abcdef")
	for _, bench := range []struct {
		name  string
		tweak func(*Config)
	}{
		{"plain", nil},
		{"aes256", func(c *Config) { c.SecretKey = key }},
		{"label", func(c *Config) { c.Label = "production" }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m, w := benchNode(b, bench.tweak)
			m.learn(benchAlive(0))
			m.cluster.rumours.Reset()
			buf := sealed(b, m, benchPing())
			work := make([]byte, 0, len(buf))
			packet := &Packet{source: benchPeer}
			lane := m.newReceiver()
			b.ReportAllocs()
			for b.Loop() {
				packet.Buf = append(work[:0], buf...)
				lane.packet(packet)
			}
			if w.sent < b.N {
				b.Fatalf("%d acks for %d pings", w.sent, b.N)
			}
		})
	}
}

func BenchmarkKnownAlive(b *testing.B) {
	m, _ := benchNode(b, nil)
	alive := benchAlive(0)
	m.learn(alive)
	lane := m.newReceiver()
	packet := &Packet{source: benchPeer, Buf: alive.Append(nil)}
	b.ReportAllocs()
	for b.Loop() {
		lane.packet(packet)
	}
}

func BenchmarkSixteenKnownAlives(b *testing.B) {
	m, _ := benchNode(b, func(c *Config) { c.EnableCompression = false })
	var msgs [][]byte
	for i := range 16 {
		alive := benchAlive(i)
		m.learn(alive)
		msgs = append(msgs, alive.Append(nil))
	}
	lane := m.newReceiver()
	packet := &Packet{source: benchPeer, Buf: sealed(b, m, msgs...)}
	b.ReportAllocs()
	for b.Loop() {
		lane.packet(packet)
	}
}

func BenchmarkMembers(b *testing.B) {
	m, _ := benchNode(b, nil)
	for i := range 10_000 {
		m.learn(benchAlive(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Members()
	}
}

// BenchmarkBytesPerMember is the memory of 10,000 known members, the list that the application
// sees included.
func BenchmarkBytesPerMember(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		m, _ := benchNode(b, nil)
		m.cluster.rumours.Reset()
		before := heap()
		for i := range n {
			m.learn(benchAlive(i))
			m.cluster.rumours.Reset()
		}
		table := heap() - before
		list := m.Members()
		all := heap() - before
		b.ReportMetric(float64(table)/n, "B/member")
		b.ReportMetric(float64(all)/n, "B/member-listed")
		runtime.KeepAlive(list)
		runtime.KeepAlive(m)
	}
}

func heap() int64 {
	var s runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// BenchmarkPushPullUnchanged is a full state exchange with a peer of the same view, but for the socket:
// our state encoded, its state decoded, checked and merged.
func BenchmarkPushPullUnchanged(b *testing.B) {
	for _, compressed := range []bool{false, true} {
		b.Run(fmt.Sprintf("compressed=%v", compressed), func(b *testing.B) {
			m, _ := benchNode(b, func(c *Config) { c.EnableCompression = compressed })
			for i := range 10_000 {
				m.learn(benchAlive(i))
			}
			m.cluster.rumours.Reset()
			b.ReportAllocs()
			for b.Loop() {
				var pipe loopConn
				ours, err := m.streams.state(context.Background(), false)
				if err != nil {
					b.Fatal(err)
				}
				if err := m.sender.writeStream(&pipe, "", ours, false); err != nil {
					b.Fatal(err)
				}
				t := newTalk(m.streams, &pipe, &m.streams.served)
				if _, err := t.next(true); err != nil {
					b.Fatal(err)
				}
				theirs, err := t.readState()
				if err != nil {
					b.Fatal(err)
				}
				if err := m.streams.examine(context.Background(), theirs, false); err != nil {
					b.Fatal(err)
				}
				if err := m.streams.mergeMembers(context.Background(), theirs, false); err != nil {
					b.Fatal(err)
				}
				t.free()
			}
		})
	}
}

// loopConn is a connection to ourselves: what is written can be read.
type loopConn struct {
	net.Conn
	bytes.Buffer
}

func (c *loopConn) Read(b []byte) (int, error)  { return c.Buffer.Read(b) }
func (c *loopConn) Write(b []byte) (int, error) { return c.Buffer.Write(b) }
