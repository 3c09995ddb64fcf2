package memberlist

import (
	"bytes"
	"compress/lzw"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// crashOutcome is what our node does with what crashes, fills, floods or poisons the reference.
type crashOutcome struct {
	does string // what comes back, and how many packets leave
	mib  uint64 // what it may allocate meanwhile
}

// The bound on memory is one megabyte where the input itself is short.
var crashOutcomes = map[string]crashOutcome{
	"stream_empty_plaintext_v1":       {"error", 1},
	"stream_empty_plaintext_v0":       {"error", 1},
	"stream_empty_plaintext_label":    {"error", 1},
	"stream_v0_padding_17":            {"error", 1},
	"pushpull_nodes_1048576":          {"no reply", 1},
	"pushpull_nodes_1048576_x20":      {"no reply", 2},
	"pushpull_nodes_1048576_repeated": {"no reply", 2},
	"pushpull_userstate_20971520":     {"no reply", 1},
	"user_len_20971520":               {"no reply", 1},
	"user_len_20971520_x100":          {"no reply", 8},
	"compress_stream_buf_32mib":       {"error", 192}, // the bytes are really sent, and a buffer that doubles takes a few times as much
	"pushpull_slots_127_idle":         {"no reply", 1},

	"packet_v0_padding_16":                        {"0 packets", 1},
	"packet_v0_padding_17":                        {"0 packets", 1},
	"packet_v0_padding_255":                       {"0 packets", 1},
	"lzw_bomb_40mib":                              {"0 packets", 1},
	"lzw_bomb_over_limit":                         {"0 packets", 1},
	"lzw_bomb_x2":                                 {"0 packets", 1},
	"lzw_bomb_user":                               {"0 packets", 1},
	"amplify_compound_255_pings":                  {"no more packets than pings", 1}, // a destination's queue is short
	"amplify_compress_65025_pings":                {"0 packets", 1},
	"amplify_compress_65025_pings_to_third_party": {"0 packets", 1},
	"amplify_log_65025_lines":                     {"0 packets", 1},
	"amplify_compress_16320_indirect_pings":       {"0 packets", 1},
	"amplify_compound_24_x_65025_pings":           {"0 packets", 1},
	"poison_alive_empty_map_recovery":             {"0 packets", 1},
	"poison_none":                                 {"0 packets", 1},
	"poison_alive_empty_map":                      {"0 packets", 1},
	"poison_alive_no_vsn":                         {"0 packets", 1},
	"poison_alive_vsn_5":                          {"0 packets", 1},
	"poison_alive_future_versions":                {"0 packets", 1},
	"poison_alive_delegate_versions":              {"0 packets", 1},
	"poison_alive_incarnation_0":                  {"0 packets", 1},
}

// crash reports whether the vector is judged by crashOutcomes. One is an answer to a join, and has
// a test of its own.
func (v *vector) crash() bool { return v.file == "crashes" && v.Direction != joinDirection }

const joinDirection = "fed to dialer over a real socket"

func TestNothingCrashesFloodsOrPoisonsTheNode(t *testing.T) {
	eachVector(t, (*vector).crash, func(t *testing.T, v *vector) {
		want, ok := crashOutcomes[v.Name]
		if !ok {
			t.Fatal("nobody says what becomes of it")
		}
		b := v.crashBytes(t)
		r := newRig(t, v, "alpha", func(c *Config) { c.Logger = nil; c.LogOutput = new(bytes.Buffer) })
		r.packet([]byte{8}, vectorPeer) // what is made once is not counted
		r.forget()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := r.endure(v, b)
		runtime.ReadMemStats(&after)
		if got != want.does {
			t.Errorf("%s, want %s", got, want.does)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > want.mib<<20 {
			t.Errorf("%d KiB allocated, want at most %d MiB", used>>10, want.mib)
		}
		r.wantHealthy()
	})
}

// endure feeds a vector as often as its name says, and words what came of it.
func (r *rig) endure(v *vector, b []byte) string {
	r.t.Helper()
	if v.Kind == "packet" {
		r.packet(b, &net.UDPAddr{IP: net.IP{10, 0, 0, 66}, Port: 66})
		if n := len(r.tape.take()); n == 0 || n > 255 {
			return fmt.Sprintf("%d packets", n)
		}
		return "no more packets than pings"
	}
	times := 1
	for suffix, n := range map[string]int{"_x20": 20, "_repeated": 20, "_x100": 100, "_127_idle": 127} {
		if strings.HasSuffix(v.Name, suffix) {
			times = n
		}
	}
	atOnce := !strings.HasSuffix(v.Name, "_repeated")
	replies := make(chan []byte, times)
	for range times {
		feed := func() {
			reply, _ := r.converse(b, false)
			replies <- reply
		}
		if atOnce {
			go feed()
		} else {
			feed()
		}
	}
	time.Sleep(time.Millisecond)
	if strings.HasSuffix(v.Name, "_idle") {
		// One more exchange is told why it is not served, and can go elsewhere.
		reply, _ := r.stream(b, false)
		if got := r.reply(reply); got != "error" {
			r.t.Errorf("an exchange beyond the slots gets %q", got)
		}
	}
	said := map[string]bool{}
	for range times {
		said[r.reply(<-replies)] = true
	}
	if len(said) != 1 {
		r.t.Errorf("answers differ: %v", said)
	}
	for s := range said {
		return s
	}
	return ""
}

// wantHealthy checks that the node acks, that a healthy node can join it, and that its own row stands.
func (r *rig) wantHealthy() {
	r.t.Helper()
	r.told.take()
	r.forget()
	r.m.receiver.packet(&Packet{Buf: r.sealed((&wire.Ping{SeqNo: 7}).Append(nil)), From: vectorPeer})
	if sent := r.sent(); len(sent) != 1 || sent[0] != "ack 7 nil to "+vectorPeer.String() {
		r.t.Errorf("a ping is answered by %q", sent)
	}
	join := wire.State{Join: true, Rows: []wire.Row{{
		Name: "healthy", Addr: []byte{10, 0, 0, 3}, Port: 7946, Incarnation: 1, Vsn: []byte{1, 5, 2, 0, 0, 0},
	}}}
	conf := r.m.conf
	frame := wire.Frame{Label: conf.Label, Key: conf.Keyring.primary(), SealVersion: 1}
	stream, err := wire.AppendLabel(nil, conf.Label)
	if err == nil {
		stream, err = frame.AppendStream(stream, new(wire.Nonce), join.Append(nil))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	if reply, _ := r.stream(stream, false); r.reply(reply) != "push/pull" {
		r.t.Errorf("a healthy node that joins gets %q", r.reply(reply))
	}
	if got := strings.Join(r.told.take(), ", "); got != "NotifyJoin healthy" {
		r.t.Errorf("told %q", got)
	}
	if table := strings.Join(r.table(), "\n"); !strings.Contains(table, rowAlpha) {
		r.t.Errorf("our own row is gone:\n%s", table)
	}
}

// sealed wraps a message as a peer of the node would.
func (r *rig) sealed(msg []byte) []byte {
	r.t.Helper()
	conf := r.m.conf
	frame := wire.Frame{Label: conf.Label, Key: conf.Keyring.primary(), SealVersion: 1}
	packet, err := frame.AppendPacket(nil, new(wire.Nonce), [][]byte{msg})
	if err != nil {
		r.t.Fatal(err)
	}
	return packet
}

// crashBytes returns the bytes of a vector of crashes.json; those that are not stored are made as
// their notes say.
func (v *vector) crashBytes(t *testing.T) []byte {
	t.Helper()
	b, whole := v.bytes(t)
	if !whole {
		b = v.made(t)
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != v.SHA256 {
			t.Fatalf("made %d bytes that are not the recorded ones", len(b))
		}
	}
	if v.Name == "compress_stream_buf_32mib" {
		b = append(b, make([]byte, 32<<20)...)
	}
	return b
}

func (v *vector) made(t *testing.T) []byte {
	t.Helper()
	const most = 40 << 20
	switch v.Name {
	case "lzw_bomb_40mib":
		return inflating(t, append([]byte{14}, make([]byte, most-1)...))
	case "lzw_bomb_over_limit":
		return inflating(t, append([]byte{14}, make([]byte, most)...))
	case "lzw_bomb_x2":
		return compound(inflating(t, append([]byte{14}, make([]byte, most-1)...)), 2)
	case "lzw_bomb_user":
		return inflating(t, append([]byte{8}, make([]byte, most-1)...))
	case "amplify_compress_65025_pings_to_third_party":
		return inflating(t, compound(compound(unhex(t, v.Innermost), 255), 255))
	case "amplify_compress_16320_indirect_pings":
		return inflating(t, compound(compound(unhex(t, v.Innermost), 255), 64))
	case "amplify_compound_24_x_65025_pings":
		return compound(inflating(t, compound(compound([]byte{0, 0x80}, 255), 255)), 24)
	}
	t.Fatalf("nobody knows how to make %s", v.Name)
	return nil
}

// inflating is a compress message that inflates to msg.
func inflating(t testing.TB, msg []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := lzw.NewWriter(&buf, lzw.LSB, 8)
	if _, err := w.Write(msg); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return (&wire.Compressed{Buf: buf.Bytes()}).Append(nil)
}

// compound is a compound of n equal parts.
func compound(part []byte, n int) []byte {
	b := []byte{byte(wire.TypeCompound), byte(n)}
	for range n {
		b = append(b, byte(len(part)>>8), byte(len(part)))
	}
	return append(b, bytes.Repeat(part, n)...)
}

func TestAnEmptySealedAnswerToAJoinIsAnErrorOfJoin(t *testing.T) {
	v := vectorNamed(t, "crashes", "join_answer_empty_plaintext")
	b, _ := v.bytes(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &v, "alpha")
		r.answer(b, false)
		if n, err := r.m.Join([]string{"10.0.0.2:7946"}); n != 0 || err == nil {
			t.Errorf("joined %d, %v", n, err)
		}
		r.wantHealthy()
	})
}
