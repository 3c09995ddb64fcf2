package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

func TestTheAgendaIsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var a agenda
	var last event
	for range 10_000 {
		if len(a.heap) == 0 || r.IntN(3) > 0 {
			a.add(last.at+time.Duration(r.IntN(50)), nil)
			continue
		}
		at, _ := a.next()
		e := a.take()
		if e.at != at || e.at < last.at || e.at == last.at && e.tie < last.tie {
			t.Fatalf("%v %d came after %v %d", e.at, e.tie, last.at, last.tie)
		}
		last = e
	}
}

func TestLatencyIsWhatItSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name         string
		latency      Latency
		least, most  time.Duration
		beyond       time.Duration // so long is late
		share, slack float64       // of the late ones
	}{
		{"constant", Constant(5 * time.Millisecond), 5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond, 0, 0},
		{"uniform", Uniform(time.Millisecond, 3*time.Millisecond), time.Millisecond, 3 * time.Millisecond, 2 * time.Millisecond, 0.5, 0.02},
		{"long tail", Latency{Base: time.Millisecond, Tail: 0.1, Long: 10 * time.Millisecond},
			time.Millisecond, 1001 * time.Millisecond, 10 * time.Millisecond, 0.1, 0.01},
	} {
		late := 0
		const draws = 20_000
		for range draws {
			d := c.latency.draw(r)
			if d < c.least || d > c.most {
				t.Fatalf("%s: drew %v, not within %v and %v", c.name, d, c.least, c.most)
			}
			if d > c.beyond {
				late++
			}
		}
		if share := float64(late) / draws; share < c.share-c.slack || share > c.share+c.slack {
			t.Errorf("%s: %.3f are later than %v, not %.3f", c.name, share, c.beyond, c.share)
		}
	}
}

// pair is two nodes that know each other and do nothing of their own accord.
func pair(t *testing.T, net Network) (s *Sim, a, b *Node) {
	set := LAN()
	set.ProbeInterval, set.GossipInterval, set.PushPullInterval = 0, 0, 0
	s = New(Options{Seed: 1, Settings: set, Network: Network{Latency: Constant(time.Millisecond)}})
	a, b = s.Start("a", nil), s.Start("b", nil)
	b.Join(a, nil)
	must(t, s.Run(time.Second))
	s.opt.Network = net
	return s, a, b
}

// datagrams sends so many packets from a to b and returns how many came, and when the last one did.
func datagrams(t *testing.T, s *Sim, a, b *Node, n int) (came int, last time.Duration) {
	before, begun := b.traffic.PacketsIn, s.now
	for range n {
		a.machine.UserPing(s.time(), swim.Peer{Name: "b", Addr: b.place().addr})
		a.act()
	}
	for seen := 0; s.now < begun+time.Minute; {
		must(t, s.Run(s.now+time.Millisecond))
		if came = b.traffic.PacketsIn - before; came > seen {
			seen, last = came, s.now-begun
		}
	}
	return came, last
}

func TestTheNetworkLosesAndDoublesItsShare(t *testing.T) {
	const n = 4000 // more pings of users are not under way at once
	for _, c := range []struct {
		name   string
		net    Network
		do     func(s *Sim, a, b *Node)
		expect int
	}{
		{"all arrive", Network{}, nil, n},
		{"a third is lost", Network{Loss: 1.0 / 3}, nil, n * 2 / 3},
		{"a tenth comes twice", Network{Duplicate: 0.1}, nil, n * 11 / 10},
		{"half is lost on the way out", Network{}, func(_ *Sim, a, _ *Node) { a.Links().LossOut = 0.5 }, n / 2},
		{"half is lost on the way in", Network{}, func(_ *Sim, _, b *Node) { b.Links().LossIn = 0.5 }, n / 2},
		{"the other direction does not matter", Network{}, func(s *Sim, a, b *Node) { s.Cut(b, a); a.Links().LossIn = 1 }, n},
		{"a cut line", Network{}, func(s *Sim, a, b *Node) { s.Cut(a, b) }, 0},
		{"a mended line", Network{}, func(s *Sim, a, b *Node) { s.Cut(a, b); s.Mend(a, b) }, n},
		{"a partition", Network{}, func(_ *Sim, _, b *Node) { b.Partition(1) }, 0},
		{"a healed partition", Network{}, func(s *Sim, _, b *Node) { b.Partition(1); s.Heal() }, n},
	} {
		s, a, b := pair(t, c.net)
		if c.do != nil {
			c.do(s, a, b)
		}
		came, _ := datagrams(t, s, a, b, n)
		if came < c.expect*96/100 || came > c.expect*104/100 {
			t.Errorf("%s: %d of %d came, not about %d", c.name, came, n, c.expect)
		}
	}
}

func TestBandwidthTakesTimeAndTheBacklogIsBounded(t *testing.T) {
	s, a, b := pair(t, Network{Bandwidth: 10_000, Backlog: 10 * time.Second})
	before := a.traffic.BytesOut
	came, last := datagrams(t, s, a, b, 1000)
	sent := a.traffic.BytesOut - before
	size := sent / 1000
	if want := time.Duration(sent) * time.Second / 10_000; came != 1000 || last < want-20*time.Millisecond || last > want+20*time.Millisecond {
		t.Errorf("%d packets of %d bytes took %v, not %v", came, size, last, want)
	}
	s, a, b = pair(t, Network{Bandwidth: 10_000, Backlog: time.Second})
	if came, last = datagrams(t, s, a, b, 1000); came > 1100_0/size+10 || last > 1100*time.Millisecond {
		t.Errorf("%d packets of %d bytes came within %v through a backlog of a second", came, size, last)
	}
}

func TestAHeldNodeTimesOutAndAFrozenOneReadsFirst(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		set := LAN()
		set.DisableStreamPings = true
		suspected := 0
		s := New(Options{Seed: 1, Settings: set, Network: Network{Latency: Constant(time.Millisecond)},
			Hear: func(n *Node, x *swim.News) {
				if n.Name == "node-0" && x.Kind == swim.Suspected {
					suspected++
				}
			}})
		s.Bootstrap(2, time.Second)
		must(t, s.Run(10*time.Second))
		// Its own probe has left; the answer comes while it stalls.
		n := s.nodes[0]
		sent := n.traffic.PacketsOut
		for n.traffic.PacketsOut == sent {
			must(t, s.Run(s.now+time.Millisecond))
		}
		n.Hiccup(3*time.Second, time.Hour, frozen)
		must(t, s.Run(s.now+3500*time.Millisecond))
		if (suspected > 0) == frozen {
			t.Errorf("frozen %v: suspected %d times", frozen, suspected)
		}
	}
}

func TestStreamsTakeTimeFailAndBreak(t *testing.T) {
	for _, c := range []struct {
		name        string
		net         Network
		do          func(s *Sim, a, b *Node)
		ok          bool
		least, most time.Duration
	}{
		{"four trips", Network{Latency: Constant(10 * time.Millisecond)}, nil, true, 40 * time.Millisecond, 40 * time.Millisecond},
		{"lost packets cost time", Network{Latency: Constant(10 * time.Millisecond), Loss: 0.6}, nil, true, 240 * time.Millisecond, 10 * time.Second},
		{"nobody accepts", Network{DialFail: 1, Latency: Constant(10 * time.Millisecond)}, nil, false, 20 * time.Millisecond, 20 * time.Millisecond},
		{"a dead process refuses", Network{}, func(_ *Sim, _, b *Node) { b.Kill() }, false, 0, 0},
		{"a dead machine is silent", Network{}, func(_ *Sim, _, b *Node) { b.Crash() }, false, 10 * time.Second, 10 * time.Second},
		{"a partition is silent", Network{}, func(_ *Sim, _, b *Node) { b.Partition(1) }, false, 10 * time.Second, 10 * time.Second},
		{"it breaks in the middle", Network{Break: 1, Latency: Constant(10 * time.Millisecond)}, nil, false, 30 * time.Millisecond, 40 * time.Millisecond},
		{"the bandwidth", Network{Bandwidth: 1000}, nil, true, 200 * time.Millisecond, 500 * time.Millisecond},
		{"a frozen peer answers when it can", Network{}, func(_ *Sim, _, b *Node) { b.Hiccup(time.Second, time.Hour, true) }, true, time.Second, time.Second},
		{"a held peer answers when it can", Network{}, func(_ *Sim, _, b *Node) { b.Hiccup(time.Second, time.Hour, false) }, true, time.Second, time.Second},
		{"a peer that is frozen for too long", Network{}, func(_ *Sim, _, b *Node) { b.Hiccup(time.Minute, time.Hour, true) }, false, 10 * time.Second, time.Minute},
	} {
		s, a, b := pair(t, c.net)
		if c.do != nil {
			c.do(s, a, b)
		}
		begun, took, ok := s.now, time.Duration(-1), false
		a.Join(b, func(success bool) { took, ok = s.now-begun, success })
		must(t, s.Run(s.now+2*time.Minute))
		if ok != c.ok || took < c.least || took > c.most {
			t.Errorf("%s: %v after %v", c.name, ok, took)
		}
	}
}

func TestAnInboxHoldsSoMuch(t *testing.T) {
	s, a, b := pair(t, Network{})
	b.Freeze()
	came, _ := datagrams(t, s, a, b, 4000)
	b.Thaw()
	if got := b.traffic.PacketsIn - came; came != 0 || len(b.stalls.in) != 0 || s.faults[Overflowed] != 3000 {
		t.Errorf("%d came while frozen, %d afterwards, %d did not fit", came, got, s.faults[Overflowed])
	}
}

func TestUserMessagesReachAll(t *testing.T) {
	s := New(Options{Seed: 1, Settings: LAN(), Network: lan(), Laws: true})
	s.Bootstrap(50, time.Second)
	must(t, s.Run(10*time.Second))
	for i := range 20 {
		s.nodes[i].Tell(fmt.Appendf(nil, "message %d", i))
	}
	must(t, s.Run(s.now+10*time.Second))
	for i := range 20 {
		deaf := slices.IndexFunc(s.nodes, func(n *Node) bool { return !n.Heard(fmt.Sprintf("message %d", i)) })
		if deaf >= 0 {
			t.Errorf("message %d did not reach %v", i, s.nodes[deaf])
		}
	}
}

func TestAClusterUnderChurnAndStormComesTogether(t *testing.T) {
	s := New(Options{Seed: 1, Settings: LAN(), Network: lan(), Laws: true})
	s.Bootstrap(40, time.Second)
	must(t, s.Run(5*time.Second))
	end := 60 * time.Second
	s.Every(3*time.Second, func() bool {
		n := s.anyMember()
		n.Kill()
		s.After(2*time.Second, func() { s.Restart(n, nil).persist(s.anyMember()) })
		return s.now < end
	})
	s.nodes[3].Flicker(Links{LossIn: 1}, 2*time.Second)
	s.Storm(5, 40)
	s.Murmur(5, 100)
	must(t, s.Run(end))
}
