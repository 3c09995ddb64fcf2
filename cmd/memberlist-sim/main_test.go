package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

// printed runs the program and returns what it prints.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out.String()
}

func TestTheTableOfATinyRun(t *testing.T) {
	got := printed(t, "-scenario", "failure", "-n", "8", "-seeds", "2", "-for", "30s")
	file := filepath.Join("testdata", "failure.txt")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the table is\n%s\nnot\n%s\nIf the protocol was meant to change: go test ./cmd/memberlist-sim -update", got, want)
	}
}

func TestOneSeedGivesOneTableHoweverManyRunAtOnce(t *testing.T) {
	for i := range scenarios {
		name := scenarios[i].name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"-scenario", name, "-n", "12", "-seeds", "3", "-seed", "7", "-for", "40s", "-down", "8s"}
			one, many := printed(t, append(args, "-parallel", "1")...), printed(t, append(args, "-parallel", "3")...)
			if one != many {
				t.Errorf("one at a time:\n%s\nthree at a time:\n%s", one, many)
			}
			if other := printed(t, append(args, "-seed", "8")...); other == one {
				t.Error("another seed gives the same table")
			}
		})
	}
}

func TestAMistakeInTheArgumentsIsNamed(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"", `-scenario "" is not known: choose one of rest, bootstrap`},
		{"-scenario fire", `-scenario "fire" is not known`},
		{"-scenario rest -profile moon", `-profile "moon" is not known: choose lan, wan or local`},
		{"-scenario rest -n 0", "-n is 0"},
		{"-scenario rest -seeds 0", "-seeds is 0"},
		{"-scenario rest -parallel 0", "-parallel is 0"},
		{"-scenario rest -for -1s", "-for is -1s"},
		{"-scenario rest -loss 2", "-loss is 2: it is a share"},
		{"-scenario rest -loss much", `invalid value "much" for flag -loss`},
		{"-scenario rest -probe-timeout 2s", "-probe-timeout 2s exceeds -probe-interval 1s"},
		{"-scenario rest -gossip-nodes -1", "-1 is negative"},
		{"-scenario failure -n 5 -victims 6", "-victims is 6 of 5 nodes"},
		{"-scenario failure -victims some", "-victims: "},
		{"-scenario failure -victims 1,2", "only -scenario lifeguard takes lists"},
		{"-scenario lifeguard -parts most", `-parts "most" is not known`},
		{"-scenario lifeguard -ill 0s", "-ill is 0s"},
		{"-scenario rest again", `"again" is no flag`},
		{"-colour red", "flag provided but not defined: -colour"},
	} {
		t.Run(c.args, func(t *testing.T) {
			err := run(strings.Fields(c.args), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v, it should say %q", err, c.says)
			}
		})
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	err := run([]string{"-scenario", "rest", "-n", "0", "-seeds", "0"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "-n is 0") || !strings.Contains(err.Error(), "-seeds is 0") {
		t.Errorf("the error is %v", err)
	}
}

func TestHelpListsTheScenarios(t *testing.T) {
	var usage bytes.Buffer
	if err := run([]string{"-h"}, io.Discard, &usage); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("the error is %v", err)
	}
	for _, name := range append(scenarioNames(), "-probe-interval", "-html") {
		if !strings.Contains(usage.String(), "  "+name) {
			t.Errorf("the help does not mention %s", name)
		}
	}
}

func TestSettingsAreThoseOfTheProfileButForTheFlags(t *testing.T) {
	p, err := parse(strings.Fields("-gossip-nodes 9 -scenario rest -latency 5ms -profile wan"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if p.settings.GossipNodes != 9 || p.network.Latency.Base.String() != "5ms" {
		t.Errorf("the flags have no effect: %d gossip nodes, %v", p.settings.GossipNodes, p.network.Latency.Base)
	}
	if p.settings.ProbeInterval.String() != "5s" || p.network.Latency.Jitter.String() != "130ms" {
		t.Errorf("the profile has no effect: probes every %v, jitter %v", p.settings.ProbeInterval, p.network.Latency.Jitter)
	}
}
