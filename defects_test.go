package memberlist

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// The defects that users of other implementations of this protocol have met: testdata/defects.txt
// lists them, and a test for each, named after it, holds us to something better. They are in the files
// defects_*_test.go by subject; here is what they share.

// stranger is somebody on the network who is no node: it says what the test wants.
type stranger struct {
	*MockTransport
	b    *lab
	name string
}

func (b *lab) stranger(name string) *stranger {
	return &stranger{MockTransport: b.net.NewTransport(name), b: b, name: name}
}

// message is anything with a type byte.
type message interface{ Append([]byte) []byte }

// say sends packets, one message each, and waits until they have had their effect.
func (s *stranger) say(to *Memberlist, msgs ...message) {
	s.b.t.Helper()
	for _, msg := range msgs {
		s.sayRaw(to, msg.Append(nil))
	}
}

// sayRaw sends one packet as it is.
func (s *stranger) sayRaw(to *Memberlist, packet []byte) {
	s.b.t.Helper()
	if _, err := s.WriteTo(packet, to.LocalNode().Address()); err != nil {
		s.b.t.Fatal(err)
	}
	synctest.Wait()
}

// heard returns the packets that have come in.
func (s *stranger) heard() (packets [][]byte) {
	for {
		select {
		case p := <-s.PacketCh():
			packets = append(packets, p.Buf)
		default:
			return packets
		}
	}
}

// messages opens packets in plain text.
func (b *lab) messages(packets ...[]byte) (all []wire.Message) {
	b.t.Helper()
	for _, p := range packets {
		opener := wire.Opener{SkipLabel: true, MaxInflated: 1 << 20}
		opened, err := opener.Open(p, nil)
		if err != nil {
			b.t.Fatalf("a packet that cannot be opened: %v", err)
		}
		all = append(all, opened.Messages...)
	}
	return all
}

// begin opens a stream and writes to it.
func (s *stranger) begin(to *Memberlist, what []byte) net.Conn {
	s.b.t.Helper()
	conn, err := s.DialTimeout(to.LocalNode().Address(), time.Second)
	if err != nil {
		s.b.t.Fatal(err)
	}
	s.b.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write(what); err != nil {
		s.b.t.Fatal(err)
	}
	synctest.Wait()
	return conn
}

// converse opens a stream, writes to it and returns all that comes back.
func (s *stranger) converse(to *Memberlist, what []byte) []byte {
	s.b.t.Helper()
	conn := s.begin(to, what)
	defer conn.Close()
	var answer []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		answer = append(answer, buf[:n]...)
		if err != nil {
			synctest.Wait()
			return answer
		}
	}
}

// state decodes a full state that came over a stream in plain text.
func (b *lab) state(answer []byte) *wire.State {
	b.t.Helper()
	r := wire.NewStreamReader(strings.NewReader(string(answer)), nil)
	kind, _, err := r.Next(wire.StreamFrame{})
	if err != nil || kind != wire.TypePushPull {
		b.t.Fatalf("answered %v, %v, want a state", kind, err)
	}
	state, err := r.PushPull()
	if err != nil {
		b.t.Fatal(err)
	}
	return state
}

// errorReply decodes the error that came over a stream in plain text; it is empty if there is none.
func (b *lab) errorReply(answer []byte) string {
	b.t.Helper()
	var reply wire.ErrorReply
	if len(answer) == 0 || wire.Type(answer[0]) != wire.TypeError {
		return ""
	}
	if _, err := reply.DecodeNext(answer[1:]); err != nil {
		b.t.Fatal(err)
	}
	return reply.Error
}

// alive is a claim that the stranger itself is a member.
func (s *stranger) alive(incarnation uint32) *wire.Alive {
	return &wire.Alive{
		Incarnation: incarnation, Node: s.name, Addr: s.at.Addr().AsSlice(), Port: s.at.Port(),
		Vsn: []byte{1, 5, 2, 0, 0, 0},
	}
}

// row is the stranger's own row in a state of its.
func (s *stranger) row(incarnation uint32) wire.Row {
	a := s.alive(incarnation)
	return wire.Row{Name: a.Node, Addr: a.Addr, Port: a.Port, Incarnation: incarnation, Vsn: a.Vsn}
}

// claimOf is a claim about a node as others make it.
func claimOf(m *Memberlist, incarnation uint32) *wire.Alive {
	n := m.LocalNode()
	return &wire.Alive{
		Incarnation: incarnation, Node: n.Name, Addr: n.Addr, Port: n.Port, Meta: n.Meta,
		Vsn: []byte{n.PMin, n.PMax, n.PCur, n.DMin, n.DMax, n.DCur},
	}
}

// seen is what a node believes of another; "" if it knows none of that name.
func seen(m *Memberlist, name string) (state string, incarnation uint32) {
	m.cluster.view(func(c *swim.Machine) {
		if row, ok := c.Lookup(name); ok {
			state, incarnation = row.State.String(), row.Incarnation
		}
	})
	return state, incarnation
}

// quiet is a node that does nothing by itself.
func quiet(c *Config) {
	c.ProbeInterval, c.GossipInterval, c.PushPullInterval = 0, 0, 0
}

// dropped returns how often a node has dropped something for that reason.
func dropsOf(m *Memberlist, sink *metrics.InmemSink, reason string) (n int) {
	m.metrics.flush()
	for name, sum := range sums(sink) {
		if strings.Contains(name, "drop") && strings.Contains(name, reason) {
			n += sum
		}
	}
	return n
}

// allocated is how many bytes all goroutines allocate while f runs.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// sealedStream is a message on a stream, sealed with a key, whatever is inside.
func sealedStream(t *testing.T, key, plain []byte, label string) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	head := binary.BigEndian.AppendUint32([]byte{byte(wire.TypeEncrypted)}, uint32(1+12+len(plain)+16))
	nonce := make([]byte, 12)
	sealed := append(append(append([]byte(nil), head...), 1), nonce...)
	return gcm.Seal(sealed, nonce, plain, append(append([]byte(nil), head...), label...))
}

// inbox is a Delegate that keeps what it is told, and says what the test wants said.
type inbox struct {
	mu     sync.Mutex
	mail   [][]byte
	merged [][]byte

	meta  []byte
	state []byte
	give  func(overhead, limit int) [][]byte
}

func (d *inbox) NodeMeta(int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meta
}

func (d *inbox) setMeta(meta []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meta = meta
}

func (d *inbox) NotifyMsg(b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mail = append(d.mail, b)
}

func (d *inbox) GetBroadcasts(overhead, limit int) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.give == nil {
		return nil
	}
	return d.give(overhead, limit)
}

// offer has the messages broadcast, once.
func (d *inbox) offer(msgs ...[]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.give = func(int, int) [][]byte {
		d.give = nil
		return msgs
	}
}

func (d *inbox) LocalState(bool) []byte { return d.state }

func (d *inbox) MergeRemoteState(b []byte, _ bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.merged = append(d.merged, b)
}

func (d *inbox) messages() [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([][]byte(nil), d.mail...)
}
