// Memberlist-sim answers what a cluster with some settings does when something happens to it: how soon a crash
// is known, how far news spread, how many healthy members are declared dead, what all that costs. It runs the
// real protocol on a simulated network, in virtual time, so that minutes of a thousand nodes take seconds.
//
//	memberlist-sim -scenario failure -n 1000 -victims 40 -seeds 10
//	memberlist-sim -scenario update -n 200 -profile wan -gossip-nodes 6 -html update.html
//	memberlist-sim -scenario lifeguard -n 128 -suspicion-mult 5 -parts all -victims 4,16 -ill 2s,16s
//
// A cluster is brought together and left alone for a while (-settle); then the scenario begins, which takes as
// long as -for says. Each seed is a run of its own, as many at once as there are processors. The same flags give
// the same table on every machine. With -html the page has plots besides: the size of every node's view over
// time, how long news took, the bytes sent. Run it with -h for all flags.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "memberlist-sim:", err)
		os.Exit(1)
	}
}

// run does what the arguments say: the table goes to out, what is under way to progress.
func run(args []string, out, progress io.Writer) error {
	p, err := parse(args, progress)
	if err != nil {
		return err
	}
	results, err := p.runAll(progress)
	if err != nil {
		return err
	}
	r := newReport(p, results)
	if err := r.write(out); err != nil {
		return err
	}
	return r.draw()
}
