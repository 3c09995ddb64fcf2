package swim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestSuspicionBoundsFollowTheFormula(t *testing.T) {
	for _, c := range []struct {
		mult, maxMult, n int
		unit             time.Duration
		min, max         time.Duration
		need             int
	}{
		{4, 6, 1, time.Second, 4 * time.Second, 24 * time.Second, 0},
		{4, 6, 3, time.Second, 4 * time.Second, 24 * time.Second, 0},
		{4, 6, 4, time.Second, 4 * time.Second, 24 * time.Second, 2},
		{4, 6, 10, time.Second, 4 * time.Second, 24 * time.Second, 2},
		{4, 6, 50, time.Second, 6792 * time.Millisecond, 40752 * time.Millisecond, 2}, // log10(50) = 1.69897, cut to 1.698
		{4, 6, 1000, time.Second, 12 * time.Second, 72 * time.Second, 2},
		{6, 6, 500, 5 * time.Second, 80940 * time.Millisecond, 485640 * time.Millisecond, 4},
		{3, 6, 100, time.Second, 6 * time.Second, 36 * time.Second, 1},
		{2, 6, 100, time.Second, 4 * time.Second, 24 * time.Second, 0},
		{4, 6, 10, 0, 4 * time.Second, 24 * time.Second, 2}, // probing off: counted as one second
		{0, 0, 10, time.Second, 0, 0, -2},
	} {
		t.Run(fmt.Sprintf("mult %d of %d members every %v", c.mult, c.n, c.unit), func(t *testing.T) {
			p := Params{SuspicionMult: c.mult, SuspicionMaxTimeoutMult: c.maxMult, ProbeInterval: c.unit}
			shortest, longest, need := p.suspicionBounds(c.n)
			if shortest != c.min || longest != c.max || need != c.need {
				t.Errorf("%v to %v with %d, want %v to %v with %d", shortest, longest, need, c.min, c.max, c.need)
			}
		})
	}
}

func TestAbsurdSettingsSaturate(t *testing.T) {
	p := Params{SuspicionMult: math.MaxInt, SuspicionMaxTimeoutMult: math.MaxInt, ProbeInterval: math.MaxInt64}
	shortest, longest, need := p.suspicionBounds(math.MaxInt32)
	s := suspicion{min: shortest, max: longest, need: need, confirmed: 1}
	if s.timeout() < 0 {
		t.Errorf("timeout %v", s.timeout())
	}
}

func TestEachConfirmationShortensTheWait(t *testing.T) {
	// Lifeguard's example values: K = 3, from 30 s down to 5 s.
	s := suspicion{min: 5 * time.Second, max: 30 * time.Second, need: 3}
	for c, want := range []float64{30, 17.5, 10.188, 5} {
		s.confirmed = c
		if got := s.timeout().Seconds(); math.Abs(got-want) > 0.001 {
			t.Errorf("%d confirmations: %.3f s, want %.3f", c, got, want)
		}
	}
}

func TestOnlyNewAccusersConfirmAndOnlyAsManyAsNeeded(t *testing.T) {
	b := newBench(t)
	b.know("b", "c", "d", "e", "f")
	for _, c := range []struct {
		from  string
		kind  NewsKind
		told  int
		sleep time.Duration
	}{
		{"c", Suspected, 1, 24 * time.Second},
		{"c", Confirmed, 0, 24 * time.Second},
		{"d", Confirmed, 1, 11381 * time.Millisecond},
		{"d", Confirmed, 0, 11381 * time.Millisecond},
		{"e", Confirmed, 1, 4 * time.Second},
		{"f", Confirmed, 0, 4 * time.Second},
	} {
		b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: c.from})
		out := b.take()
		if len(newsOf(out, c.kind)) != c.told || len(out.Broadcasts) != c.told {
			t.Errorf("accused by %s: %+v", c.from, out)
		}
		if c.told == 1 {
			var s wire.Suspect
			if err := s.Decode(out.Broadcasts[0].Body[1:]); err != nil || s.From != c.from {
				t.Errorf("told on as %+v, want the accuser's own words", s)
			}
		}
		if got := b.table.find("b").suspicion.timeout().Truncate(time.Millisecond); got != c.sleep {
			t.Errorf("accused by %s: the wait is %v, want %v", c.from, got, c.sleep)
		}
	}
}

func TestElapsedTimeCounts(t *testing.T) {
	b := newBench(t, func(p *Params) { p.ProbeInterval, p.PushPullInterval = 0, 0 })
	b.know("b", "c", "d", "e", "f")
	b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "c"})
	b.run(12*time.Second, nil)
	b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "d"})
	b.take()
	if at, _ := b.Deadline(); !at.Before(b.now) {
		t.Fatalf("due at %v, want it over already", at)
	}
	b.Tick(b.now)
	out := b.take()
	n := newsOf(out, Departed)
	if len(n) != 1 || n[0].Confirmations != 1 || n[0].Missing != 1 || n[0].From != "a" || n[0].Member.State != Dead {
		t.Errorf("news %+v, want b dead, confirmed once, on our word", out.News)
	}
}

// B27: the reference's timers outlive what they are for.
func TestB27NothingIsDueForASuspicionThatHasEnded(t *testing.T) {
	for name, end := range map[string]func(*bench){
		"refuted": func(b *bench) { b.Alive(b.now, aliveOf("b", 2, 2)) },
		"dead":    func(b *bench) { b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"}) },
		"left":    func(b *bench) { b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "b"}) },
		"removed": func(b *bench) { b.ForceRemove(b.now, "b") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(p *Params) { p.ProbeInterval, p.PushPullInterval = 0, 0 })
			b.know("b", "c")
			b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "b", From: "c"})
			end(b)
			b.take()
			was := b.state("b")
			b.run(29*time.Second, nil)
			if got := b.state("b"); got != was {
				t.Errorf("%s became %s", was, got)
			}
			for _, d := range b.agenda.heap {
				if _, ok := d.owner.(*suspicion); ok {
					t.Error("the suspicion still stands in the agenda")
				}
			}
		})
	}
}
