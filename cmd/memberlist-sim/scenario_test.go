package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// outcome makes one run and returns what became of it.
func outcome(t *testing.T, args string) (*result, map[string]*series) {
	t.Helper()
	p, err := parse(strings.Fields(args), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	results, err := p.runAll(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*series)
	for _, s := range pool(results) {
		byName[s.name] = s
	}
	return results[0], byName
}

func TestEveryScenarioCanHappenToTheSmallestClusters(t *testing.T) {
	for _, name := range scenarioNames() {
		for _, nodes := range []int{1, 2} {
			t.Run(fmt.Sprint(name, " of ", nodes), func(t *testing.T) {
				printed(t, "-scenario", name, "-n", fmt.Sprint(nodes), "-victims", fmt.Sprint(nodes), "-for", "40s", "-rate", "1")
			})
		}
	}
}

func TestAtRestNothingHappens(t *testing.T) {
	r, _ := outcome(t, "-scenario rest -n 20 -for 30s")
	if r.tally.Changes != 0 || r.tally.Suspicions != 0 || r.tally.Apart != 0 {
		t.Errorf("%+v", r.tally)
	}
	if rate := float64(r.tally.Packets) / 20 / 30; rate < 1.9 || rate > 2.1 {
		t.Errorf("each node sends %.2f packets a second, not a ping and an ack", rate)
	}
}

func TestEveryCrashIsKnownToAll(t *testing.T) {
	r, series := outcome(t, "-scenario failure -n 30 -victims 3 -for 40s")
	sure, each, all := series["crash first declared"], series["crash known at a node"], series["crash known at all nodes"]
	if len(sure.samples) != 3 || len(each.samples) != 3*27 || len(all.samples) != 3 {
		t.Errorf("3 crashes among 30 nodes make %d, %d and %d samples", len(sure.samples), len(each.samples), len(all.samples))
	}
	shortest := 4*1.477 + 0.5
	if sure.samples[0] < shortest || sure.quantile(1) > each.quantile(1) || each.quantile(1) != all.quantile(1) {
		t.Errorf("declared after %.1f s to %.1f s, known at the last node after %.1f s, at all after %.1f s",
			sure.samples[0], sure.quantile(1), each.quantile(1), all.quantile(1))
	}
	if r.tally.FalseAlarms != 0 {
		t.Errorf("%d false positives", r.tally.FalseAlarms)
	}
}

func TestEveryUpdateIsKnownToAll(t *testing.T) {
	_, series := outcome(t, "-scenario update -n 20 -for 40s -rate 0.5")
	if s := series["update known at a node"]; len(s.samples) != 15*19 || s.never != 0 || s.quantile(1) > 5 {
		t.Errorf("%d updates are known, %d are not, the last took %.1f s", len(s.samples), s.never, s.quantile(1))
	}
}

func TestARestartedNodeIsKnownAgain(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 15 * time.Second} {
		_, series := outcome(t, fmt.Sprintf("-scenario restart -n 20 -victims 2 -down %v -for 60s", down))
		if s := series["new life known at a node"]; len(s.samples) == 0 || s.never != 0 {
			t.Errorf("away for %v: the new life is known at %d nodes and never at %d", down, len(s.samples), s.never)
		}
	}
}

func TestALongPartitionIsOverWhenSomebodyJoins(t *testing.T) {
	args := "-scenario partition -n 16 -down 90s -for 170s"
	alone, _ := outcome(t, args)
	if alone.tally.Apart == 0 {
		t.Skip("the protocol heals partitions by itself")
	}
	joined, series := outcome(t, args+" -rejoin 5s")
	all := series["all nodes know all"]
	if joined.tally.Apart != 0 || len(all.samples) != 1 || all.samples[0] < 5 {
		t.Errorf("after one join the views still differ: %+v, %+v", joined.tally, all)
	}
}

func TestFaultyLinesMakeViewsFlap(t *testing.T) {
	for _, name := range []string{"oneway", "loss80"} {
		if r, _ := outcome(t, "-scenario "+name+" -n 20 -victims 1 -for 90s"); r.tally.Suspicions == 0 {
			t.Errorf("%s: nobody was ever suspected", name)
		}
	}
}

func TestLifeguardSparesTheHealthy(t *testing.T) {
	p, err := parse(strings.Fields("-scenario lifeguard -n 32 -victims 6 -suspicion-mult 5 -parts swim,lifeguard -for 60s"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	results, err := p.runAll(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	swim, lifeguard := results[0].tally, results[1].tally
	if swim.FalseAlarms == 0 || lifeguard.FalseAlarms > swim.FalseAlarms/2 {
		t.Errorf("SWIM has %d false positives, Lifeguard %d", swim.FalseAlarms, lifeguard.FalseAlarms)
	}
	if swim.FalseHealthy > swim.FalseAlarms {
		t.Errorf("%d of %d false positives are by healthy members", swim.FalseHealthy, swim.FalseAlarms)
	}
}

func TestALongRunSaysHowFarItIs(t *testing.T) {
	var said strings.Builder
	p := newProgress(&said, 3)
	p.at(1, 42, 7*time.Second)
	if said.Len() > 0 {
		t.Errorf("a short run says %q", said.String())
	}
	p.done(0)
	p.spoke = p.spoke.Add(-often)
	p.at(1, 42, 8*time.Second)
	if !strings.HasSuffix(said.String(), "1 of 3 runs done, seed 42 at 8s\n") {
		t.Errorf("it says %q", said.String())
	}
}
