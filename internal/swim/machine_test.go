package swim

import (
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestAMemberThatNeverAnswersIsSuspectThenDeadThenForgotten(t *testing.T) {
	b := newBench(t)
	b.know("b", "c", "d")
	seen := map[NewsKind]int{}
	watch := func(out *Output) {
		for _, p := range out.Packets {
			if wire.Type(p.Body[0]) != wire.TypePing {
				continue
			}
			var ping wire.Ping
			if err := ping.Decode(p.Body[1:]); err != nil {
				t.Fatal(err)
			}
			if ping.Node != "b" {
				b.Ack(b.now, &wire.Ack{SeqNo: ping.SeqNo})
			}
		}
		for _, n := range out.News {
			if n.Member.Name == "b" {
				seen[n.Kind]++
			}
		}
	}
	b.run(4*time.Second+500*time.Millisecond, watch)
	if got := b.state("b"); got != "suspect" {
		t.Fatalf("after one round b is %q, want suspect", got)
	}
	b.run(26*time.Second, watch)
	if got := b.state("b"); got != "dead" {
		t.Fatalf("after the suspicion b is %q, want dead", got)
	}
	b.run(31*time.Second, watch)
	if got := b.state("b"); got != "" {
		t.Fatalf("b is still known as %q", got)
	}
	if seen[Suspected] != 1 || seen[Departed] != 1 {
		t.Errorf("suspected %d times, departed %d times; want once each", seen[Suspected], seen[Departed])
	}
	if b.NumAlive() != 3 {
		t.Errorf("%d alive, want 3", b.NumAlive())
	}
}

func TestWeRefuteWhoSuspectsUs(t *testing.T) {
	b := newBench(t)
	b.Suspect(b.now, &wire.Suspect{Incarnation: 7, Node: "a", From: "x"})
	out := b.take()
	if got := b.Self().Incarnation; got != 8 {
		t.Errorf("our incarnation is %d, want 8", got)
	}
	if len(out.Broadcasts) != 1 || out.Broadcasts[0].Name != "a" {
		t.Errorf("broadcasts %v, want one under our name", out.Broadcasts)
	}
	if n := newsOf(out, Refuted); len(n) != 1 || n[0].From != "x" {
		t.Errorf("news %+v, want one refutation of x", n)
	}
}

func TestAPingIsAcked(t *testing.T) {
	b := newBench(t)
	b.know("b")
	ip := addrOf(2).Addr().As4()
	b.Ping(b.now, Source{Peer: Peer{Addr: addrOf(2)}},
		&wire.Ping{SeqNo: 9, Node: "a", SourceAddr: ip[:], SourcePort: 7946, SourceNode: "b"}, []byte("hi"))
	out := b.take()
	if len(out.Packets) != 1 {
		t.Fatalf("%d packets, want 1", len(out.Packets))
	}
	p := out.Packets[0]
	var ack wire.Ack
	if err := ack.Decode(p.Body[1:]); err != nil || ack.SeqNo != 9 || string(ack.Payload) != "hi" {
		t.Errorf("ack %+v, %v", ack, err)
	}
	if p.Bare || p.To.Addr != addrOf(2) || p.To.Name != "b" || !p.To.Checksum {
		t.Errorf("sent to %+v, bare %v", p.To, p.Bare)
	}
}
