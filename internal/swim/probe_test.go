package swim

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// firstPing is a bench at the moment at which the first ping, of b, has left.
func firstPing(t *testing.T, change ...func(*Params)) (*bench, wire.Ping) {
	b := newBench(t, change...)
	b.know("b")
	b.now = b.clock.time(b.probing.at)
	b.Tick(b.now)
	out := b.take()
	if len(out.Packets) != 1 {
		t.Fatalf("%d packets, want one ping", len(out.Packets))
	}
	ping := pingIn(t, out.Packets[0])
	b.know("c", "d", "e", "f")
	return b, ping
}

func pingIn(t *testing.T, p Packet) (ping wire.Ping) {
	t.Helper()
	if len(p.Body) == 0 || wire.Type(p.Body[0]) != wire.TypePing {
		t.Fatalf("packet %x, want a ping", p.Body)
	}
	if err := ping.Decode(p.Body[1:]); err != nil {
		t.Fatal(err)
	}
	ping.Node = cloned(ping.Node)
	return ping
}

// wait lets time go by and ticks once.
func (b *bench) wait(d time.Duration) *Output {
	b.pass(d)
	b.Tick(b.now)
	return b.take()
}

func TestAProbePingsTheTargetInOurName(t *testing.T) {
	_, p := firstPing(t)
	if p.Node != "b" || p.SourceNode != "a" || p.SourcePort != 7946 || !slices.Equal(p.SourceAddr, []byte{10, 0, 0, 1}) {
		t.Errorf("ping %+v", p)
	}
}

func TestADirectAckEndsTheProbeAtOnce(t *testing.T) {
	b, p := firstPing(t)
	b.health.score = 3
	b.pass(20 * time.Millisecond)
	payload := []byte("payload")
	b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo, Payload: payload})
	payload[0] = 'X'
	out := b.take()
	pinged, done := newsOf(out, Pinged), newsOf(out, ProbeDone)
	if len(pinged) != 1 || pinged[0].RTT != 20*time.Millisecond || string(pinged[0].Payload) != "payload" || pinged[0].Member.Name != "b" {
		t.Errorf("pinged %+v", pinged)
	}
	if len(done) != 1 || !done[0].OK || done[0].RTT != 20*time.Millisecond {
		t.Errorf("done %+v", done)
	}
	if b.Health() != 2 {
		t.Errorf("health %d, want one better than 3", b.Health())
	}
	b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo})
	if out := b.take(); len(out.News) != 0 {
		t.Errorf("a second ack led to %+v", out.News)
	}
}

func TestOthersAreAskedAfterTheTimeout(t *testing.T) {
	b, p := firstPing(t)
	if out := b.wait(499 * time.Millisecond); len(out.Packets) != 0 {
		t.Fatalf("asked too early: %+v", out.Packets)
	}
	out := b.wait(time.Millisecond)
	asked := map[string]bool{}
	for _, packet := range out.Packets {
		var ask wire.IndirectPing
		if err := ask.Decode(packet.Body[1:]); err != nil {
			t.Fatal(err)
		}
		if ask.SeqNo != p.SeqNo || ask.Node != "b" || ask.Port != 7946 || !slices.Equal(ask.Target, []byte{10, 0, 0, 2}) || !ask.Nack {
			t.Errorf("asked %+v", ask)
		}
		asked[packet.To.Name] = true
	}
	if len(asked) != 3 || asked["a"] || asked["b"] {
		t.Errorf("asked %v, want three, neither us nor the target", asked)
	}
	if len(out.Knocks) != 1 || out.Knocks[0].Name != "b" || !out.Knocks[0].Until.Equal(b.now.Add(500*time.Millisecond)) {
		t.Errorf("knocks %+v, want one at b until the probe ends", out.Knocks)
	}
}

func TestALateAckIsAsGoodButIsNoMeasurement(t *testing.T) {
	b, p := firstPing(t)
	b.wait(500 * time.Millisecond)
	b.pass(499 * time.Millisecond)
	b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo})
	out := b.take()
	if len(newsOf(out, Pinged)) != 0 {
		t.Error("the way of an indirect ack was taken for a round trip")
	}
	if n := newsOf(out, ProbeDone); len(n) != 1 || !n[0].OK {
		t.Errorf("news %+v", out.News)
	}
}

func TestAnUnansweredProbeAccuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		nacks  int
		pmax   uint8
		health int
	}{
		{"and three missing nacks make us doubt ourselves thrice", 0, 5, 3},
		{"and one missing nack makes us doubt ourselves once", 2, 5, 1},
		{"and with all nacks we are well", 3, 5, 0},
		{"and nacks beyond those expected count for nothing", 9, 5, 0},
		{"and helpers too old for nacks leave one doubt", 0, 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, p := firstPing(t)
			for _, x := range b.table.order {
				id := *x.Identity
				id.Versions.PMax = c.pmax
				b.table.identify(x, &id)
			}
			b.health.score = 2
			b.wait(500 * time.Millisecond)
			for range c.nacks {
				b.Nack(b.now, &wire.Nack{SeqNo: p.SeqNo})
			}
			out := b.wait(500 * time.Millisecond)
			if got := b.Health() - 2; got != c.health {
				t.Errorf("health worse by %d, want %d", got, c.health)
			}
			if n := newsOf(out, Suspected); len(n) != 1 || n[0].Member.Name != "b" || n[0].From != "a" {
				t.Errorf("news %+v", out.News)
			}
			if n := newsOf(out, ProbeDone); len(n) != 1 || n[0].OK || n[0].RTT != time.Second {
				t.Errorf("news %+v", n)
			}
			if len(out.Packets) != 1 {
				t.Errorf("%d packets: the next probe must begin at this very moment", len(out.Packets))
			}
		})
	}
}

func TestANackBeforeAnybodyWasAskedCountsForNothing(t *testing.T) {
	b, p := firstPing(t)
	b.Nack(b.now, &wire.Nack{SeqNo: p.SeqNo})
	b.wait(500 * time.Millisecond)
	b.wait(500 * time.Millisecond)
	if b.Health() != 3 {
		t.Errorf("health %d, want 3", b.Health())
	}
}

func TestAProbeAccusesWithTheIncarnationThatItBeganWith(t *testing.T) {
	b, _ := firstPing(t)
	b.wait(500 * time.Millisecond)
	b.Alive(b.now, aliveOf("b", 2, 2))
	b.wait(500 * time.Millisecond)
	if got := b.state("b"); got != "alive" {
		t.Errorf("b is %s although it has spoken up meanwhile", got)
	}
}

func TestAProbeDoesNotAccuseWhoTookTheNameMeanwhile(t *testing.T) {
	b := newBench(t)
	b.Alive(b.now, aliveOf("b", 2, 9))
	b.now = b.clock.time(b.probing.at)
	b.Tick(b.now)
	b.wait(500 * time.Millisecond)
	b.Dead(b.now, &wire.Dead{Incarnation: 9, Node: "b", From: "b"})
	b.Alive(b.now, aliveOf("b", 3, 1))
	b.wait(500 * time.Millisecond)
	if x, _ := b.Lookup("b"); x.State != Alive || x.Addr != addrOf(3) {
		t.Errorf("b is %v at %v", x.State, x.Addr)
	}
}

func TestIllHealthStretchesTheProbeNotThePeriod(t *testing.T) {
	b := newBench(t, func(p *Params) { p.GossipInterval, p.PushPullInterval = 0, 0 })
	b.know("b", "c", "d")
	b.health.score = 2
	b.now = b.clock.time(b.probing.at)
	began := b.now
	var pings []time.Duration
	b.run(6*time.Second, func(out *Output) {
		for _, p := range out.Packets {
			if wire.Type(p.Body[0]) == wire.TypePing {
				pings = append(pings, b.now.Sub(began))
			}
		}
	})
	// The first probe lasts 3 s; two rounds are skipped. Its two missing nacks make it 5.
	if want := []time.Duration{0, 3 * time.Second}; !slices.Equal(pings, want) {
		t.Errorf("pings after %v, want %v", pings, want)
	}
}

func TestTheRoundGoesOnWhereAProbeFails(t *testing.T) {
	for _, timeout := range []time.Duration{0, 500 * time.Millisecond, time.Second, time.Minute} {
		b := newBench(t, func(p *Params) { p.AwarenessMax, p.ProbeTimeout = 1, timeout })
		b.know("b", "c", "d")
		b.now = b.clock.time(b.probing.at).Add(time.Millisecond) // timers are late
		pings := 0
		b.run(9*time.Second, func(out *Output) {
			for _, p := range out.Packets {
				if wire.Type(p.Body[0]) == wire.TypePing {
					pings++
				}
			}
		})
		if pings != 10 {
			t.Errorf("timeout %v: %d pings in ten rounds", timeout, pings)
		}
	}
}

func TestASuspectIsToldWithThePing(t *testing.T) {
	b := newBench(t)
	b.know("b")
	b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "x"})
	b.take()
	b.now = b.clock.time(b.probing.at)
	b.Tick(b.now)
	p := b.take().Packets[0]
	var s wire.Suspect
	if p.Extra == nil || wire.Type(p.Extra[0]) != wire.TypeSuspect {
		t.Fatalf("packet %+v, want a suspicion along with the ping", p)
	}
	if err := s.Decode(p.Extra[1:]); err != nil || s.Node != "b" || s.From != "a" || s.Incarnation != 1 {
		t.Errorf("suspicion %+v, %v", s, err)
	}
	if pingIn(t, p).Node != "b" {
		t.Error("the first message is not the ping")
	}
}

func TestAnswersByStream(t *testing.T) {
	for _, c := range []struct {
		name      string
		change    func(*Params)
		pmax      uint8
		knocks    int // wanted
		ok        bool
		survives  bool
		streamOne bool
	}{
		{"count at the end, with a warning", func(*Params) {}, 5, 1, true, true, true},
		{"that say no count for nothing", func(*Params) {}, 5, 1, false, false, false},
		{"are not asked for when that is switched off", func(p *Params) { p.DisableStreamPings = true }, 5, 0, true, false, false},
		{"are not asked for from very old members", func(*Params) {}, 2, 0, true, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.change)
			a := aliveOf("b", 2, 1)
			a.Vsn[1] = c.pmax
			b.Alive(b.now, a)
			b.take()
			b.now = b.clock.time(b.probing.at)
			b.Tick(b.now)
			p := pingIn(t, b.take().Packets[0])
			if out := b.wait(500 * time.Millisecond); len(out.Knocks) != c.knocks {
				t.Fatalf("%d knocks, want %d", len(out.Knocks), c.knocks)
			}
			if c.knocks > 0 {
				b.KnockDone(b.now, p.SeqNo, c.ok)
			}
			if out := b.take(); len(out.News) != 0 {
				t.Errorf("the probe has ended early: %+v", out.News)
			}
			out := b.wait(500 * time.Millisecond)
			if got := b.state("b") == "alive"; got != c.survives {
				t.Errorf("b is %s", b.state("b"))
			}
			if got := len(newsOf(out, StreamOnly)) == 1; got != c.streamOne {
				t.Errorf("warned: %v", got)
			}
		})
	}
}

func TestProbingByStreamSendsNoPackets(t *testing.T) {
	b := newBench(t, func(p *Params) { p.ProbeByStream = true })
	b.know("b")
	b.now = b.clock.time(b.probing.at)
	b.Tick(b.now)
	out := b.take()
	if len(out.Packets) != 0 || len(out.Knocks) != 1 || !out.Knocks[0].Until.Equal(b.now.Add(time.Second)) {
		t.Fatalf("output %+v, want one knock for the whole probe", out)
	}
	b.KnockDone(b.now, out.Knocks[0].Seq, true)
	if n := newsOf(b.take(), ProbeDone); len(n) != 1 || !n[0].OK {
		t.Errorf("news %+v, want success at once", n)
	}
	out = b.wait(time.Second)
	b.KnockDone(b.now, out.Knocks[0].Seq, false)
	out = b.wait(time.Second)
	if len(newsOf(out, Suspected)) != 1 || len(out.Packets) != 0 {
		t.Errorf("output %+v, want a suspicion and no packet", out)
	}
}

func TestAStalledMachineGivesOthersTheirTime(t *testing.T) {
	b, p := firstPing(t)
	b.wait(time.Minute) // asks only now, and must not accuse in the same breath
	if got := b.state("b"); got != "alive" {
		t.Fatalf("b is %s", got)
	}
	b.pass(400 * time.Millisecond)
	b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo})
	if n := newsOf(b.take(), ProbeDone); len(n) != 1 || !n[0].OK {
		t.Errorf("news %+v", n)
	}
}

func TestEveryMemberIsProbedOnceInARound(t *testing.T) {
	b := newBench(t, func(p *Params) { p.GossipInterval, p.PushPullInterval = 0, 0 })
	b.know("b", "c", "d", "e", "f", "g", "h")
	for round := range 5 {
		got := map[string]int{}
		for range 7 {
			b.now = b.clock.time(b.probing.at)
			b.Tick(b.now)
			p := pingIn(t, b.take().Packets[0])
			b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo})
			got[p.Node]++
		}
		if len(got) != 7 {
			t.Errorf("round %d probed %v", round, got)
		}
	}
}

func TestTheDeadAndTheLeftAreNotProbed(t *testing.T) {
	b := newBench(t)
	b.know("b", "c")
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"})
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "c", From: "c"})
	b.run(5*time.Second, func(out *Output) {
		if len(out.Packets) != 0 {
			t.Errorf("sent %+v", out.Packets)
		}
	})
}

func TestWithoutBuddyAPingToASuspectSaysNothingElse(t *testing.T) {
	b := newBench(t, func(p *Params) { p.WithoutBuddy = true })
	b.know("b")
	b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "c"})
	pings := 0
	b.run(3*time.Second, func(out *Output) {
		for _, p := range out.Packets {
			pings++
			if p.Extra != nil {
				t.Errorf("a ping to a suspect carries %x", p.Extra)
			}
		}
	})
	if pings == 0 {
		t.Error("the suspect was not probed")
	}
}
