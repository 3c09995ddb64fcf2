package swim

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestStartAnnouncesUs(t *testing.T) {
	m := New(lan(), rand.New(rand.NewPCG(1, 2)))
	meta := []byte("meta")
	m.Start(noon, Identity{Addr: addrOf(1), Meta: meta, Versions: current})
	meta[0] = 'X'
	var out Output
	m.Take(&out)
	var a wire.Alive
	if len(out.Broadcasts) != 1 || out.Broadcasts[0].Name != "a" {
		t.Fatalf("broadcasts %+v", out.Broadcasts)
	}
	if err := a.Decode(out.Broadcasts[0].Body[1:]); err != nil || a.Incarnation != 1 || a.Node != "a" || string(a.Meta) != "meta" {
		t.Errorf("announced %+v, %v", a, err)
	}
	if n := newsOf(&out, Joined); len(n) != 1 || n[0].Member.Name != "a" || n[0].Member.State != Alive || !n[0].Member.Since.Equal(noon) {
		t.Errorf("news %+v", out.News)
	}
	if m.NumAlive() != 1 || m.Len() != 1 {
		t.Errorf("%d alive of %d", m.NumAlive(), m.Len())
	}
	m.Start(noon, Identity{Name: "other"})
	if m.Self().Name != "a" {
		t.Error("a second start has made us another")
	}
}

func TestWhoWatchesIsNotAnnouncedUntilItRejoins(t *testing.T) {
	m := New(lan(), rand.New(rand.NewPCG(1, 2)))
	m.Watch(noon, Identity{Addr: addrOf(1), Versions: current})
	m.Start(noon, Identity{Addr: addrOf(1), Versions: current})
	m.Alive(noon, aliveOf("b", 2, 1))
	m.Alive(noon, aliveOf("a", 1, 3)) // somebody remembers an earlier life of ours
	var out Output
	m.Take(&out)
	if len(newsOf(&out, Joined)) != 1 || len(out.Broadcasts) != 1 || out.Broadcasts[0].Name != "b" {
		t.Errorf("more is told than that b is there: %+v, %+v", out.News, out.Broadcasts)
	}
	if m.NumAlive() != 1 || m.Len() != 2 || !m.HasLeft() {
		t.Errorf("%d alive of %d, left %v", m.NumAlive(), m.Len(), m.HasLeft())
	}
	out = Output{}
	m.Rejoin(noon)
	m.Take(&out)
	if len(newsOf(&out, Joined)) != 1 || len(out.Broadcasts) != 1 || out.Broadcasts[0].Name != "a" || m.NumAlive() != 2 {
		t.Errorf("the return is not told: %+v, %+v", out.News, out.Broadcasts)
	}
}

func TestBeforeStartNothingHasAnEffect(t *testing.T) {
	m := New(lan(), rand.New(rand.NewPCG(1, 2)))
	m.Alive(noon, aliveOf("b", 2, 1))
	m.Suspect(noon, &wire.Suspect{Node: "b"})
	m.Dead(noon, &wire.Dead{Node: ""})
	m.Ping(noon, Source{}, &wire.Ping{}, nil)
	m.IndirectPing(noon, Source{}, &wire.IndirectPing{Target: make([]byte, 4)})
	m.Ack(noon, &wire.Ack{})
	m.Nack(noon, &wire.Nack{})
	m.Merge(noon, []wire.Row{{}})
	m.KnockDone(noon, 0, true)
	m.SetPending(noon, true)
	m.Tick(noon)
	m.Rejoin(noon)
	if m.Leave(noon, nil) || m.Update(noon, nil, nil) || m.ForceRemove(noon, "b") || m.HasLeft() || m.UserPing(noon, Peer{}) != 0 {
		t.Error("something has an effect")
	}
	if _, ok := m.Deadline(); ok || m.Len() != 0 || m.Self().Name != "" || len(m.Rows(nil)) != 0 || m.Check(nil) != nil {
		t.Error("something is there")
	}
}

func TestLeaveSaysGoodbyeOnce(t *testing.T) {
	b := newBench(t)
	b.know("b")
	done := make(chan struct{})
	if !b.Leave(b.now, done) {
		t.Error("b is there, but nobody is waited for")
	}
	out := b.take()
	var d wire.Dead
	if len(out.Broadcasts) != 1 || out.Broadcasts[0].Done != done {
		t.Fatalf("broadcasts %+v", out.Broadcasts)
	}
	if err := d.Decode(out.Broadcasts[0].Body[1:]); err != nil || d != (wire.Dead{Incarnation: 1, Node: "a", From: "a"}) {
		t.Errorf("said %+v, %v", d, err)
	}
	if n := newsOf(out, Departed); len(n) != 1 || n[0].Member.State != Left || n[0].Member.Name != "a" {
		t.Errorf("news %+v", out.News)
	}
	if b.Leave(b.now, nil) || len(b.take().Broadcasts) != 0 || !b.HasLeft() || b.NumAlive() != 1 {
		t.Error("a second goodbye")
	}
}

func TestWhoIsAloneWaitsForNobody(t *testing.T) {
	b := newBench(t)
	if b.Update(b.now, []byte("m"), nil) || b.Leave(b.now, nil) {
		t.Error("waits, but for whom?")
	}
}

// B14: the reference forgets itself after a while, and then dereferences nil.
func TestB14AfterLeavingWeStillKnowWhoWeAre(t *testing.T) {
	b := newBench(t)
	b.know("b")
	b.Leave(b.now, nil)
	b.run(10*time.Minute, func(*Output) {})
	if self := b.Self(); self.Name != "a" || self.State != Left {
		t.Errorf("we are %q, %v", self.Name, self.State)
	}
	if b.Update(b.now, []byte("m"), nil) || len(b.take().Broadcasts) != 0 {
		t.Error("updated although we have left")
	}
}

// B15: the reference reads a state that is not there.
func TestB15LeavingBeforeTheStartIsHarmless(t *testing.T) {
	m := New(lan(), rand.New(rand.NewPCG(1, 2)))
	if m.Leave(noon, nil) || m.HasLeft() {
		t.Error("left what was never joined")
	}
}

func TestRejoinBeatsTheGoodbye(t *testing.T) {
	b := newBench(t)
	b.know("b")
	b.Leave(b.now, nil)
	b.Dead(b.now, &wire.Dead{Incarnation: 7, Node: "a", From: "x"})
	b.take()
	b.Rejoin(b.now)
	out := b.take()
	if self := b.Self(); self.State != Alive || self.Incarnation != 8 || b.HasLeft() || b.NumAlive() != 2 {
		t.Errorf("we are %v@%d", self.State, self.Incarnation)
	}
	if len(newsOf(out, Joined)) != 1 || len(out.Broadcasts) != 1 {
		t.Errorf("output %+v", out)
	}
	b.Rejoin(b.now)
	if out := b.take(); len(out.News) != 0 {
		t.Errorf("a second return: %+v", out.News)
	}
}

func TestUpdateTellsOthersAndTheUser(t *testing.T) {
	b := newBench(t)
	b.know("b")
	before := b.Self()
	done := make(chan struct{})
	if !b.Update(b.now, []byte("m"), done) {
		t.Error("b is there, but nobody is waited for")
	}
	out := b.take()
	if len(out.Broadcasts) != 1 || out.Broadcasts[0].Done != done || len(newsOf(out, Updated)) != 1 {
		t.Errorf("output %+v", out)
	}
	if self := b.Self(); self.Incarnation != 2 || string(self.Meta) != "m" || before.Meta != nil {
		t.Errorf("we are @%d with %q, were with %q", self.Incarnation, self.Meta, before.Meta)
	}
	b.Update(b.now, []byte("m"), nil)
	if out := b.take(); len(out.News) != 0 || len(out.Broadcasts) != 1 {
		t.Errorf("the same meta again led to %+v", out)
	}
}

func TestForceRemove(t *testing.T) {
	for _, c := range []struct {
		state string
		do    func(*bench)
		ok    bool
		told  int
		news  int
	}{
		{"unknown", func(b *bench) {}, false, 0, 0},
		{"alive", func(b *bench) { b.know("z") }, true, 1, 1},
		{"suspect", func(b *bench) {
			b.know("z")
			b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "z", From: "x"})
		}, true, 1, 1},
		{"dead", func(b *bench) {
			b.know("z")
			b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "z", From: "x"})
		}, true, 1, 0},
		{"left", func(b *bench) {
			b.know("z")
			b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "z", From: "z"})
		}, true, 0, 0},
	} {
		t.Run(c.state, func(t *testing.T) {
			b := newBench(t)
			c.do(b)
			b.take()
			ok := b.ForceRemove(b.now, "z")
			out := b.take()
			if ok != c.ok || len(out.Broadcasts) != c.told || len(newsOf(out, Departed)) != c.news {
				t.Errorf("%v, output %+v", ok, out)
			}
			if ok && b.state("z") != "left" {
				t.Errorf("z is %s", b.state("z"))
			}
		})
	}
	if b := newBench(t); b.ForceRemove(b.now, "a") {
		t.Error("we removed ourselves")
	}
}

func TestTheDeadAndTheLeftAreForgottenOnTime(t *testing.T) {
	b := newBench(t, func(p *Params) { p.ProbeInterval, p.PushPullInterval = 0, 0 })
	b.know("b", "c", "d")
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"})
	b.wait(10 * time.Second)
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "c", From: "c"})
	b.Dead(b.now, &wire.Dead{Incarnation: 5, Node: "b", From: "x"}) // evidence, not another death
	b.wait(20*time.Second - 1)
	if b.state("b") != "dead" || b.state("c") != "left" {
		t.Errorf("b is %q, c is %q", b.state("b"), b.state("c"))
	}
	b.wait(1)
	if b.state("b") != "" || b.state("c") != "left" {
		t.Errorf("b is %q, c is %q", b.state("b"), b.state("c"))
	}
	b.Alive(b.now, aliveOf("c", 3, 2))
	b.wait(time.Hour)
	if b.state("c") != "alive" || b.Len() != 3 {
		t.Errorf("c is %q of %d: one that came back was forgotten", b.state("c"), b.Len())
	}
	b.Alive(b.now, aliveOf("b", 9, 1))
	if x, _ := b.Lookup("b"); x.State != Alive || x.Incarnation != 1 || x.Addr != addrOf(9) {
		t.Errorf("b came back as %+v", x)
	}
}

func TestTimeDoesNotGoBack(t *testing.T) {
	b := newBench(t)
	b.pass(time.Minute)
	b.Alive(b.now, aliveOf("b", 2, 1))
	b.Dead(b.now.Add(-time.Hour), &wire.Dead{Incarnation: 1, Node: "b", From: "x"})
	if x, _ := b.Lookup("b"); !x.Since.Equal(b.now) {
		t.Errorf("b died at %v, want %v", x.Since, b.now)
	}
	b.Tick(noon.Add(1 << 62))
	b.Tick(noon.Add(1<<63 - 1))
	b.Tick(time.Time{})
	b.Tick(time.Unix(1<<62, 0))
}
