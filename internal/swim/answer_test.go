package swim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// statedAs is the source that a ping of that node states.
func statedAs(name string, addr netip.AddrPort) wire.Ping {
	return wire.Ping{SeqNo: 1, SourceAddr: addr.Addr().AsSlice(), SourcePort: addr.Port(), SourceNode: name}
}

// B29: anybody can state anybody's address in plain text, and have us send there.
func TestB29RepliesGoOnlyWhereTheyMay(t *testing.T) {
	victim, stranger := addrOf(66), addrOf(77)
	mapped := netip.AddrPortFrom(netip.AddrFrom16(addrOf(2).Addr().As16()), 7946)
	for _, c := range []struct {
		name    string
		from    netip.AddrPort
		trusted bool
		stated  wire.Ping
		to      netip.AddrPort
		toName  string
		bare    bool
	}{
		{"a member from its own address", addrOf(2), false, statedAs("b", addrOf(2)), addrOf(2), "b", false},
		{"a member through a gateway", stranger, false, statedAs("b", addrOf(2)), addrOf(2), "b", false},
		{"a member in the other form of its address", stranger, false, statedAs("b", mapped), mapped, "b", false},
		{"a stranger that states itself", stranger, false, statedAs("s", stranger), stranger, "", true},
		{"a stranger that states a victim", stranger, false, statedAs("s", victim), stranger, "", true},
		{"a stranger that states a member's name and a victim", stranger, false, statedAs("b", victim), stranger, "", true},
		{"a member that states a victim", addrOf(2), false, statedAs("b", victim), addrOf(2), "b", false},
		{"another member's address under a wrong name", stranger, false, statedAs("c", addrOf(2)), stranger, "", true},
		{"a member's address without a name", stranger, false, statedAs("", addrOf(2)), stranger, "", true},
		{"nobody stated", stranger, false, wire.Ping{SeqNo: 1}, stranger, "", true},
		{"only a member's name, from its address", addrOf(2), false, wire.Ping{SeqNo: 1, SourceNode: "b"}, addrOf(2), "b", false},
		{"no port stated", stranger, false, wire.Ping{SeqNo: 1, SourceAddr: []byte{10, 0, 0, 2}, SourceNode: "b"}, stranger, "", true},
		{"an address of odd length", stranger, false, wire.Ping{SeqNo: 1, SourceAddr: []byte{1, 2, 3}, SourcePort: 1, SourceNode: "b"}, stranger, "", true},
		{"a trusted newcomer through a gateway", stranger, true, statedAs("new", victim), victim, "new", false},
		{"a trusted one that states nothing", stranger, true, wire.Ping{SeqNo: 1}, stranger, "", false},
		{"a trusted member at a new address", stranger, true, statedAs("b", victim), victim, "b", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.know("b", "c")
			from := Source{Peer: Peer{Addr: c.from}, Trusted: c.trusted}
			b.Ping(b.now, from, &c.stated, nil)
			ask := wire.IndirectPing{
				SeqNo: 5, Target: []byte{10, 0, 0, 3}, Port: 7946, Node: "c", Nack: true,
				SourceAddr: c.stated.SourceAddr, SourcePort: c.stated.SourcePort, SourceNode: c.stated.SourceNode,
			}
			b.IndirectPing(b.now, from, &ask)
			packets := append([]Packet(nil), b.take().Packets...)
			packets = append(packets, b.wait(500*time.Millisecond).Packets...)
			for i, typ := range map[int]wire.Type{0: wire.TypeAck, 2: wire.TypeNack} {
				p := packets[i]
				if wire.Type(p.Body[0]) != typ || p.To.Addr != c.to || p.To.Name != c.toName || p.Bare != c.bare {
					t.Errorf("%v to %q at %v, bare %v; want %q at %v, bare %v",
						wire.Type(p.Body[0]), p.To.Name, p.To.Addr, p.Bare, c.toName, c.to, c.bare)
				}
			}
		})
	}
}

func TestAnOpaqueSourceIsAnsweredAsItCame(t *testing.T) {
	b := newBench(t)
	from := Source{Peer: Peer{Opaque: "pipe:7"}, Trusted: true}
	b.Ping(b.now, from, &wire.Ping{SeqNo: 1, SourceNode: "n"}, nil)
	if p := b.take().Packets[0]; p.To.Opaque != "pipe:7" || p.To.Name != "n" || p.Bare {
		t.Errorf("packet %+v", p)
	}
}

func TestAPingForAnotherIsNotAnswered(t *testing.T) {
	b := newBench(t)
	b.Ping(b.now, Source{Peer: Peer{Addr: addrOf(2)}}, &wire.Ping{SeqNo: 1, Node: "zzz"}, nil)
	out := b.take()
	if n := newsOf(out, WrongName); len(n) != 1 || n[0].From != "zzz" || len(out.Packets) != 0 {
		t.Errorf("output %+v", out)
	}
}

func TestChecksumsGoOnlyToThoseWhoUnderstandThem(t *testing.T) {
	b := newBench(t)
	old := aliveOf("b", 2, 1)
	old.Vsn[1] = 4
	b.Alive(b.now, old)
	b.know("c")
	for _, c := range []struct {
		name string
		n    int
		want bool
	}{{"b", 2, false}, {"c", 3, true}, {"d", 4, false}} {
		p := statedAs(c.name, addrOf(c.n))
		b.Ping(b.now, Source{Peer: Peer{Addr: addrOf(c.n)}}, &p, nil)
		if got := b.take().Packets[0].To.Checksum; got != c.want {
			t.Errorf("%s: checksum %v", c.name, got)
		}
	}
}

// ask is a request of node d to ping node c.
func (b *bench) ask(seq uint32, nack bool) {
	b.IndirectPing(b.now, Source{Peer: Peer{Addr: addrOf(4)}}, &wire.IndirectPing{
		SeqNo: seq, Target: []byte{10, 0, 0, 3}, Port: 7946, Node: "c", Nack: nack,
		SourceAddr: []byte{10, 0, 0, 4}, SourcePort: 7946, SourceNode: "d",
	})
}

func TestAPingForAnotherNodeIsRelayedWithoutPayload(t *testing.T) {
	b := newBench(t)
	b.know("c", "d")
	b.ask(77, true)
	out := b.take()
	p := pingIn(t, out.Packets[0])
	if out.Packets[0].To.Name != "c" || p.Node != "c" || p.SourceNode != "a" || out.Packets[0].Bare {
		t.Errorf("pinged %+v as %+v", out.Packets[0], p)
	}
	b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo, Payload: []byte("secret")})
	out = b.take()
	var ack wire.Ack
	if err := ack.Decode(out.Packets[0].Body[1:]); err != nil || ack.SeqNo != 77 || len(ack.Payload) != 0 || out.Packets[0].To.Name != "d" {
		t.Errorf("relayed %+v to %+v, %v", ack, out.Packets[0].To, err)
	}
	if out := b.wait(time.Second); len(out.Packets) != 0 && wire.Type(out.Packets[0].Body[0]) == wire.TypeNack {
		t.Error("a nack after the ack")
	}
}

func TestSilenceIsANackToWhoWantsOne(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		b := newBench(t, func(p *Params) { p.ProbeInterval = 0 })
		b.know("c", "d")
		b.ask(77, wanted)
		p := pingIn(t, b.take().Packets[0])
		out := b.wait(500 * time.Millisecond)
		if wanted {
			var n wire.Nack
			if len(out.Packets) != 1 {
				t.Fatalf("%d packets, want a nack", len(out.Packets))
			}
			if err := n.Decode(out.Packets[0].Body[1:]); err != nil || n.SeqNo != 77 || out.Packets[0].To.Name != "d" {
				t.Errorf("nack %+v to %+v, %v", n, out.Packets[0].To, err)
			}
		} else if len(out.Packets) != 0 {
			t.Errorf("sent %+v to one who wants no nack", out.Packets)
		}
		b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo})
		if out := b.take(); len(out.Packets) != 0 {
			t.Error("an ack too late was relayed")
		}
	}
}

func TestAnUnknownTargetOfAStrangerGetsNoRumours(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		b := newBench(t)
		b.IndirectPing(b.now, Source{Peer: Peer{Addr: addrOf(9)}, Trusted: trusted},
			&wire.IndirectPing{SeqNo: 1, Target: []byte{10, 0, 0, 66}, Node: "victim"})
		p := b.take().Packets[0]
		if p.Bare == trusted || p.To.Addr != addrOf(66) {
			t.Errorf("trusted %v: packet %+v", trusted, p)
		}
	}
}

func TestAnImpossibleTargetIsNotPinged(t *testing.T) {
	b := newBench(t)
	b.IndirectPing(b.now, Source{Peer: Peer{Addr: addrOf(9)}}, &wire.IndirectPing{SeqNo: 1, Target: []byte{1, 2, 3}})
	if out := b.take(); len(out.Packets) != 0 {
		t.Errorf("sent %+v", out.Packets)
	}
}

func TestPingsForOthersAreBounded(t *testing.T) {
	b := newBench(t)
	b.know("c", "d")
	for i := range uint32(maxRelays + 10) {
		b.ask(i, false)
	}
	out := b.take()
	if len(out.Packets) != maxRelays || len(newsOf(out, Ignored)) != 10 {
		t.Errorf("%d pings, %d refused", len(out.Packets), len(newsOf(out, Ignored)))
	}
	b.wait(500 * time.Millisecond)
	b.ask(1, false)
	if out := b.take(); len(out.Packets) != 1 {
		t.Error("there is room again, but no ping")
	}
}

func TestTheUserLearnsTheRoundTrip(t *testing.T) {
	b := newBench(t)
	b.know("b")
	seq := b.UserPing(b.now, Peer{Name: "b", Addr: addrOf(2)})
	p := b.take().Packets[0]
	if ping := pingIn(t, p); ping.SeqNo != seq || ping.Node != "b" || !p.To.Checksum {
		t.Errorf("ping %+v to %+v", ping, p.To)
	}
	b.pass(3 * time.Millisecond)
	b.Ack(b.now, &wire.Ack{SeqNo: seq})
	if a := b.take().Answers; len(a) != 1 || a[0] != (Answer{seq, true, 3 * time.Millisecond}) {
		t.Errorf("answers %+v", a)
	}
	b.Ack(b.now, &wire.Ack{SeqNo: seq})
	if a := b.take().Answers; len(a) != 0 {
		t.Errorf("a second answer %+v", a)
	}
}

func TestTheUserLearnsOfSilence(t *testing.T) {
	b := newBench(t)
	seq := b.UserPing(b.now, Peer{Addr: addrOf(2)})
	if a := b.wait(500 * time.Millisecond).Answers; len(a) != 1 || a[0] != (Answer{Seq: seq}) {
		t.Errorf("answers %+v", a)
	}
}

func TestTheUsersPingsAreBounded(t *testing.T) {
	b := newBench(t)
	for range maxUserPings + 1 {
		b.UserPing(b.now, Peer{Addr: addrOf(2)})
	}
	if out := b.take(); len(out.Answers) != 1 || out.Answers[0].OK || len(out.Packets) != maxUserPings {
		t.Errorf("%d answers, %d packets", len(out.Answers), len(out.Packets))
	}
}
