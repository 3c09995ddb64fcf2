package swim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestRowsAreClaimsOfTheirKind(t *testing.T) {
	for _, c := range []struct {
		name  string
		known bool
		state int
		want  string
		from  string // on whose word it is told on
	}{
		{"an alive row makes a member", false, 0, "alive", ""},
		{"a suspect row about nobody is nothing", false, 1, "", ""},
		{"a dead row about nobody is nothing", false, 2, "", ""},
		{"a left row about nobody is nothing", false, 3, "", ""},
		{"a suspect row is our own suspicion", true, 1, "suspect", "a"},
		{"a dead row is our own suspicion too", true, 2, "suspect", "a"},
		{"a left row is believed at once", true, 3, "left", "b"},
		{"a row in a state unheard of is nothing", true, 4, "alive", ""},
		{"a row in a negative state is nothing", true, -1, "alive", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			if c.known {
				b.know("b")
			}
			row := b.rowOf("b", 2, 3)
			row.State = c.state
			b.Merge(b.now, []wire.Row{row})
			if got := b.state("b"); got != c.want {
				t.Errorf("b is %q, want %q", got, c.want)
			}
			out := b.take()
			if c.from == "" {
				return
			}
			var d wire.Dead // a suspicion has the same fields
			if err := d.Decode(out.Broadcasts[0].Body[1:]); err != nil || d.From != c.from || d.Incarnation != 3 {
				t.Errorf("told on %+v, %v", d, err)
			}
		})
	}
}

func TestRowsThatCallUsAnythingButAliveAreRefuted(t *testing.T) {
	for state := 1; state <= 3; state++ {
		b := newBench(t)
		row := b.rowOf("a", 1, 3)
		row.State = state
		b.Merge(b.now, []wire.Row{row})
		if self := b.Self(); self.State != Alive || self.Incarnation != 4 || len(newsOf(b.take(), Refuted)) != 1 {
			t.Errorf("state %d: we are %v@%d", state, self.State, self.Incarnation)
		}
	}
}

func TestOnlyTheAnswerToAJoinRaisesOurIncarnationFar(t *testing.T) {
	for state := range 4 {
		for _, joining := range []bool{false, true} {
			b := newBench(t)
			b.know("b")
			us, other := b.rowOf("a", 1, 1<<31), b.rowOf("b", 2, 1<<31)
			us.State, other.State = state, state
			merge := b.Merge
			want := uint32(1)
			if joining {
				merge, want = b.MergeJoin, 1<<31+1
			}
			merge(b.now, []wire.Row{us, other})
			if got := b.Self().Incarnation; got != want {
				t.Errorf("state %d, joining %v: our incarnation is %d, want %d", state, joining, got, want)
			}
			if x, _ := b.Lookup("b"); x.Incarnation != 1 || x.State != Alive {
				t.Errorf("state %d, joining %v: b is %v@%d", state, joining, x.State, x.Incarnation)
			}
		}
	}
}

func TestRowsOfATableMakeTheSameTable(t *testing.T) {
	b := newBench(t)
	b.know("b", "c", "d", "e")
	b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "x"})
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "c", From: "x"})
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "d", From: "d"})
	b.Update(b.now, []byte("meta"), nil)
	got := map[string]int{}
	for _, r := range b.Rows(nil) {
		got[r.Name] = r.State
		if len(r.Addr) != 4 || r.Port != 7946 || !slices.Equal(r.Vsn, current.Append(nil)) || r.Incarnation == 0 {
			t.Errorf("row %+v", r)
		}
		if r.Name == "a" && string(r.Meta) != "meta" {
			t.Errorf("our meta is %q", r.Meta)
		}
		if cap(r.Addr) != len(r.Addr) || cap(r.Vsn) != len(r.Vsn) {
			t.Error("appending to a row's bytes overwrites another's")
		}
	}
	for name, want := range map[string]int{"a": 0, "b": 1, "c": 2, "d": 3, "e": 0} {
		if got[name] != want {
			t.Errorf("%s: state %d, want %d", name, got[name], want)
		}
	}
}

func TestTheVersionCheck(t *testing.T) {
	type who struct {
		name  string
		state int
		vsn   []byte
	}
	for _, c := range []struct {
		name    string
		rows    []who
		culprit string
	}{
		{"all speak what all understand", []who{{"c", 0, []byte{1, 5, 2, 0, 0, 0}}}, ""},
		{"nobody is there", nil, ""},
		{"a newcomer understands too little of what is spoken", []who{{"c", 0, []byte{3, 5, 3, 0, 0, 0}}}, "ours"},
		{"a newcomer speaks what others do not", []who{{"c", 0, []byte{1, 9, 6, 0, 0, 0}}}, "c"},
		{"a newcomer is too old for those we have", []who{{"c", 0, []byte{1, 1, 1, 0, 0, 0}}}, "ours"},
		{"the delegates differ", []who{{"c", 0, []byte{1, 5, 2, 1, 3, 2}}}, "c"},
		{"a living row is absurd", []who{{"c", 0, []byte{0, 0, 0, 0, 0, 0}}}, "c"},
		{"a living row has no versions", []who{{"c", 0, nil}}, "c"},
		{"a dead row is absurd", []who{{"c", 2, []byte{0, 0, 0, 0, 0, 0}}}, ""},
		{"a left row is from the future", []who{{"c", 3, []byte{9, 9, 9, 0, 0, 0}}}, ""},
		{"a suspect row has no versions", []who{{"c", 1, nil}}, ""},
		{"a row about us is absurd", []who{{"a", 0, nil}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.know("b")
			var rows []wire.Row
			for _, w := range c.rows {
				r := b.rowOf(w.name, 3, 1)
				r.State, r.Vsn = w.state, w.vsn
				rows = append(rows, r)
			}
			err := b.Check(rows)
			var version *VersionError
			switch {
			case c.culprit == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.culprit != "" && !errors.As(err, &version):
				t.Errorf("error %v, want one about %s", err, c.culprit)
			case c.culprit == "ours" && version.Name == "c", c.culprit == "c" && version.Name != "c":
				t.Errorf("names %q, want %s", version.Name, c.culprit)
			}
			if err != nil && err.Error() == "" {
				t.Error("an error without words")
			}
		})
	}
}

func TestTheDeadDoNotCountInTheVersionCheck(t *testing.T) {
	b := newBench(t)
	a := aliveOf("b", 2, 1)
	a.Vsn = []byte{1, 1, 1, 0, 0, 0}
	b.Alive(b.now, a)
	if b.Check(nil) == nil {
		t.Fatal("b speaks version 1 and we speak 2, and nobody minds")
	}
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"})
	if err := b.Check(nil); err != nil {
		t.Errorf("b is dead, and yet: %v", err)
	}
}

func TestANewcomerMayHaveTheNameOfAnUnreachableMember(t *testing.T) {
	type step = func(*bench)
	suspect := func(b *bench) { b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "x"}) }
	dead := func(b *bench) { b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"}) }
	answers := func(b *bench) { b.Ack(b.now, &wire.Ack{SeqNo: b.probe.seq}) }
	for _, c := range []struct {
		name     string
		before   step
		during   step
		accepted bool
		news     []NewsKind
	}{
		{"a suspect that stays silent loses it", suspect, nil, true, []NewsKind{Departed, Joined}},
		{"the dead that stay silent lose it", dead, nil, true, []NewsKind{Joined}},
		{"a suspect that answers keeps it", suspect, answers, false, []NewsKind{Pinged, Conflict}},
		{"the dead that answer keep it", dead, answers, false, []NewsKind{Pinged, Conflict}},
		{"a suspect that refutes keeps it", suspect, func(b *bench) { b.Alive(b.now, aliveOf("b", 2, 2)) }, false, []NewsKind{Recovered}},
		{"one who answers by stream keeps it", suspect, func(b *bench) {
			b.wait(500 * time.Millisecond)
			b.KnockDone(b.now, b.probe.seq, true)
		}, false, []NewsKind{StreamOnly, Conflict}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(p *Params) { p.ReclaimUnreachable = true; p.GossipInterval, p.PushPullInterval = 0, 0 })
			b.know("b")
			c.before(b)
			b.Alive(b.now, aliveOf("b", 3, 1))
			if out := b.take(); len(newsOf(out, Conflict)) != 0 || b.state("b") == "alive" {
				t.Fatalf("decided before the probe: %+v", out.News)
			}
			b.now = b.clock.time(b.probing.at)
			b.Tick(b.now)
			if out := b.take(); len(out.Packets) != 1 || out.Packets[0].To.Addr != addrOf(2) {
				t.Fatalf("packets %+v, want a ping of the holder", out.Packets)
			}
			var kinds []NewsKind
			note := func(out *Output) {
				for _, n := range out.News {
					kinds = append(kinds, n.Kind)
				}
			}
			if c.during != nil {
				c.during(b)
				note(b.take())
			}
			b.run(time.Second-1, note)
			b.probing.act = func(*Machine) {}
			b.run(1, note)
			if !slices.Equal(kinds, c.news) {
				t.Errorf("news %v, want %v", kinds, c.news)
			}
			if x, _ := b.Lookup("b"); (x.Addr == addrOf(3)) != c.accepted {
				t.Errorf("b is %v at %v", x.State, x.Addr)
			}
			if b.Health() != 0 {
				t.Errorf("health %d: that the gone are gone is not our illness", b.Health())
			}
		})
	}
}

func TestClaimsToNamesDoNotStopTheProbes(t *testing.T) {
	b := newBench(t, func(p *Params) { p.ReclaimUnreachable = true; p.GossipInterval, p.PushPullInterval = 0, 0 })
	b.know("b", "c", "d")
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"})
	got := map[string]int{}
	for range 12 {
		for range 100 {
			b.Alive(b.now, aliveOf("b", 99, 1))
		}
		b.now = b.clock.time(b.probing.at)
		b.Tick(b.now)
		p := pingIn(t, b.take().Packets[0])
		b.Ack(b.now, &wire.Ack{SeqNo: p.SeqNo})
		got[p.Node]++
	}
	if got["b"] != 6 || got["c"] != 3 || got["d"] != 3 {
		t.Errorf("probed %v, want every second probe for the claim", got)
	}
	if len(b.reclaims.waiting) > maxReclaims {
		t.Errorf("%d claims wait", len(b.reclaims.waiting))
	}
}

func TestAHolderThatRefutesHasNoClaimantsAnyMore(t *testing.T) {
	b := newBench(t, func(p *Params) { p.ReclaimUnreachable = true })
	b.know("b")
	b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "x"})
	b.Alive(b.now, aliveOf("b", 3, 1))
	if len(b.reclaims.waiting) != 1 {
		t.Fatalf("%d claims wait, want 1", len(b.reclaims.waiting))
	}
	b.Alive(b.now, aliveOf("b", 2, 2))
	if len(b.reclaims.waiting) != 0 {
		t.Error("a claim from before the refutation waits for the next suspicion")
	}
}

func TestWithoutProbesTheNameStaysWithItsHolder(t *testing.T) {
	b := newBench(t, func(p *Params) { p.ReclaimUnreachable = true; p.ProbeInterval = 0 })
	b.know("b")
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"})
	b.take()
	b.Alive(b.now, aliveOf("b", 3, 1))
	if out := b.take(); len(newsOf(out, Conflict)) != 1 {
		t.Errorf("output %+v", out)
	}
}

func TestAppendRowsWritesWhatRowsSay(t *testing.T) {
	b := newBench(t)
	b.know("b", "c", "d")
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "c", From: "x"})
	b.Update(b.now, []byte("meta"), nil)
	want := []byte("before")
	for _, row := range b.Rows(nil) {
		want = row.Append(want)
	}
	if got := b.AppendRows([]byte("before")); string(got) != string(want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestCheckLooksForTheOddOneOnlyWhenThereIsOne(t *testing.T) {
	b := newBench(t)
	b.know("b")
	row := wire.Row{Name: "c", Addr: []byte{10, 0, 0, 1}, Port: 7946, Vsn: []byte{1, 5, 2, 0, 3, 1}}
	if err := b.Check([]wire.Row{row}); err == nil {
		t.Error("a delegate version that others do not understand passed")
	}
	row.Vsn = []byte{3, 5, 3, 0, 0, 0}
	if err := b.Check([]wire.Row{row}); err == nil {
		t.Error("others speak what the newcomer does not understand, and passed")
	}
	row.Vsn = []byte{2, 5, 2, 0, 0, 0}
	if err := b.Check([]wire.Row{row}); err != nil {
		t.Error(err)
	}
}
