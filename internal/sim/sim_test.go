package sim

import (
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// lan is a healthy network.
func lan() Network { return Network{Latency: Uniform(100*time.Microsecond, time.Millisecond)} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAClusterComesTogetherAndStaysCalm(t *testing.T) {
	s := New(Options{Seed: 1, Settings: LAN(), Network: lan(), Laws: true})
	s.Bootstrap(30, time.Second)
	must(t, s.Run(time.Second))
	took, err := s.Await(10*time.Second, 100*time.Millisecond)
	must(t, err)
	t.Logf("agreed after %v", took)
	must(t, s.Run(2*time.Minute))
	if f := s.Faults(); f.Total() != 0 {
		t.Errorf("faults on a healthy network: %v", &f)
	}
}

func TestACrashIsFoundByAll(t *testing.T) {
	died := 0
	opt := Options{Seed: 2, Settings: LAN(), Network: lan(), Laws: true}
	opt.Hear = func(_ *Node, x *swim.News) {
		if x.Kind == swim.Departed && x.Member.Name == "node-7" && x.Member.State == swim.Dead {
			died++
		}
	}
	s := New(opt)
	s.Bootstrap(20, time.Second)
	must(t, s.Run(10*time.Second))
	s.nodes[7].Crash()
	took, err := s.Await(s.Settings().Patience(20), 100*time.Millisecond)
	must(t, err)
	t.Logf("all know after %v", took)
	if died != 19 {
		t.Errorf("%d of 19 told their users", died)
	}
}

func TestTwoHalvesFindEachOtherWhenTheyJoinAgain(t *testing.T) {
	s := New(Options{Seed: 3, Settings: LAN(), Network: lan(), Laws: true})
	s.Bootstrap(20, time.Second)
	must(t, s.Run(10*time.Second))
	for _, n := range s.nodes[:8] {
		n.Partition(1)
	}
	must(t, s.Run(2*time.Minute))
	for _, n := range s.nodes {
		want := 12
		if n.place().side == 1 {
			want = 8
		}
		if got := n.machine.NumAlive(); got != want {
			t.Errorf("%v knows %d living members during the partition, not %d", n, got, want)
		}
	}
	s.Heal()
	s.nodes[0].Join(s.nodes[19], nil)
	took, err := s.Await(s.Settings().Patience(20), 100*time.Millisecond)
	must(t, err)
	t.Logf("healed after %v", took)
}

// What the indirect probe is for: one bad line among good ones harms nobody.
func TestACutLineMakesNobodySuspect(t *testing.T) {
	opt := Options{Seed: 6, Settings: LAN(), Network: lan(), Laws: true}
	opt.Settings.DisableStreamPings = true
	opt.Hear = func(n *Node, x *swim.News) {
		if x.Kind == swim.Suspected {
			t.Errorf("%v suspects %s", n, x.Member.Name)
		}
	}
	s := New(opt)
	s.Bootstrap(8, time.Second)
	must(t, s.Run(10*time.Second))
	s.Cut(s.nodes[1], s.nodes[2])
	s.Cut(s.nodes[4], s.nodes[3])
	must(t, s.Run(2*time.Minute))
}

// What the knock is for: where datagrams do not get through and streams do, all stay members.
func TestMembersBehindAFirewallThatDropsDatagramsStay(t *testing.T) {
	opt := Options{Seed: 7, Settings: LAN(), Network: lan(), Laws: true}
	departed := 0
	opt.Hear = func(n *Node, x *swim.News) {
		if x.Kind == swim.Departed {
			departed++
		}
	}
	s := New(opt)
	s.Bootstrap(8, time.Second)
	must(t, s.Run(10*time.Second))
	s.Network().Loss = 1
	s.Network().Streams = true
	must(t, s.Run(2*time.Minute))
	if departed > 0 {
		t.Errorf("%d departures", departed)
	}
}

func TestOneSeedIsOneRun(t *testing.T) {
	run := func(seed uint64) (uint64, int) {
		net := lan()
		net.Loss, net.Duplicate, net.Reorder = 0.1, 0.05, 0.05
		s := New(Options{Seed: seed, Settings: LAN(), Network: net, Laws: seed%2 == 0})
		s.Bootstrap(25, time.Second)
		s.At(5*time.Second, func() { s.nodes[3].Crash() })
		must(t, s.Run(40*time.Second))
		return s.Hash(), s.Steps()
	}
	first, steps := run(4)
	if again, _ := run(4); again != first {
		t.Errorf("the same seed gave %x and %x after %d steps", first, again, steps)
	}
	if other, _ := run(5); other == first {
		t.Errorf("two seeds gave the same run %x", first)
	}
}
