package compare

import (
	"fmt"

	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// guest starts a node that does not stay, with the settings of the cell.
func (x *trial) guest(kind bed.Kind, name string, app *bed.App) (bed.Node, error) {
	s := x.describe(name)
	s.App, s.Key = app, x.settings[ref1].Key
	return start(kind, s)
}

// end shuts a guest down.
func (x *trial) end(n bed.Node) {
	x.t.Helper()
	if err := n.Shutdown(); err != nil {
		x.t.Errorf("shutdown of %s: %v", n.Name(), err)
	}
}

// vetoes has every delegate that can say no say no, to guests of both kinds.
func (x *trial) vetoes() {
	x.t.Helper()
	for kind, host := range map[bed.Kind]string{bed.Ours: ref1, bed.Reference: ours1} {
		x.unwilling(kind)
		x.picky(kind, host)
		x.refused(kind, host)
		x.stranger(kind, host)
	}
	x.agree("guests who were not let in")
}

// unwilling is vetoed by its own Alive delegate. It starts all the same, in either library.
func (x *trial) unwilling(kind bed.Kind) {
	x.t.Helper()
	app := bed.NewApp("nobody", "")
	app.VetoSelf = true
	n, err := x.guest(kind, app.Name, app)
	if err != nil {
		x.t.Errorf("a node of %s did not start against its own Alive delegate: %v", kind, err)
		return
	}
	defer x.end(n)
	if app.Saw("NotifyAlive nobody") == 0 || n.NumMembers() != 0 {
		x.t.Errorf("a node of %s did not ask its own Alive delegate: it has %d members", kind, n.NumMembers())
	}
}

// picky joins, and its own Merge delegate does not like what it sees.
func (x *trial) picky(kind bed.Kind, host string) {
	x.t.Helper()
	app := bed.NewApp(bed.VetoPrefix+"picky-"+string(kind), "")
	app.VetoAll = true
	n, err := x.guest(kind, app.Name, app)
	if err != nil {
		x.t.Fatal(err)
	}
	defer x.end(n)
	if joined, err := n.Join(x.target(host)); err == nil || n.NumMembers() != 1 {
		x.t.Errorf("%s joined %s in spite of itself: %d, %v, %d members", n.Name(), host, joined, err, n.NumMembers())
	}
	if app.Saw("NotifyMerge %s", host) == 0 {
		x.t.Errorf("%s was not asked about %s", n.Name(), host)
	}
}

// refused joins a node whose Merge delegate does not like it. The reference has answered with its state by then, so
// its guest believes that it has joined; ours says no.
func (x *trial) refused(kind bed.Kind, host string) {
	x.t.Helper()
	app := bed.NewApp(bed.VetoMergePrefix+string(kind), "")
	n, err := x.guest(kind, app.Name, app)
	if err != nil {
		x.t.Fatal(err)
	}
	defer x.end(n)
	joined, err := n.Join(x.target(host))
	if x.kinds[host] == bed.Ours && (err == nil || n.NumMembers() != 1) {
		x.t.Errorf("%s refused %s, who has not noticed: %d, %v, %d members", host, n.Name(), joined, err, n.NumMembers())
	}
	x.eventually("Merge is asked", func() string {
		if x.apps[host].Saw("NotifyMerge %s", app.Name) == 0 {
			return host + " was not asked about " + app.Name
		}
		return ""
	})
}

// stranger joins, and the Alive delegates do not like it.
func (x *trial) stranger(kind bed.Kind, host string) {
	x.t.Helper()
	app := bed.NewApp(bed.VetoPrefix+"stranger-"+string(kind), "")
	n, err := x.guest(kind, app.Name, app)
	if err != nil {
		x.t.Fatal(err)
	}
	defer x.end(n)
	if _, err := n.Join(x.target(host)); err != nil {
		x.t.Errorf("%s joins %s: %v", app.Name, host, err)
	}
	x.eventually("Alive is asked", func() string {
		if x.apps[host].Saw("NotifyAlive %s", app.Name) == 0 {
			return host + " was not asked about " + app.Name
		}
		return ""
	})
	for _, name := range four {
		if n := x.apps[name].Saw("NotifyJoin %s %v", app.Name, bed.Alive); n > 0 {
			x.t.Errorf("%s took %s in", name, app.Name)
		}
	}
}

// conflicts has a guest come under a name that is taken.
func (x *trial) conflicts() {
	x.t.Helper()
	for taken, host := range map[string]string{ours1: ref1, ref1: ours1} {
		n, err := x.guest(other(x.kinds[taken]), taken, bed.NewApp(taken, "an impostor"))
		if err != nil {
			x.t.Fatal(err)
		}
		if _, err := n.Join(x.target(host)); err != nil {
			x.t.Errorf("a second %s joins %s: %v", taken, host, err)
		}
		x.eventually("a conflict is told", func() string {
			if x.apps[host].Saw("NotifyConflict %s %v", taken, true) == 0 {
				return fmt.Sprintf("%s has not heard of a second %s", host, taken)
			}
			return ""
		})
		x.end(n)
	}
	x.agree("conflicts")
}

// relays cuts the ways of a node to some others, so that it sees them only through those that are left, which are of
// the other kind.
func (x *trial) relays(who string, from ...string) {
	x.t.Helper()
	var cut []string
	for _, name := range from {
		cut = append(cut, x.running[name].Addr())
	}
	x.links[who].CutPackets(cut...)
	x.links[who].CutStreams(cut...)
	var ways [][2]string
	for _, name := range from {
		ways = append(ways, [2]string{who, name})
	}
	x.survives("relays for "+who, ways)
	x.links[who].Mend()
}

// fallsBack cuts all datagrams out of a node, so that streams alone tell that it and the others live.
func (x *trial) fallsBack(who string) {
	x.t.Helper()
	x.links[who].CutPackets()
	var ways [][2]string
	for _, name := range four {
		if name != who {
			ways = append(ways, [2]string{who, name}, [2]string{name, who})
		}
	}
	x.survives("falls back to streams for "+who, ways)
	x.links[who].Mend()
	x.agree("the fallback of " + who)
}

// survives waits until the direct ping failed twice on each of these ways, and all nodes are in good health all the
// same: a probe that fails costs the prober health, and a refutation the accused.
func (x *trial) survives(what string, ways [][2]string) {
	x.t.Helper()
	before := make(map[[2]string]int)
	for _, w := range ways {
		before[w] = x.apps[w[0]].Fallbacks(w[1])
	}
	x.eventually(what, func() string {
		for _, w := range ways {
			if !x.cell.streamPings && x.settings[w[0]].Links == nil {
				continue // switched off for all members: it is not asked about each
			}
			if n := x.apps[w[0]].Fallbacks(w[1]) - before[w]; n < 2 {
				return fmt.Sprintf("the ping of %s to %s failed only %d times", w[0], w[1], n)
			}
		}
		return x.unhealthy(0)
	})
}

// unhealthy names a running node whose health is worse than it may be.
func (x *trial) unhealthy(worst int) string {
	for _, name := range x.alive() {
		if h := x.running[name].Health(); h > worst {
			return fmt.Sprintf("%s has health %d", name, h)
		}
	}
	return ""
}

// leavesAndReturns has a node leave, end, and come back under its name, at another address or the same.
func (x *trial) leavesAndReturns(name, host string, elsewhere bool) {
	x.t.Helper()
	if elsewhere {
		x.define(x.kinds[name], x.afresh(name))
	} else {
		x.pinned(name)
	}
	x.leave(name)
	x.agree(name + " left")
	x.up(name)
	x.join(name, host)
	x.agree(name + " returned")
}

// afresh is the settings of a node for another address.
func (x *trial) afresh(name string) bed.Settings {
	s := x.describe(name)
	s.Key = x.settings[name].Key
	return s
}

// crashesAndReturns ends a node without a word. The others find out, and none of them takes it for a fault of its
// own: the nacks of those that it asked, of both kinds, tell it so.
func (x *trial) crashesAndReturns(name, host string) {
	x.t.Helper()
	x.pinned(name)
	x.eventually("health", func() string { return x.unhealthy(0) })
	worst := ""
	x.heard(name, bed.Dead, func() {
		x.down(name)
		for worst == "" && len(x.running[host].Members()) == 4 {
			worst = x.unhealthy(1)
			pause()
		}
	})
	if worst != "" {
		x.t.Errorf("while %s is found dead %s: nacks are missing", name, worst)
	}
	x.agree(name + " crashed")
	x.up(name)
	x.join(name, host)
	x.agree(name + " came back")
}
