package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// One cell of the paper's table: members that are held for sixteen seconds, again and again.
func TestLifeguardSparesTheHealthy(t *testing.T) {
	accused := func(parts Part) (healthy int) {
		set := LAN()
		set.SuspicionMult = 5
		set.Only(parts)
		s := New(Options{Seed: 1, Settings: set, Network: lan(), Hear: func(_ *Node, x *swim.News) {
			var i int
			fmt.Sscanf(x.Member.Name, "node-%d", &i)
			if x.Kind == swim.Departed && i >= 8 {
				healthy++
			}
		}})
		s.Bootstrap(64, time.Second)
		must(t, s.Run(20*time.Second))
		for _, n := range s.nodes[:8] {
			n.Hiccup(16*time.Second, 4*time.Millisecond, false)
		}
		must(t, s.Run(80*time.Second))
		return healthy
	}
	swimAlone, all := accused(0), accused(Lifeguard)
	t.Logf("SWIM: %d, Lifeguard: %d", swimAlone, all)
	if swimAlone == 0 || all > swimAlone/5 {
		t.Errorf("SWIM declares healthy members dead %d times, Lifeguard %d times", swimAlone, all)
	}
}
