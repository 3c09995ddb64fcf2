package memberlist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// fedBack reports whether the vector was captured, fed to a fresh node of the reference, and is stored whole.
func (v *vector) fedBack() bool { return v.FedBack != "" && v.HexHead == "" }

func TestWhatTheReferenceSendsIsTakenAsByTheReference(t *testing.T) {
	eachVector(t, (*vector).fedBack, func(t *testing.T, v *vector) {
		b, _ := v.bytes(t)
		verdict := strings.TrimPrefix(v.FedBack, "ok: ")
		for prefix, judge := range takers {
			if strings.HasPrefix(verdict, prefix) {
				judge(t, v, b, verdict)
				return
			}
		}
		t.Fatalf("nobody judges %q", v.FedBack)
	})
}

// takers feed a captured vector to a node of ours and check what the reference was seen to do.
var takers = map[string]func(t *testing.T, v *vector, b []byte, verdict string){
	"NotifyMsg ":                       takesUserMessage,
	"no callback for length 0":         takesEmptyMessage,
	"no error; events ":                takesCompound,
	"ping answered and suspicion":      takesAccusedPing,
	"decoded (unknown sequence":        takesSilently,
	"acked to ":                        takesPing,
	"ack on the stream":                takesStreamPing,
	"accepted as answer of a fallback": takesStreamAck,
	"merged, ":                         takesState,
	"reported as remote error":         takesError,
	"node table row equals":            takesAlive,
	"ping sent to Target:Port":         takesIndirectPing,
	"state ":                           takesAccusation,
}

// taker starts the node that takes what the vector's node sent.
func taker(t *testing.T, v *vector, name string) *rig {
	c := *v
	c.Config.ProtocolVersion = 2
	return newRig(t, &c, name, func(conf *Config) {
		// Nodes that send plain text in spite of their keys are refused by their own kind.
		conf.GossipVerifyIncoming = conf.GossipVerifyIncoming && !strings.HasPrefix(v.Name, "verify_outgoing_off")
	})
}

// open returns the messages of a captured packet.
func (v *vector) open(t *testing.T, b []byte) []wire.Message {
	t.Helper()
	o := &wire.Opener{Label: v.Config.Label, MaxInflated: 1 << 20}
	var keys []*wire.Key
	if v.Config.Key != "" {
		k, err := wire.NewKey(unhex(t, v.Config.Key))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	opened, err := o.Open(b, keys)
	if err != nil || len(opened.Messages) == 0 {
		t.Fatalf("%d messages, %v", len(opened.Messages), err)
	}
	return opened.Messages
}

// capturedPeer is where captured packets were fed back from.
var capturedPeer = &net.UDPAddr{IP: net.IP{10, 0, 0, 2}, Port: 7946}

func takesUserMessage(t *testing.T, v *vector, b []byte, verdict string) {
	r := taker(t, v, "taker")
	if v.Kind == "packet" {
		r.packet(b, capturedPeer)
	} else if reply, took := r.stream(b, false); len(reply) > 0 || took != 0 {
		t.Errorf("answered %x after %v", reply, took)
	}
	told := r.told.take()
	if len(told) != 1 || !strings.HasPrefix(told[0], verdict+": ") {
		t.Errorf("told %q", told)
	}
}

// An empty reliable message is delivered; the reference drops it.
func takesEmptyMessage(t *testing.T, v *vector, b []byte, _ string) {
	takesUserMessage(t, v, b, "NotifyMsg 0 bytes")
}

func takesCompound(t *testing.T, v *vector, b []byte, verdict string) {
	r := taker(t, v, "taker")
	r.packet(b, capturedPeer)
	var events, packets int
	if _, err := fmt.Sscanf(verdict, "no error; events %d, packets out %d", &events, &packets); err != nil {
		t.Fatal(err)
	}
	if told := r.told.take(); len(told) != events {
		t.Errorf("told %q, want %d", told, events)
	}
	if sent := r.tape.take(); len(sent) != packets {
		t.Errorf("%d packets, want %d", len(sent), packets)
	}
}

func takesAccusedPing(t *testing.T, v *vector, b []byte, _ string) {
	var ping wire.Ping
	if err := ping.Decode(v.open(t, b)[0].Body); err != nil {
		t.Fatal(err)
	}
	r := taker(t, v, ping.Node)
	r.packet(b, capturedPeer)
	sent := strings.Join(r.sent(), "\n")
	var accused wire.Suspect
	if err := accused.Decode(v.open(t, b)[1].Body); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("alive %q@%d ", ping.Node, accused.Incarnation+1); !strings.Contains(sent, want) || !strings.Contains(sent, fmt.Sprintf("ack %d nil to ", ping.SeqNo)) {
		t.Errorf("sent\n%s", sent)
	}
}

func takesSilently(t *testing.T, v *vector, b []byte, _ string) {
	r := taker(t, v, "taker")
	r.packet(b, capturedPeer)
	if told, sent := r.told.take(), r.sent(); len(told)+len(sent) > 0 {
		t.Errorf("told %q, sent %q", told, sent)
	}
}

func takesPing(t *testing.T, v *vector, b []byte, verdict string) {
	var ping wire.Ping
	if err := ping.Decode(v.open(t, b)[0].Body); err != nil {
		t.Fatal(err)
	}
	name := ping.Node
	if name == "" {
		name = "taker"
	}
	r := taker(t, v, name)
	r.packet(b, capturedPeer)
	want := fmt.Sprintf("ack %d nil to %s", ping.SeqNo, strings.TrimPrefix(verdict, "acked to "))
	if sent := r.sent(); len(sent) != 1 || sent[0] != want {
		t.Errorf("sent %q, want %q", sent, want)
	}
}

func takesStreamPing(t *testing.T, v *vector, b []byte, _ string) {
	r := taker(t, v, "bravo")
	reply, _ := r.stream(b, false)
	if got := r.reply(reply); got != "ack 1 nil" {
		t.Errorf("answered %q", got)
	}
}

func takesStreamAck(t *testing.T, v *vector, b []byte, _ string) {
	r := taker(t, v, "taker")
	r.answer(b, false)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	k := swim.Knock{Peer: swim.Peer{Addr: netip.MustParseAddrPort("10.0.0.2:7946"), Name: "bravo"}, Seq: 1}
	if err := r.m.streams.pingByStream(ctx, k); err != nil {
		t.Error(err)
	}
}

func takesState(t *testing.T, v *vector, b []byte, verdict string) {
	r := taker(t, v, "taker")
	if v.Direction == "dialer_to_listener" {
		reply, took := r.stream(b, false)
		if got := r.reply(reply); got != "push/pull" || took != 0 {
			t.Errorf("answered %q after %v", got, took)
		}
	} else {
		r.answer(b, false)
		if n, err := r.m.Join([]string{"10.0.0.2:7946"}); n != 1 || err != nil {
			t.Errorf("joined %d, %v", n, err)
		}
	}
	state := r.readState(b, v.Direction == "dialer_to_listener")
	table := r.table()
	checked := 0
	for _, row := range state.Rows {
		if row.State != int(swim.Alive) {
			continue
		}
		checked++
		line := fmt.Sprintf("row %q@%d %s:%d meta %s alive vsn %s", row.Name, row.Incarnation, octets(row.Addr), row.Port, octets(row.Meta), octets(row.Vsn))
		if !slices.Contains(table, line) {
			t.Errorf("no %s in\n%s", line, strings.Join(table, "\n"))
		}
	}
	want := fmt.Sprintf("merged, %d alive rows checked", checked)
	if checked > 8 { // the recorder looked at no more of the large one
		want = "merged, 8 alive rows checked"
	}
	if want != verdict {
		t.Errorf("%s, the reference %s", want, verdict)
	}
	merged := slices.ContainsFunc(r.told.take(), func(s string) bool { return strings.HasPrefix(s, "MergeRemoteState") })
	if merged != (len(state.User) > 0) {
		t.Errorf("MergeRemoteState called: %t, with %d bytes", merged, len(state.User))
	}
}

// readState reads the push/pull of a stream in the layers of the rig's node.
func (r *rig) readState(b []byte, dialled bool) *wire.State {
	r.t.Helper()
	s := wire.NewStreamReader(bytes.NewReader(b), nil)
	if dialled {
		if label, err := s.Label(); err != nil || label != r.m.conf.Label {
			r.t.Fatalf("label %q, %v", label, err)
		}
	}
	keys := r.m.conf.Keyring.keys()
	kind, _, err := s.Next(wire.StreamFrame{Keys: keys, Verify: len(keys) > 0, Label: r.m.conf.Label})
	if err != nil || kind != wire.TypePushPull {
		r.t.Fatalf("a stream of %v, %v", kind, err)
	}
	state, err := s.PushPull()
	if err != nil {
		r.t.Fatal(err)
	}
	return state
}

func takesError(t *testing.T, v *vector, b []byte, _ string) {
	r := taker(t, v, "taker")
	r.answer(b, false)
	n, err := r.m.Join([]string{"10.0.0.2:7946"})
	var remote *RemoteError
	if n != 0 || !errors.As(err, &remote) || remote.Text == "" {
		t.Errorf("joined %d, %v", n, err)
	}
}

func takesAlive(t *testing.T, v *vector, b []byte, verdict string) {
	var a wire.Alive
	if err := a.Decode(v.open(t, b)[0].Body); err != nil {
		t.Fatal(err)
	}
	r := taker(t, v, "taker")
	r.packet(b, capturedPeer)
	var state NodeStateType
	if _, err := fmt.Sscanf(verdict, "node table row equals the message (state %d)", &state); err != nil {
		t.Fatal(err)
	}
	if a.Port == 0 {
		a.Port = 7946 // means the receiver's
	}
	table := r.table()
	want := fmt.Sprintf("row %q@%d %s:%d meta %s %v vsn %s", a.Node, a.Incarnation, octets(a.Addr), a.Port, octets(a.Meta), state, octets(a.Vsn[:min(6, len(a.Vsn))]))
	rule, ours := betterOutcomes[v.id()]
	if ours && len(table) != 1 {
		t.Errorf("stored, against the rule that %s:\n%s", rule.why, strings.Join(table, "\n"))
	}
	if !ours && (len(table) != 2 || !slices.Contains(table, want)) {
		t.Errorf("want %s, got\n%s", want, strings.Join(table, "\n"))
	}
}

func takesIndirectPing(t *testing.T, v *vector, b []byte, _ string) {
	var p wire.IndirectPing
	if err := p.Decode(v.open(t, b)[0].Body); err != nil {
		t.Fatal(err)
	}
	r := taker(t, v, "taker")
	r.packet(b, capturedPeer)
	want := fmt.Sprintf("ping %q to %s:%d", p.Node, net.IP(p.Target), p.Port)
	if sent := r.sent(); len(sent) != 1 || sent[0] != want {
		t.Errorf("sent %q, want %q", sent, want)
	}
}

// takesAccusation feeds a suspect or dead message about a member that is known and alive.
func takesAccusation(t *testing.T, v *vector, b []byte, verdict string) {
	var s wire.Suspect // dead has the same fields
	if err := s.Decode(v.open(t, b)[0].Body); err != nil {
		t.Fatal(err)
	}
	r := taker(t, v, "taker")
	r.m.cluster.step(func(m *swim.Machine, now time.Time) {
		m.MergeJoin(now, []wire.Row{{
			Name: s.Node, Incarnation: s.Incarnation, Addr: []byte{10, 0, 0, 7}, Port: 7946, Vsn: []byte{1, 5, 2, 0, 0, 0},
		}})
	})
	r.packet(b, capturedPeer)
	synctest.Wait()
	var state NodeStateType
	if _, err := fmt.Sscanf(verdict, "state %d", &state); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("row %q@%d <0a000007>:7946 meta nil %v vsn <010502000000>", s.Node, s.Incarnation, state)
	if table := r.table(); !slices.Contains(table, want) {
		t.Errorf("want %s, got\n%s", want, strings.Join(table, "\n"))
	}
}
