package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/sim"
)

// plan is what the arguments ask for.
type plan struct {
	args     []string
	scenario *scenario
	profile  string
	nodes    int
	seeds    int
	seed     uint64
	parallel int
	span     time.Duration // how long the scenario takes
	settle   time.Duration // how long the cluster is left alone before
	over     time.Duration // in which all nodes start
	settings sim.Settings
	network  sim.Network

	victims []int           // how many members it happens to; lifeguard takes several
	ill     []time.Duration // how long a pause takes; likewise
	well    []time.Duration // from the end of a pause to the next; likewise
	frozen  bool            // paused members stand still, timers and all
	parts   []variant
	down    time.Duration // how long a crash, a partition or a bad line lasts
	rejoin  time.Duration // after a partition is over: when one node joins again; 0: never
	rate    float64       // events per second
	bytes   int           // of meta in an update

	html  string
	plots string
}

// parse reads the arguments. Explanations go to usage when they are asked for or something is wrong.
func parse(args []string, usage io.Writer) (*plan, error) {
	p := &plan{args: args}
	fs := flag.NewFlagSet("memberlist-sim", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	wants := p.flags(fs)
	fs.Usage = func() { explain(fs, usage) }
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag: all arguments are", fs.Arg(0))
	}
	if err := wants.apply(p); err != nil {
		return nil, err
	}
	return p, p.check()
}

// explain lists the scenarios and the flags.
func explain(fs *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, "Usage: memberlist-sim -scenario name [flags]\n\nScenarios:\n")
	for i := range scenarios {
		fmt.Fprintf(w, "  %-10s %s\n", scenarios[i].name, scenarios[i].says)
	}
	fmt.Fprint(w, "\nFlags; those without a default take it from the profile or the scenario:\n")
	fs.SetOutput(w)
	fs.PrintDefaults()
	fs.SetOutput(io.Discard)
}

// check names everything that makes no sense, at once.
func (p *plan) check() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	set := &p.settings
	refuse(p.nodes < 1 || p.nodes > 1<<16, "-n is %d: a cluster has 1 to %d nodes", p.nodes, 1<<16)
	refuse(p.seeds < 1, "-seeds is %d: at least one run is needed", p.seeds)
	refuse(p.parallel < 1, "-parallel is %d: at least one run must go on", p.parallel)
	refuse(p.span <= 0, "-for is %v: a scenario takes time", p.span)
	refuse(p.settle < 0 || p.over < 0 || p.down < 0 || p.rejoin < 0, "-settle, -over, -down and -rejoin cannot be negative")
	refuse(p.rate <= 0, "-rate is %v: it must be more than 0", p.rate)
	refuse(p.bytes < 8 || p.bytes > 512, "-bytes is %d: meta has 8 to 512 bytes here", p.bytes)
	refuse(!isShare(p.network.Loss), "-loss is %v: it is a share from 0 to 1", p.network.Loss)
	refuse(!isShare(p.network.Latency.Tail), "-tail is %v: it is a share from 0 to 1", p.network.Latency.Tail)
	refuse(p.network.Latency.Base < 0 || p.network.Latency.Jitter < 0, "-latency and -jitter cannot be negative")
	refuse(set.ProbeInterval <= 0 || set.GossipInterval <= 0, "-probe-interval and -gossip-interval must be more than 0")
	refuse(set.ProbeTimeout > set.ProbeInterval, "-probe-timeout %v exceeds -probe-interval %v", set.ProbeTimeout, set.ProbeInterval)
	refuse(set.PushPullInterval < 0, "-push-pull-interval is negative; 0 means none")
	refuse(set.SuspicionMult < 1 || set.SuspicionMaxTimeoutMult < 1, "-suspicion-mult and -suspicion-max are at least 1")
	for _, v := range p.victims {
		refuse(v < 0 || v > p.nodes, "-victims is %d of %d nodes", v, p.nodes)
	}
	several := len(p.victims)*len(p.ill)*len(p.well) > 1
	refuse(several && p.scenario.name != "lifeguard", "only -scenario lifeguard takes lists for -victims, -ill and -well")
	for _, d := range p.ill {
		refuse(d <= 0, "-ill is %v: a pause takes time", d)
	}
	return errors.Join(errs...)
}

func isShare(x float64) bool { return x >= 0 && x <= 1 }

// shortest is how long a suspicion waits that everybody shares.
func (p *plan) shortest() time.Duration {
	scale := max(1, math.Log10(float64(p.nodes)))
	return time.Duration(float64(p.settings.SuspicionMult) * scale * float64(p.settings.ProbeInterval))
}

// profile is where a cluster runs: the library's settings for it, and a network like that.
type profile struct {
	settings func() sim.Settings
	latency  sim.Latency
}

var profiles = map[string]profile{
	"lan":   {sim.LAN, sim.Uniform(100*time.Microsecond, time.Millisecond)},
	"wan":   {sim.WAN, sim.Uniform(20*time.Millisecond, 150*time.Millisecond)},
	"local": {sim.Local, sim.Uniform(10*time.Microsecond, 100*time.Microsecond)},
}

// cores is how many runs go on at once by default.
func cores() int { return runtime.GOMAXPROCS(0) }

// several reads a list that is separated by commas.
func several[T any](text string, read func(string) (T, error)) (list []T, err error) {
	for _, word := range strings.Split(text, ",") {
		x, err := read(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// amount reads a number of members, or a share of all in percent, which is at least one of them.
func amount(text string, all int) (int, error) {
	percent, isShare := strings.CutSuffix(text, "%")
	if !isShare {
		return strconv.Atoi(text)
	}
	x, err := strconv.ParseFloat(percent, 64)
	return max(1, int(math.Round(x*float64(all)/100))), err
}
