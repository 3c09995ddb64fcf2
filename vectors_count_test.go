package memberlist

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// decodes reports whether the vector shows what a packet's body is decoded to.
func (v *vector) decodes() bool {
	return v.file == "msgpack_decode" && v.Kind == "packet" && v.Name != "alive_truncated_everywhere"
}

func TestABodyInAnyDialectDoesWhatItDidToTheReference(t *testing.T) {
	eachVector(t, (*vector).decodes, func(t *testing.T, v *vector) {
		r := newRig(t, v, "alpha")
		if strings.HasPrefix(v.Name, "suspect_") || strings.HasPrefix(v.Name, "dead_") {
			r.knows("bravo", net.IP{10, 0, 0, 2}, 1)
		}
		from := &net.UDPAddr{IP: net.IP{10, 0, 0, 9}, Port: 1234}
		if strings.HasPrefix(v.Name, "indirect_") {
			from = capturedPeer
		}
		b, _ := v.bytes(t)
		r.packet(b, from)
		time.Sleep(r.m.conf.ProbeTimeout) // what cannot be relayed is said by a nack
		var got []string
		for _, line := range r.sent() {
			if kind, _, _ := strings.Cut(line, " "); kind == "ack" {
				got = append(got, line)
			} else if _, to, ok := strings.Cut(line, " to "); ok { // of pings and nacks the recorder kept no more
				got = append(got, kind+" to "+to)
			}
		}
		slices.Sort(got)
		v.judge(t, append(got, r.others()...), v.decoding(t))
	})
}

// knows makes a member known, whatever its incarnation.
func (r *rig) knows(name string, ip net.IP, incarnation uint32) {
	r.m.cluster.step(func(m *swim.Machine, now time.Time) {
		m.MergeJoin(now, []wire.Row{{
			Name: name, Addr: ip, Port: 7946, Incarnation: incarnation, Meta: []byte{}, Vsn: []byte{1, 4, 2, 0, 0, 0},
		}})
	})
	r.forget()
}

// others is the node table without the node itself.
func (r *rig) others() []string {
	return slices.DeleteFunc(r.table(), func(line string) bool { return line == rowAlpha })
}

// decoding words what was observed of a body: who is answered, and what is in the node table.
func (v *vector) decoding(t *testing.T) (want []string) {
	t.Helper()
	var o struct {
		Decoded map[string]any `json:"decoded_as"`
		Row     map[string]any `json:"node_table"`
		Ack     json.RawMessage
		Sent    []string
	}
	if err := json.Unmarshal(v.Observed, &o); err != nil {
		t.Fatal(err)
	}
	var ack struct {
		To    string
		SeqNo uint32
	}
	if len(o.Ack) > 0 && json.Unmarshal(o.Ack, &ack) == nil {
		want = append(want, fmt.Sprintf("ack %d nil to %s", ack.SeqNo, ack.To))
	}
	for _, s := range o.Sent {
		want = append(want, strings.Replace(s, "nackResp", "nack", 1))
	}
	slices.Sort(want)
	row := o.Row
	if f := o.Decoded; f["Addr"] != nil || f["Meta"] != nil || f["Vsn"] != nil { // an alive
		row = f
		row["Name"], row["State"] = f["Node"], 0.0
	}
	if row != nil {
		want = append(want, rows(t, []map[string]any{row})...)
	}
	return want
}

// accepted reports whether the vector is a stream that an older release was fed.
func (v *vector) accepted() bool { return v.file == "legacy" && strings.HasPrefix(v.Direction, "fed") }

func TestTheDialectsOfAllReleasesAreAnswered(t *testing.T) {
	eachVector(t, (*vector).accepted, func(t *testing.T, v *vector) {
		// Older releases refuse bin8; the newest, which we follow, does not.
		if refused := strings.HasPrefix(v.Verdict, "rejected"); refused && !strings.HasSuffix(v.Name, "_bin8_ping") {
			t.Errorf("verdict %q is new to us", v.Verdict)
		}
		want := "ack 5 nil"
		if strings.HasSuffix(v.Name, "_header") {
			want = "push/pull"
		}
		b, _ := v.bytes(t)
		r := newRig(t, v, "alpha")
		reply, took := r.stream(b, false)
		if got := r.reply(reply); got != want || took != 0 {
			t.Errorf("answered %q after %v, want %q", got, took, want)
		}
	})
}

// elsewhere names the vectors that have a test of their own, most of them in internal/wire because they
// are about bytes alone.
var elsewhere = map[string]string{
	"msgpack_decode/alive_truncated_everywhere":     "TestEveryPrefixOfAMessageIsShort",
	"compound/compound_piggyback_257_parts_wraps":   "TestTheEncodersOfTheReferenceThatOverflowAreNotCopied",
	"compound/compound_part_over_65535_wraps":       "TestTheEncodersOfTheReferenceThatOverflowAreNotCopied",
	"crc_compress/compress_packet_long_table_reset": "TestCapturedPacketsOpenToTheirMessagesAndAreMadeAgain",
	"msgpack_encode/compress_buf_raw32":             "TestALongCompressedStreamIsTaken",
	"pushpull/response_130_nodes_header":            "TestAStateOf130MembersHasASignedCount",
}

func TestALongCompressedStreamIsTaken(t *testing.T) {
	v := vectorNamed(t, "msgpack_encode", "compress_buf_raw32")
	body, x := make([]byte, 60000), uint32(1)
	for i := range body {
		x = x*1664525 + 1013904223
		body[i] = byte(x >> 24)
	}
	head := wire.UserHeader{UserMsgLen: len(body)}
	b := inflating(t, append(head.Append(nil), body...))
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != v.SHA256 {
		t.Fatalf("made %d bytes that are not the recorded ones", len(b))
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &v, "alpha")
		r.stream(b, false)
		want := elided(fmt.Sprintf("NotifyMsg %d bytes: %x", len(body), body))
		if got := r.told.take(); len(got) != 1 || got[0] != want {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestEveryVectorIsHeldSomewhere(t *testing.T) {
	held := 0
	used := map[string]bool{}
	for _, file := range vectorFiles {
		names := map[string]bool{}
		for _, v := range loadVectors(t, file) {
			if names[v.Name] {
				t.Errorf("%s is there twice", v.id())
			}
			names[v.Name] = true
			homes := 0
			for _, fit := range []bool{
				file == "reactions", v.fedPacket(), v.fedStream(), v.fedToDialer(), v.fedBack(), v.crash(),
				v.Direction == joinDirection, v.decodes(), v.accepted(), elsewhere[v.id()] != "",
			} {
				if fit {
					homes++
				}
			}
			if homes != 1 {
				t.Errorf("%s is held by %d tests", v.id(), homes)
			}
			held++
			used[v.id()] = true
		}
	}
	if held != 853 {
		t.Errorf("%d vectors, there were 853", held)
	}
	for id := range betterOutcomes {
		if !used[id] {
			t.Errorf("betterOutcomes speaks of %s, which is no vector", id)
		}
	}
}
