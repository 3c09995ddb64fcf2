package swim

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestTheHotPathAllocatesNothing(t *testing.T) {
	b, _ := crowd(t, 100)
	b.run(2*time.Second, func(*Output) {})
	ip := addrOf(50).Addr().As4()
	ping := &wire.Ping{SeqNo: 9, Node: "a", SourceAddr: ip[:], SourcePort: 7946, SourceNode: "node-00050"}
	known := aliveOf("node-00050", 50, 1)
	rows := b.Rows(nil)
	from := Source{Peer: Peer{Addr: addrOf(50)}}
	for name, do := range map[string]func(){
		"an alive with nothing new": func() { b.Alive(b.now, known) },
		"a suspicion of the past":   func() { b.Suspect(b.now, &wire.Suspect{Node: "node-00050", From: "x"}) },
		"a ping and its ack":        func() { b.Ping(b.now, from, ping, nil); b.take() },
		"a tick with nothing due":   func() { b.Tick(b.now) },
		"a table with nothing new":  func() { b.Merge(b.now, rows) },
		"a version check":           func() { _ = b.Check(rows) },
		"a round of gossip":         func() { b.gossip(); b.take() },
		"a probe and its ack": func() {
			b.pass(time.Second)
			b.Tick(b.now)
			b.Ack(b.now, &wire.Ack{SeqNo: b.probe.seq})
			b.take()
		},
		"a look at a member": func() { b.Lookup("node-00050") },
	} {
		do()
		do()
		if n := testing.AllocsPerRun(200, do); n != 0 {
			t.Errorf("%s: %.2f allocations", name, n)
		}
	}
}

func TestWhatIsKeptIsNotThePackets(t *testing.T) {
	b := newBench(t)
	b.know("f", "g", "h", "i")
	claim := aliveOf("bravo", 2, 1)
	claim.Meta = []byte("meta")
	packet := claim.Append(nil)
	var alive wire.Alive
	if err := alive.Decode(packet[1:]); err != nil {
		t.Fatal(err)
	}
	b.Alive(b.now, &alive)
	clear(packet)
	if x, ok := b.Lookup("bravo"); !ok || x.Name != "bravo" || string(x.Meta) != "meta" {
		t.Errorf("bravo has become %+v", x.Identity)
	}
	for _, from := range []string{"xray", "yankee"} {
		packet = (&wire.Suspect{Incarnation: 1, Node: "bravo", From: from}).Append(nil)
		var s wire.Suspect
		if err := s.Decode(packet[1:]); err != nil {
			t.Fatal(err)
		}
		b.Suspect(b.now, &s)
		clear(packet)
	}
	packet = (&wire.IndirectPing{SeqNo: 1, Target: []byte{10, 0, 0, 9}, Port: 1, Node: "zulu", SourceAddr: []byte{10, 0, 0, 8}, SourcePort: 1, SourceNode: "whiskey"}).Append(nil)
	var ask wire.IndirectPing
	if err := ask.Decode(packet[1:]); err != nil {
		t.Fatal(err)
	}
	b.IndirectPing(b.now, Source{Trusted: true}, &ask)
	clear(packet)
	out := b.take()
	if got := b.table.find("bravo").suspicion.accusers; !slices.Equal(got, []string{"xray", "yankee"}) {
		t.Errorf("accusers %q", got)
	}
	if n := newsOf(out, Confirmed); len(n) != 1 || n[0].From != "yankee" {
		t.Errorf("news %+v", n)
	}
	if p := out.Packets[0]; p.To.Name != "zulu" {
		t.Errorf("packet to %q", p.To.Name)
	}
	b.Ack(b.now, &wire.Ack{SeqNo: b.seq})
	if p := b.take().Packets[0]; p.To.Name != "whiskey" {
		t.Errorf("ack to %q", p.To.Name)
	}
}

func TestAMemberIsSmall(t *testing.T) {
	if got := bytesPerMember(t, 10_000); got > 250 {
		t.Errorf("%.0f bytes for each of 10,000 members, want 250 at most", got)
	}
}

func TestTakenOutputIsNotTouchedByWhatFollows(t *testing.T) {
	b := newBench(t)
	var first, second Output
	b.Ping(b.now, Source{Peer: Peer{Addr: addrOf(2)}}, &wire.Ping{SeqNo: 1}, []byte("first"))
	b.Take(&first)
	kept := string(first.Packets[0].Body)
	b.Ping(b.now, Source{Peer: Peer{Addr: addrOf(2)}}, &wire.Ping{SeqNo: 2}, []byte("other"))
	b.Take(&second)
	if string(first.Packets[0].Body) != kept {
		t.Error("the first output has changed")
	}
	b.Take(&first)
	if len(first.Packets)+len(first.News) != 0 {
		t.Error("the machine gave back what it was given")
	}
}

func TestAnEmptyOutputKeepsNoLargeMemory(t *testing.T) {
	var out Output
	out.arena = make([]byte, 10, maxKeptArena+1)
	out.News = []News{{Payload: []byte("x")}}
	news := out.News
	out.Reset()
	if cap(out.arena) != 0 || news[0].Payload != nil {
		t.Error("an empty output holds on to what it had")
	}
}

func TestNamesOfStatesAndNews(t *testing.T) {
	for s, want := range map[State]string{Alive: "alive", Suspect: "suspect", Dead: "dead", Left: "left", 9: "unknown"} {
		if s.String() != want {
			t.Errorf("state %d is %q", s, s)
		}
	}
	for k := Joined; k <= HealthChanged; k++ {
		if s := k.String(); s == "" || s == "unknown" {
			t.Errorf("news %d has no name", k)
		}
	}
	if NewsKind(200).String() != "unknown" {
		t.Error("unknown news has a name")
	}
}

func TestStoppingInTheMiddleOfTheTable(t *testing.T) {
	b := newBench(t)
	b.know("b", "c")
	n := 0
	for range b.All {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d rows after the first", n)
	}
}
