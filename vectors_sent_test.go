package memberlist

import (
	"bytes"
	"context"
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

// The reference's own node of these captures is made again; what it sends must be the same bytes.

// ackPayload is a Ping delegate that answers pings with itself.
type ackPayload []byte

func (p ackPayload) AckPayload() []byte                            { return p }
func (ackPayload) NotifyPingComplete(*Node, time.Duration, []byte) {}

// emitter makes a node send what the vector captured and returns the packet, or the one broadcast.
type emitter func(t *testing.T, v *vector) []byte

// packetSenders is how each capture of messages_packet.json of the current release came about.
var packetSenders = map[string]emitter{
	"ping_with_source":       sendsPing("bravo", nil),
	"ping_source_port_zero":  sendsPing("bravo", nil),
	"ping_source_node_empty": sendsPing("bravo", nil),
	"ping_source_ipv6":       sendsPing("bravo", nil),
	"ping_node_empty_source_16_bytes": sendsPing("", func(c *Config) {
		c.Transport.(*tape).ip = net.IP{10, 0, 0, 1}.To16()
	}),
	"indirect_ping_nack_true":  probes(wire.TypeIndirectPing, "bravo", "10.0.0.2:7946", 4, "charlie", "10.0.0.3:7947", 4),
	"indirect_ping_nack_false": probes(wire.TypeIndirectPing, "charlie", "10.0.0.3:7947", 4, "bravo", "10.0.0.2:7946", 3),
	"suspect_own":              probes(wire.TypeSuspect, "charlie", "10.0.0.3:7947", 4, "bravo", "10.0.0.2:7946", 4),
	"dead_own":                 probes(wire.TypeDead, "bravo", "10.0.0.2:7946", 4, "charlie", "10.0.0.3:7947", 4),
	"indirect_relayed_ping":    relays(false),
	"indirect_forwarded_ack":   relays(true),
	"nack_resp":                nacks,

	"ack_payload_nil":               acks77(nil),
	"ack_payload_nil_from_delegate": acks77(func(c *Config) { c.Ping = ackPayload(nil) }),
	"ack_payload_empty":             acks77(func(c *Config) { c.Ping = ackPayload{} }),
	"ack_payload_5_bytes":           acks77(func(c *Config) { c.Ping = ackPayload("hello") }),
	"ack_payload_31_bytes":          acks77(func(c *Config) { c.Ping = ackPayload(strings.Repeat("a", 31)) }),
	"ack_payload_32_bytes":          acks77(func(c *Config) { c.Ping = ackPayload(strings.Repeat("a", 32)) }),

	"alive_ipv4_4_bytes_meta_nil":  boots(nil, func(c *Config) { c.Delegate = nil }),
	"alive_ipv4_16_bytes":          boots(nil, func(c *Config) { c.Delegate, c.Transport.(*tape).ip = nil, net.IP{10, 0, 0, 1}.To16() }),
	"alive_ipv6":                   boots(nil, func(c *Config) { c.Delegate, c.Transport.(*tape).ip = nil, net.ParseIP("fd00::1") }),
	"alive_meta_empty":             boots([]byte{}, nil),
	"alive_meta_nil_from_delegate": boots(nil, nil),
	"alive_meta_5":                 boots([]byte("role1"), nil),
	"alive_meta_512":               boots(bytes.Repeat([]byte{'m'}, 512), nil),
	"alive_delegate_versions": boots(nil, func(c *Config) {
		c.Delegate, c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion = nil, 2, 9, 4
	}),

	"alive_forwarded":   forwards,
	"suspect_forwarded": forwards,
	"dead_forwarded":    forwards,
	"dead_leave":        leaves,
	"user_empty":        sendsUser,
	"user_1_byte":       sendsUser,
	"user_text":         sendsUser,
	"user_like_msgpack": sendsUser,
	"user_300_bytes":    sendsUser,
}

func TestOurPacketsAreTheReferencesToTheByte(t *testing.T) {
	done := 0
	for _, v := range loadVectors(t, "messages_packet") {
		send, ok := packetSenders[v.Name]
		if !ok {
			if betterOutcomes[v.id()].why == "" && !strings.Contains(v.Note, "v0.1.7") {
				t.Errorf("%s: nobody sends it", v.id())
			}
			continue
		}
		done++
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := send(t, &v)
				if want := withSeqNoOf(t, got, unhex(t, v.Hex)); !bytes.Equal(got, want) {
					t.Errorf("sent\n%x, want\n%x", got, want)
				}
			})
		})
	}
	if done != len(packetSenders) {
		t.Errorf("%d of %d senders are used", done, len(packetSenders))
	}
}

// withSeqNoOf returns a message of the reference with the sequence number of ours, which is the
// sender's own choice in the messages that ask for something.
func withSeqNoOf(t *testing.T, ours, theirs []byte) []byte {
	t.Helper()
	if len(ours) == 0 || ours[0] != theirs[0] {
		return theirs
	}
	var err error
	switch wire.Type(theirs[0]) {
	case wire.TypePing:
		var a, b wire.Ping
		if err = a.Decode(ours[1:]); err == nil {
			err = b.Decode(theirs[1:])
		}
		b.SeqNo = a.SeqNo
		theirs = b.Append(nil)
	case wire.TypeIndirectPing:
		var a, b wire.IndirectPing
		if err = a.Decode(ours[1:]); err == nil {
			err = b.Decode(theirs[1:])
		}
		b.SeqNo = a.SeqNo
		theirs = b.Append(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return theirs
}

// one returns the only packet that was sent.
func (r *rig) one() []byte {
	r.t.Helper()
	synctest.Wait()
	sent := r.tape.take()
	if len(sent) != 1 {
		r.t.Fatalf("%d packets sent", len(sent))
	}
	return sent[0].buf
}

func sendsPing(node string, tweak func(*Config)) emitter {
	return func(t *testing.T, v *vector) []byte {
		name := "alpha"
		if v.Config.NodeName != nil {
			name = *v.Config.NodeName
		}
		r := newRig(t, v, name, tweaks(tweak)...)
		if _, err := r.m.Ping(node, capturedPeer); err == nil {
			t.Error("a ping that nobody answers succeeds")
		}
		return r.one()
	}
}

func tweaks(f func(*Config)) []func(*Config) {
	if f == nil {
		return nil
	}
	return []func(*Config){f}
}

// probes lets a node find that a member does not answer, and returns what it says about that.
func probes(kind wire.Type, target, targetAddr string, targetMax byte, relay, relayAddr string, relayMax byte) emitter {
	return func(t *testing.T, v *vector) []byte {
		r := newRig(t, v, "alpha", func(c *Config) { c.ProbeInterval = time.Second })
		r.knowsAt(target, targetAddr, targetMax)
		r.knowsAt(relay, relayAddr, relayMax)
		// Only the relay answers, and only for itself.
		about := append([]byte("Node"), 0xa0|byte(len(target)))
		about = append(about, target...)
		for range 400 {
			time.Sleep(50 * time.Millisecond)
			for _, b := range r.said(relayAddr) {
				if wire.Type(b[0]) == kind && bytes.Contains(b, about) {
					return b
				}
			}
		}
		t.Fatalf("no %v about %s in 20 s", kind, target)
		return nil
	}
}

// said returns the messages that were sent or wait to be gossiped, and acks the pings of one peer.
func (r *rig) said(answering string) (all [][]byte) {
	r.t.Helper()
	for _, d := range r.tape.take() {
		for _, m := range r.opened(d.buf) {
			b := append([]byte{byte(m.Type)}, m.Body...)
			all = append(all, b)
			var ping wire.Ping
			if m.Type != wire.TypePing || d.to != answering {
				continue
			}
			if err := ping.Decode(m.Body); err != nil {
				r.t.Fatal(err)
			}
			ack := wire.Ack{SeqNo: ping.SeqNo}
			defer r.packet(ack.Append(nil), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(answering)))
		}
	}
	for _, b := range r.m.cluster.rumours.GetBroadcasts(0, 1<<20) {
		all = append(all, bytes.Clone(b))
	}
	return all
}

func (r *rig) opened(packet []byte) []wire.Message {
	r.t.Helper()
	opened, err := r.out.Open(packet, r.m.conf.Keyring.keys())
	if err != nil {
		r.t.Fatal(err)
	}
	return opened.Messages
}

// knowsAt makes a member known that understands protocol versions up to a given one.
func (r *rig) knowsAt(name, addr string, newest byte) {
	ap := netip.MustParseAddrPort(addr)
	r.m.cluster.step(func(m *swim.Machine, now time.Time) {
		m.MergeJoin(now, []wire.Row{{
			Name: name, Addr: ap.Addr().AsSlice(), Port: ap.Port(), Incarnation: 1, Vsn: []byte{1, newest, 2, 0, 0, 0},
		}})
	})
	r.forget()
}

// relays has a node ping somebody for another, and returns the ping or the ack that it passes on.
func relays(ack bool) emitter {
	return func(t *testing.T, v *vector) []byte {
		r := newRig(t, v, "alpha")
		ask := wire.IndirectPing{SeqNo: 4242, Target: []byte{10, 0, 0, 3}, Port: 7947, Node: "charlie", Nack: true}
		r.packet(ask.Append(nil), capturedPeer)
		sent := r.one()
		if !ack {
			return sent
		}
		var ping wire.Ping
		if err := ping.Decode(sent[1:]); err != nil {
			t.Fatal(err)
		}
		answer := wire.Ack{SeqNo: ping.SeqNo, Payload: []byte("hello")}
		r.packet(answer.Append(nil), &net.UDPAddr{IP: net.IP{10, 0, 0, 3}, Port: 7947})
		return r.one()
	}
}

func nacks(t *testing.T, v *vector) []byte {
	r := newRig(t, v, "alpha")
	ask := wire.IndirectPing{
		SeqNo: 70000, Target: []byte{10, 0, 0, 3}, Port: 7947, Node: "charlie", Nack: true,
		SourceAddr: []byte{10, 0, 0, 5}, SourcePort: 5000, SourceNode: "echo",
	}
	r.packet(ask.Append(nil), capturedPeer)
	r.one()
	time.Sleep(r.m.conf.ProbeTimeout)
	return r.one()
}

// acks77 pings a node.
func acks77(tweak func(*Config)) emitter {
	return func(t *testing.T, v *vector) []byte {
		r := newRig(t, v, "alpha", tweaks(tweak)...)
		r.packet((&wire.Ping{SeqNo: 77, Node: "alpha"}).Append(nil), capturedPeer)
		return r.one()
	}
}

// boots returns the first thing that a node says of itself.
func boots(meta []byte, tweak func(*Config)) emitter {
	return func(t *testing.T, v *vector) []byte {
		all := append([]func(*Config){func(c *Config) { c.Delegate.(*witness).meta = meta }}, tweaks(tweak)...)
		r := newRig(t, v, "alpha", all...)
		if len(r.boot) != 1 {
			t.Fatalf("%d broadcasts at the start", len(r.boot))
		}
		return r.boot[0]
	}
}

// forwards feeds a node the captured message and returns what it tells on.
func forwards(t *testing.T, v *vector) []byte {
	r := newRig(t, v, "alpha")
	if v.Name != "alive_forwarded" {
		r.knows("delta", net.IP{10, 0, 0, 4}, 9)
	}
	r.packet(unhex(t, v.Hex), capturedPeer)
	return r.broadcast()
}

// broadcast returns the only one that waits.
func (r *rig) broadcast() []byte {
	r.t.Helper()
	all := r.m.cluster.rumours.GetBroadcasts(0, 1<<20)
	if len(all) != 1 {
		r.t.Fatalf("%d broadcasts wait", len(all))
	}
	return all[0]
}

func leaves(t *testing.T, v *vector) []byte {
	r := newRig(t, v, "alpha")
	r.knowsAt("bravo", "10.0.0.2:7946", 5)
	done := make(chan error)
	go func() { done <- r.m.Leave(time.Second) }()
	synctest.Wait()
	b := bytes.Clone(r.broadcast())
	<-done // nobody gossips here, so it is the timeout
	return b
}

func sendsUser(t *testing.T, v *vector) []byte {
	r := newRig(t, v, "alpha")
	body := unhex(t, v.Hex)[1:]
	if err := r.m.SendToAddress(Address{Addr: capturedPeer.String()}, body); err != nil {
		t.Fatal(err)
	}
	return r.one()
}

func TestOurStreamsAreTheReferencesToTheByte(t *testing.T) {
	for _, v := range loadVectors(t, "messages_stream") {
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				want, _ := v.bytes(t)
				switch got := sendsStream(t, &v, want); {
				case strings.HasPrefix(v.Name, "stream_err_"): // the words are our own
					if len(got) == 0 || got[0] != want[0] {
						t.Errorf("sent %x, want an error", got)
					}
				case !bytes.Equal(got, want):
					t.Errorf("sent\n%x, want\n%x", got, want)
				}
			})
		})
	}
}

// sendsStream makes a node say what was captured on a stream.
func sendsStream(t *testing.T, v *vector, captured []byte) []byte {
	t.Helper()
	r := newRig(t, v, "alpha")
	r.answer(nil, false)
	switch {
	case strings.HasPrefix(v.Name, "stream_user_"):
		s := wire.NewStreamReader(bytes.NewReader(captured), nil)
		if _, _, err := s.Next(wire.StreamFrame{}); err != nil {
			t.Fatal(err)
		}
		text, err := s.UserMessage()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.m.SendReliable(&Node{Name: "bravo", Addr: capturedPeer.IP, Port: 7946}, text); err != nil {
			t.Fatal(err)
		}
	case v.Name == "stream_ping":
		k := swim.Knock{Peer: swim.Peer{Addr: netip.MustParseAddrPort("10.0.0.2:7946"), Name: "bravo"}, Seq: 1}
		if err := r.m.streams.pingByStream(context.Background(), k); err == nil {
			t.Error("no answer is an answer")
		}
	case v.Name == "stream_ack":
		ping := wire.Ping{SeqNo: 1}
		reply, _ := r.stream(ping.Append(nil), false)
		return reply
	default:
		reply, _ := r.stream(unhex(t, v.InReplyTo), false)
		return reply
	}
	synctest.Wait()
	return r.heard.Bytes()
}

func TestOurStatesAreTheReferencesToTheByte(t *testing.T) {
	for _, v := range loadVectors(t, "pushpull") {
		captured, whole := v.bytes(t)
		if !whole {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := sendsState(t, &v, captured)
				// The order of the rows is random here and there.
				if want := byName(t, captured); !bytes.Equal(byName(t, got), want) {
					t.Errorf("sent\n%x, want\n%x", byName(t, got), want)
				}
			})
		})
	}
}

// byName returns a push/pull with its rows sorted by name; encoding is the wire package's.
func byName(t *testing.T, b []byte) []byte {
	t.Helper()
	state := stateOf(t, b)
	if again := state.Append(nil); !bytes.Equal(again, b) {
		t.Errorf("encoded again\n%x, was\n%x", again, b)
	}
	slices.SortFunc(state.Rows, func(a, b wire.Row) int { return strings.Compare(a.Name, b.Name) })
	return state.Append(nil)
}

func stateOf(t *testing.T, b []byte) *wire.State {
	t.Helper()
	s := wire.NewStreamReader(bytes.NewReader(b), nil)
	if kind, _, err := s.Next(wire.StreamFrame{}); err != nil || kind != wire.TypePushPull {
		t.Fatalf("a stream of %v, %v: %x", kind, err, b)
	}
	state, err := s.PushPull()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// sendsState makes a node that knows what the captured state says, and has it say so.
func sendsState(t *testing.T, v *vector, captured []byte) []byte {
	t.Helper()
	state := stateOf(t, captured)
	name := *v.Config.NodeName
	r := newRig(t, v, name, func(c *Config) {
		for _, row := range state.Rows {
			if row.Name == name {
				c.Transport.(*tape).ip = net.IP(row.Addr)
				c.Delegate.(*witness).meta, c.Delegate.(*witness).state = row.Meta, state.User
			}
		}
	})
	for _, row := range state.Rows {
		if row.Name != name {
			r.learns(row)
		}
	}
	if v.Direction == "listener_to_dialer" {
		reply, _ := r.stream((&wire.State{Join: state.Join}).Append(nil), false)
		return reply
	}
	r.answer((&wire.State{}).Append(nil), false)
	if err := r.m.streams.exchange(t.Context(), Address{Addr: "10.0.0.2:7946"}, state.Join); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	return r.heard.Bytes()
}

// learns makes a member known in the state that a row gives it.
func (r *rig) learns(row wire.Row) {
	alive := row
	alive.State = int(swim.Alive)
	r.m.cluster.step(func(m *swim.Machine, now time.Time) {
		m.MergeJoin(now, []wire.Row{alive})
		switch NodeStateType(row.State) {
		case StateSuspect:
			m.Suspect(now, &wire.Suspect{Incarnation: row.Incarnation, Node: row.Name, From: "zulu"})
		case StateDead:
			m.Dead(now, &wire.Dead{Incarnation: row.Incarnation, Node: row.Name, From: "zulu"})
		case StateLeft:
			m.Dead(now, &wire.Dead{Incarnation: row.Incarnation, Node: row.Name, From: row.Name})
		}
	})
	r.forget()
}

func TestAStateOf130MembersHasASignedCount(t *testing.T) {
	v := vectorNamed(t, "pushpull", "response_130_nodes_header")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &v, "alpha", func(c *Config) { c.Delegate = nil })
		for i := range 129 {
			r.learns(wire.Row{
				Name: "n" + string(rune('A'+i/26)) + string(rune('a'+i%26)), Addr: []byte{10, 1, 0, byte(i)}, Port: 7946,
				Incarnation: 1, Vsn: []byte{1, 4, 2, 0, 0, 0},
			})
		}
		reply, _ := r.stream((&wire.State{}).Append(nil), false)
		header := unhex(t, v.HexHead)[:len((&wire.PushPullHeader{Nodes: 130}).Append(nil))]
		if !bytes.HasPrefix(reply, header) {
			t.Errorf("answered %x, want %x", reply[:len(header)], header)
		}
	})
}
