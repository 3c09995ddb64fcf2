package memberlist

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestDefectB10AClaimFarAheadIsNotBelieved(t *testing.T) {
	sink := inmem(t)
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(3)
		m, s := nodes[0], b.stranger("s")
		for _, about := range []string{"a", "b"} {
			_, before := seen(m, about)
			forged := claimOf(nodes[1], math.MaxUint32)
			forged.Node = about
			lies := []message{
				&wire.Suspect{Incarnation: math.MaxUint32, Node: about, From: "s"},
				&wire.Dead{Incarnation: math.MaxUint32, Node: about, From: "s"},
				&wire.Dead{Incarnation: math.MaxUint32, Node: about, From: about},
				forged,
				&wire.Dead{Incarnation: before + 1<<20 + 1, Node: about, From: "s"},
			}
			s.say(m, lies...)
			if state, now := seen(m, about); state != "alive" || now != before {
				t.Errorf("%s became %s at %d, was at %d", about, state, now, before)
			}
		}
		if n := dropsOf(m, sink, "too"); n != 10 {
			t.Errorf("%d lies were counted, want 10", n)
		}
		time.Sleep(time.Minute)
		for _, n := range nodes {
			if names(n) != "a b c" {
				t.Errorf("%s sees %q", n.LocalNode().Name, names(n))
			}
		}
		// What is high but possible is refuted, and everybody hears of it.
		s.say(m, &wire.Dead{Incarnation: 1 << 20, Node: "a", From: "s"})
		b.eventually(time.Minute, "b knows a's new incarnation", func() bool {
			state, now := seen(nodes[1], "a")
			return state == "alive" && now == 1<<20+1
		})
	})
}

func TestDefectB11LateNewsBringNobodyBack(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		s.say(m, s.alive(1))
		s.say(m, &wire.Dead{Incarnation: 1, Node: "s", From: "x"})
		s.say(m, &wire.Dead{Incarnation: 10, Node: "s", From: "x"})
		s.say(m, s.alive(2))
		if state, _ := seen(m, "s"); state != "dead" {
			t.Errorf("after an old claim it is %s", state)
		}
		s.say(m, s.alive(11))
		if state, _ := seen(m, "s"); state != "alive" {
			t.Errorf("after its refutation it is %s", state)
		}
	})
}

func TestDefectB26OneMessageAboutOurselvesWaits(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		for incarnation := range uint32(20) {
			s.say(m, &wire.Suspect{Incarnation: incarnation, Node: "m", From: "s"})
			s.say(m, &wire.Dead{Incarnation: incarnation, Node: "m", From: "s"})
			s.say(m, claimOf(m, incarnation+1))
		}
		if n := m.cluster.rumours.NumQueued(); n != 1 {
			t.Errorf("%d messages wait, want the newest about ourselves", n)
		}
		var newest wire.Alive
		if err := newest.Decode(m.cluster.rumours.GetBroadcasts(0, 1000)[0][1:]); err != nil {
			t.Fatal(err)
		}
		if _, now := seen(m, "m"); newest.Incarnation != now {
			t.Errorf("the one that waits is of incarnation %d, ours is %d", newest.Incarnation, now)
		}
	})
}

// nay is a Merge delegate that refuses everybody.
type nay struct{ err error }

func (n nay) NotifyMerge([]*Node) error { return n.err }

func TestDefectB25WhoeverRefusesAMergeIsNotJoined(t *testing.T) {
	reason := errors.New("wrong datacentre")
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", func(c *Config) { c.Merge = nay{reason} })
		told := &diary{}
		z := b.create("z", func(c *Config) { c.Events = told })
		n, err := z.Join([]string{m.LocalNode().Address()})
		var join *JoinError
		var remote *RemoteError
		if n != 0 || !errors.As(err, &join) || !errors.As(err, &remote) {
			t.Errorf("joined %d, error %v; want none and a *RemoteError in a *JoinError", n, err)
		}
		time.Sleep(2 * time.Minute)
		if names(m) != "m" || names(z) != "z" || told.String() != "join z" {
			t.Errorf("m sees %q, z sees %q and was told %q", names(m), names(z), told)
		}
	})
	bubble(t, func(t *testing.T, b *lab) {
		m, z := b.create("m", quiet), b.create("z", quiet, func(c *Config) { c.Merge = nay{reason} })
		n, err := z.Join([]string{m.LocalNode().Address()})
		var veto *VetoError
		if n != 0 || !errors.As(err, &veto) || !errors.Is(err, reason) {
			t.Errorf("joined %d, error %v; want none and our own reason in a *VetoError", n, err)
		}
		if names(z) != "z" {
			t.Errorf("z sees %q", names(z))
		}
	})
}

// broken is a transport whose packets to some addresses are lost, or fail with an error.
type broken struct {
	*MockTransport
	to  []string
	err error
}

func (t *broken) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, Address{Addr: addr})
}

func (t *broken) WriteToAddress(b []byte, to Address) (time.Time, error) {
	if slices.Contains(t.to, to.Addr) {
		return time.Now(), t.err
	}
	return t.MockTransport.WriteToAddress(b, to)
}

// cutOff breaks the way from every node that is made to the address of c, which must be the third.
func cutOff(only string, err error) func(*Config) {
	return func(c *Config) {
		if tr := c.Transport.(*MockTransport); c.Name != "c" && (only == "" || only == c.Name) {
			c.Transport = &broken{MockTransport: tr, to: []string{"127.0.0.1:20002"}, err: err}
		}
	}
}

func TestOldDefectF08TheOnlyHelperIsAlwaysAsked(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(3, cutOff("a", nil), func(c *Config) { c.DisableTcpPings = true })
		time.Sleep(90 * time.Minute)
		if state, incarnation := seen(nodes[2], "c"); incarnation != 1 {
			t.Errorf("c, which is %s, had to refute %d suspicions though b can help", state, incarnation-1)
		}
		if score := nodes[0].GetHealthScore(); score != 0 {
			t.Errorf("health %d", score)
		}
	})
}

func TestOldDefectF12AMemberThatCannotBeSentToBecomesASuspect(t *testing.T) {
	for _, test := range []struct {
		says string
		err  error
	}{
		{"packets are lost", nil},
		{"writing fails", errors.New("network is unreachable")},
	} {
		t.Run(test.says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				nodes := b.cluster(3, cutOff("", test.err), func(c *Config) { c.DisableTcpPings, c.PushPullInterval = true, 0 })
				b.eventually(10*time.Second, "c is a suspect", func() bool {
					state, _ := seen(nodes[0], "c")
					return state == "suspect"
				})
			})
		})
	}
}

func TestOldDefectF15AProbeThatAStreamAnswersLeavesNothingRunning(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(3, cutOff("", nil))
		active := func() int {
			l := nodes[0].loops
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.active
		}
		time.Sleep(10 * time.Second)
		before := active()
		time.Sleep(10 * time.Minute)
		if now := active(); now > before+3 {
			t.Errorf("%d goroutines run, %d did ten minutes ago", now, before)
		}
		if names(nodes[0]) != "a b c" {
			t.Errorf("a sees %q, though c answers streams", names(nodes[0]))
		}
	})
}

func TestOldDefectF19WhoHasLeftStaysLeft(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		told := &diary{}
		m, z, s := b.create("m", func(c *Config) { c.Events = told }), b.create("z"), b.stranger("s")
		b.join(z, m)
		late := claimOf(m, 7)
		if err := m.Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		_, last := seen(m, "m")
		s.say(m, late)
		row := wire.Row{Name: "m", Addr: late.Addr, Port: late.Port, Incarnation: 9, Vsn: late.Vsn}
		s.converse(m, (&wire.State{Rows: []wire.Row{row}}).Append(nil))
		if _, now := seen(m, "m"); now != last {
			t.Errorf("it answered with incarnation %d, it had left with %d", now, last)
		}
		s.say(m, &wire.Suspect{Incarnation: 11, Node: "m", From: "s"}, &wire.Dead{Incarnation: 12, Node: "m", From: "s"})
		time.Sleep(time.Minute)
		if got := m.LocalNode().State; got != StateLeft || names(m) != "z" || names(z) != "z" {
			t.Errorf("it is %v and sees %q, z sees %q", got, names(m), names(z))
		}
		if got := told.String(); got != "join m, join z, left m" {
			t.Errorf("told %q", got)
		}
	})
}
