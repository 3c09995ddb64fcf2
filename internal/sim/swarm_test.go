package sim

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed of the swarm and no other")
	seeds   = flag.Int("seeds", 200, "how many seeds of the swarm to run")
	first   = flag.Uint64("first", 1, "the first of them")
)

func TestSwarm(t *testing.T) {
	if *oneSeed != 0 {
		out, err := Swarm(*oneSeed)
		t.Logf("%+v\nfaults: %v", out, &out.Faults)
		must(t, err)
		return
	}
	if underRace { // the swarm is one goroutine for each seed, which share nothing
		*seeds = min(*seeds, 16)
	}
	begun := time.Now()
	var sum struct {
		sync.Mutex
		steps, lives int
		faults       Counts
		virtual      time.Duration
		worst        float64
	}
	forEachSeed(*first, *seeds, func(seed uint64) {
		out, err := Swarm(seed)
		if err != nil {
			t.Error(err)
		}
		sum.Lock()
		defer sum.Unlock()
		sum.steps += out.Steps
		sum.lives += out.Lives
		sum.virtual += out.Virtual
		sum.worst = max(sum.worst, float64(out.Agreed)/float64(out.Bound), float64(out.Found)/float64(out.Bound))
		for f, n := range out.Faults {
			sum.faults[f] += n
		}
	})
	t.Logf("%d seeds, %d lives, %d steps in %v of virtual time; %v", *seeds, sum.lives, sum.steps, sum.virtual, time.Since(begun))
	t.Logf("the slowest took %.0f %% of its bound; faults: %v", 100*sum.worst, &sum.faults)
}

func TestASeedOfTheSwarmIsOneRunOnAnyNumberOfProcessors(t *testing.T) {
	const n = 8
	var alone [n]Outcome
	was := runtime.GOMAXPROCS(1)
	for i := range alone {
		alone[i], _ = Swarm(uint64(i) + 1)
	}
	runtime.GOMAXPROCS(8)
	defer runtime.GOMAXPROCS(was)
	forEachSeed(1, n, func(seed uint64) {
		if out, _ := Swarm(seed); out != alone[seed-1] {
			t.Errorf("seed %d gave %+v, and before %+v", seed, out, alone[seed-1])
		}
	})
}

// The judge looks and never touches.
func TestTheLawsDoNotChangeTheRun(t *testing.T) {
	var hashes [2]uint64
	for i := range hashes {
		net := lan()
		net.Loss, net.Break = 0.2, 0.2
		s := New(Options{Seed: 9, Settings: LAN(), Network: net, Laws: i == 1})
		s.Bootstrap(20, time.Second)
		must(t, s.Run(time.Minute))
		hashes[i] = s.Hash()
	}
	if hashes[0] != hashes[1] {
		t.Errorf("without the judge %x, with it %x", hashes[0], hashes[1])
	}
}

// forEachSeed calls f for a number of seeds, on all processors.
func forEachSeed(first uint64, n int, f func(seed uint64)) {
	var next atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := next.Add(1); i <= uint64(n); i = next.Add(1) {
				f(first + i - 1)
			}
		})
	}
	all.Wait()
}
