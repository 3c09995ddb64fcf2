package memberlist

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/memnet"
	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// vector is one entry of testdata/vectors; the README beside them explains the fields.
type vector struct {
	Name      string
	Note      string
	Source    string
	Direction string
	Kind      string
	Verdict   string
	FedBack   string `json:"fed_back"`
	Config    vectorConfig
	Hex       string
	HexRuns   [][2]any `json:"hex_runs"`
	HexHead   string   `json:"hex_head"`
	SHA256    string
	Innermost string   `json:"innermost_hex"`
	Setup     []string `json:"setup_fed_before"`
	InReplyTo string   `json:"in_reply_to_hex"`
	Decoded   json.RawMessage
	Observed  json.RawMessage

	file string
}

// vectorConfig is how the node of a vector was set up.
type vectorConfig struct {
	ProtocolVersion uint8 `json:"protocol_version"`
	Label           string
	Key             string
	ExtraKey        string `json:"extra_key_1"`
	Compression     bool
	NodeName        *string `json:"node_name"`
	Verify          *bool   `json:"verify_incoming"`
	VerifyOut       *bool   `json:"verify_outgoing"`
	SkipLabel       bool    `json:"skip_inbound_label_check"`
	AdvertisePort   *int    `json:"advertise_port"`
	AdvertiseAddr   string  `json:"advertise_addr"`
	PeerPMax        uint8   `json:"peer_pmax"`
	PeerName        string  `json:"peer_name"`
}

// vectorFiles is every file of testdata/vectors.
var vectorFiles = []string{
	"compound", "crashes", "crc_compress", "encryption", "label", "legacy", "malformed_packet",
	"malformed_stream", "messages_packet", "messages_stream", "msgpack_decode", "msgpack_encode",
	"pushpull", "reactions", "sockets",
}

func loadVectors(t testing.TB, file string) []vector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for i := range all {
		all[i].file = file
	}
	return all
}

// vectorNamed finds one vector.
func vectorNamed(t testing.TB, file, name string) vector {
	t.Helper()
	for _, v := range loadVectors(t, file) {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("%s has no vector %s", file, name)
	return vector{}
}

func (v *vector) id() string { return v.file + "/" + v.Name }

// bytes returns the vector's bytes; false for those that are too long to be stored whole.
func (v *vector) bytes(t testing.TB) ([]byte, bool) {
	t.Helper()
	if v.HexHead != "" {
		return nil, false
	}
	var b []byte
	for _, run := range v.HexRuns {
		b = append(b, bytes.Repeat(unhex(t, run[0].(string)), int(run[1].(float64)))...)
	}
	return append(b, unhex(t, v.Hex)...), true
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tape is a Transport that writes down what is sent and hands in what a test feeds.
type tape struct {
	ip      net.IP
	port    int
	packets chan *Packet
	streams chan net.Conn
	dial    func(addr string) (net.Conn, error) // nil: nobody is there

	mu   sync.Mutex
	sent []datagram
}

type datagram struct {
	to  string
	buf []byte
}

func newTape(ip net.IP, port int) *tape {
	return &tape{ip: ip, port: port, packets: make(chan *Packet, 8), streams: make(chan net.Conn, 8)}
}

func (p *tape) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return p.ip, p.port, nil }

func (p *tape) WriteTo(b []byte, addr string) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, datagram{addr, b})
	return time.Now(), nil
}

func (p *tape) PacketCh() <-chan *Packet  { return p.packets }
func (p *tape) StreamCh() <-chan net.Conn { return p.streams }
func (p *tape) Shutdown() error           { return nil }

func (p *tape) DialTimeout(addr string, _ time.Duration) (net.Conn, error) {
	if p.dial == nil {
		return nil, errors.New("nobody there")
	}
	return p.dial(addr)
}

// take returns what was sent since it was last asked.
func (p *tape) take() []datagram {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	return sent
}

// witness is every delegate at once and writes down what it is told, in the vectors' words.
type witness struct {
	meta  []byte
	state []byte

	mu   sync.Mutex
	told []string
}

func (w *witness) add(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, elided(fmt.Sprintf(format, args...)))
}

// elided cuts a very long line as the vectors do.
func elided(line string) string {
	if n := len(line); n > 1000 {
		return fmt.Sprintf("%s... (%d bytes)", line[:60], n)
	}
	return line
}

func (w *witness) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

func (w *witness) NodeMeta(int) []byte             { return w.meta }
func (w *witness) GetBroadcasts(int, int) [][]byte { return nil }
func (w *witness) LocalState(bool) []byte          { return w.state }
func (w *witness) NotifyJoin(n *Node)              { w.add("NotifyJoin %s", n.Name) }
func (w *witness) NotifyLeave(n *Node)             { w.add("NotifyLeave %s", n.Name) }
func (w *witness) NotifyUpdate(n *Node)            { w.add("NotifyUpdate %s", n.Name) }

func (w *witness) NotifyMsg(b []byte) { w.add("NotifyMsg %d bytes: %x", len(b), b) }

func (w *witness) MergeRemoteState(b []byte, join bool) {
	w.add("MergeRemoteState join=%t %d bytes: %x", join, len(b), b)
}

func (w *witness) NotifyConflict(known, other *Node) {
	w.add("NotifyConflict %s %s vs %s", known.Name, known.Address(), other.Address())
}

// mergeWitness and aliveWitness are asked only where a vector says so.
type mergeWitness struct{ *witness }

func (w mergeWitness) NotifyMerge(peers []*Node) error {
	w.add("NotifyMerge %d", len(peers))
	return nil
}

type aliveWitness struct{}

func (aliveWitness) NotifyAlive(*Node) error { return nil }

// rig is one node of ours where a vector's node of the reference was.
type rig struct {
	t    testing.TB
	m    *Memberlist
	tape *tape
	told *witness
	out  wire.Opener // opens what the node sends

	boot  [][]byte      // the broadcasts that waited when the node had started
	heard *bytes.Buffer // what the node said on the last stream that it dialled
}

// vectorTimeout is the stream timeout of the recorded nodes.
const vectorTimeout = 600 * time.Millisecond

// vectorConf is the configuration that a vector asks for. All loops are off, or so slow that they do
// nothing while a vector is fed.
func vectorConf(t testing.TB, c *vectorConfig, name string) (*Config, *tape) {
	conf := DefaultLANConfig()
	conf.Name = name
	if c.ProtocolVersion != 0 {
		conf.ProtocolVersion = c.ProtocolVersion
	}
	conf.Label, conf.SkipInboundLabelCheck = c.Label, c.SkipLabel
	conf.EnableCompression = c.Compression
	conf.SecretKey = unhex(t, c.Key)
	if c.ExtraKey != "" {
		ring, err := NewKeyring([][]byte{unhex(t, c.ExtraKey)}, conf.SecretKey)
		if err != nil {
			t.Fatal(err)
		}
		conf.Keyring = ring
	}
	if c.Verify != nil {
		conf.GossipVerifyIncoming = *c.Verify
	}
	if c.VerifyOut != nil {
		conf.GossipVerifyOutgoing = *c.VerifyOut
	}
	conf.GossipInterval, conf.PushPullInterval, conf.ProbeInterval = 0, 0, 1000*time.Hour
	conf.TCPTimeout = vectorTimeout
	ip, port := net.IP{10, 0, 0, 1}, 7946
	if c.AdvertisePort != nil {
		port = *c.AdvertisePort
	}
	if c.AdvertiseAddr != "" {
		ip = net.ParseIP(c.AdvertiseAddr)
	}
	tape := newTape(ip, port)
	conf.Transport = tape
	return conf, tape
}

// newRig starts the node of a vector. It must run in a bubble.
func newRig(t testing.TB, v *vector, name string, tweaks ...func(*Config)) *rig {
	t.Helper()
	conf, tape := vectorConf(t, &v.Config, name)
	told := &witness{meta: []byte("me")}
	conf.Delegate, conf.Events, conf.Conflict = told, told, told
	if strings.Contains(v.Name, "alive_delegate") {
		conf.Alive = aliveWitness{}
	}
	if strings.Contains(v.Name, "merge_delegate") {
		conf.Merge = mergeWitness{told}
	}
	conf.Logger = log.New(rigLog{t}, "", 0)
	for _, tweak := range tweaks {
		tweak(conf)
	}
	m, err := Create(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Shutdown() })
	r := &rig{t: t, m: m, tape: tape, told: told, out: wire.Opener{Label: conf.Label, MaxInflated: 1 << 20}}
	r.boot = m.cluster.rumours.GetBroadcasts(0, 1<<20)
	r.forget()
	return r
}

type rigLog struct{ t testing.TB }

func (l rigLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// forget drops what has happened so far: events, packets and waiting broadcasts.
func (r *rig) forget() {
	synctest.Wait()
	r.told.take()
	r.tape.take()
	r.m.cluster.rumours.Reset()
}

// vectorPeer is where recorded packets came from.
var vectorPeer = &net.UDPAddr{IP: net.IP{10, 0, 0, 9}, Port: 7946}

// packet feeds one datagram.
func (r *rig) packet(b []byte, from net.Addr) {
	r.tape.packets <- &Packet{Buf: bytes.Clone(b), From: from, Timestamp: time.Now()}
	synctest.Wait()
}

// stream feeds the bytes of one stream and returns what came back until the node closed it, and when.
func (r *rig) stream(b []byte, halfClose bool) (reply []byte, took time.Duration) {
	r.t.Helper()
	reply, took = r.converse(b, halfClose)
	synctest.Wait()
	return reply, took
}

// converse is stream without the wait for what the node does afterwards.
func (r *rig) converse(b []byte, halfClose bool) (reply []byte, took time.Duration) {
	r.t.Helper()
	far, near := memnet.Pipe(vectorPeer, &net.TCPAddr{IP: net.IP{10, 0, 0, 1}, Port: 7946})
	begun := time.Now()
	r.tape.streams <- near
	go func() {
		far.Write(b) // the node may close before it has read all
		if halfClose {
			closeWrite(far)
		}
	}()
	reply, err := io.ReadAll(far)
	if err != nil {
		r.t.Errorf("the stream ended with %v", err)
	}
	took = time.Since(begun)
	far.Close()
	return reply, took
}

// answer has whoever dials read everything that is said and then hear b, to its end or left open.
func (r *rig) answer(b []byte, open bool) {
	r.tape.dial = func(string) (net.Conn, error) {
		near, far := memnet.Pipe(vectorPeer, vectorPeer)
		r.heard = new(bytes.Buffer)
		go func() {
			if len(b) > 0 {
				far.Write(b)
			}
			if !open {
				closeWrite(far)
			}
			io.Copy(r.heard, far)
			far.Close()
		}()
		return near, nil
	}
}

// closeWrite ends one direction of a stream.
func closeWrite(c net.Conn) {
	c.(interface{ CloseWrite() error }).CloseWrite()
}

// sent lists the messages that left or wait to be gossiped, in the words of describe.
func (r *rig) sent() (lines []string) {
	r.t.Helper()
	synctest.Wait()
	for _, d := range r.tape.take() {
		opened, err := r.out.Open(d.buf, r.m.conf.Keyring.keys())
		if err != nil {
			r.t.Errorf("what we sent to %s cannot be opened: %v", d.to, err)
		}
		for _, m := range opened.Messages {
			line := describe(r.t, m.Type, m.Body)
			if m.Type < wire.TypeSuspect || m.Type == wire.TypeNack {
				line += " to " + d.to
			}
			lines = append(lines, line)
		}
	}
	const overhead = 2 // what fits into no packet is never gossiped
	for _, b := range r.m.cluster.rumours.GetBroadcasts(overhead, r.m.conf.UDPBufferSize-overhead) {
		lines = append(lines, describe(r.t, wire.Type(b[0]), b[1:]))
	}
	slices.Sort(lines)
	return lines
}

// describe words a message of ours. Sequence numbers of our own choice are not among the words.
func describe(t testing.TB, kind wire.Type, body []byte) string {
	t.Helper()
	var err error
	var text string
	switch kind {
	case wire.TypePing:
		var x wire.Ping
		err = x.Decode(body)
		text = fmt.Sprintf("ping %q", x.Node)
	case wire.TypeAck:
		var x wire.Ack
		err = x.Decode(body)
		text = fmt.Sprintf("ack %d %s", x.SeqNo, octets(x.Payload))
	case wire.TypeNack:
		var x wire.Nack
		err = x.Decode(body)
		text = fmt.Sprintf("nack %d", x.SeqNo)
	case wire.TypeAlive:
		var x wire.Alive
		err = x.Decode(body)
		text = fmt.Sprintf("alive %q@%d %s:%d meta %s vsn %s", x.Node, x.Incarnation, octets(x.Addr), x.Port, octets(x.Meta), octets(x.Vsn))
	case wire.TypeSuspect:
		var x wire.Suspect
		err = x.Decode(body)
		text = fmt.Sprintf("suspect %q@%d from %q", x.Node, x.Incarnation, x.From)
	case wire.TypeDead:
		var x wire.Dead
		err = x.Decode(body)
		text = fmt.Sprintf("dead %q@%d from %q", x.Node, x.Incarnation, x.From)
	case wire.TypeError:
		var x wire.ErrorReply
		err = x.Decode(body)
		text = "error"
	default:
		text = fmt.Sprintf("%v %x", kind, body)
	}
	if err != nil {
		t.Errorf("we sent a %v that cannot be read: %v", kind, err)
	}
	return text
}

// octets words a byte slice: nil is not the same as empty.
func octets(b []byte) string {
	if b == nil {
		return "nil"
	}
	return fmt.Sprintf("<%x>", b)
}

// table lists the node table.
func (r *rig) table() (lines []string) {
	r.m.cluster.view(func(m *swim.Machine) {
		for _, row := range m.Rows(nil) {
			lines = append(lines, fmt.Sprintf("row %q@%d %s:%d meta %s %v vsn %s", row.Name, row.Incarnation,
				octets(row.Addr), row.Port, octets(row.Meta), NodeStateType(row.State), octets(row.Vsn)))
		}
	})
	slices.Sort(lines)
	return lines
}

// reply words what came back on a stream.
func (r *rig) reply(b []byte) string {
	r.t.Helper()
	if len(b) == 0 {
		return "no reply"
	}
	s := wire.NewStreamReader(bytes.NewReader(b), nil)
	frame := wire.StreamFrame{Keys: r.m.conf.Keyring.keys(), Verify: len(r.m.conf.Keyring.keys()) > 0, Label: r.m.conf.Label}
	kind, _, err := s.Next(frame)
	if err != nil {
		r.t.Errorf("our reply %x cannot be opened: %v", b, err)
		return "broken"
	}
	switch kind {
	case wire.TypeAck:
		var x wire.Ack
		if err := s.Ack(&x); err != nil {
			r.t.Error(err)
		}
		return describe(r.t, kind, x.Append(nil)[1:])
	case wire.TypeError:
		var x wire.ErrorReply
		if err := s.ErrorReply(&x); err != nil || x.Error == "" {
			r.t.Errorf("error reply %q, %v", x.Error, err)
		}
		return "error"
	case wire.TypePushPull:
		state, err := s.PushPull()
		if err != nil {
			r.t.Error(err)
			return "broken"
		}
		if len(state.Rows) == 0 {
			r.t.Error("our answer has no member, not even us")
		}
		return "push/pull"
	default:
		r.t.Errorf("our reply is a %v", kind)
		return "broken"
	}
}
