package sim

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// rewriteAlive changes those alive messages that a node broadcasts about itself, or about others.
func rewriteAlive(own bool, change func(n *Node, a *wire.Alive)) func(*Node, *swim.Output) {
	return func(n *Node, out *swim.Output) {
		for i := range out.Broadcasts {
			b := &out.Broadcasts[i]
			if (b.Name == n.Name) != own || wire.Type(b.Body[0]) != wire.TypeAlive {
				continue
			}
			var a wire.Alive
			if a.Decode(b.Body[1:]) == nil {
				change(n, &a)
				b.Body = a.Append(nil)
			}
		}
	}
}

// believesStale raises what is said about members that are gone, so that old claims beat newer ones.
func believesStale(n *Node, msg any) bool {
	if a, ok := msg.(*wire.Alive); ok {
		if row, known := n.machine.Lookup(a.Node); known && row.State == swim.Dead {
			a.Incarnation = row.Incarnation + 1
		}
	}
	return true
}

// deaf drops accusations against the node itself.
func deaf(n *Node, msg any) bool {
	switch m := msg.(type) {
	case *wire.Suspect:
		return m.Node != n.Name
	case *wire.Dead:
		return m.Node != n.Name
	}
	return true
}

// withoutPackets drops all packets of a type.
func withoutPackets(t wire.Type) func(*Node, *swim.Output) {
	return func(_ *Node, out *swim.Output) {
		out.Packets = slices.DeleteFunc(out.Packets, func(p swim.Packet) bool { return wire.Type(p.Body[0]) == t })
	}
}

// probesTwice doubles the ping of every probe.
func probesTwice(n *Node, out *swim.Output) {
	for _, p := range slices.Clone(out.Packets) {
		if n.life.ticking && wire.Type(p.Body[0]) == wire.TypePing {
			out.Packets = append(out.Packets, p)
		}
	}
}

// neverStops tells about itself again whenever it has told something.
func neverStops(n *Node, out *swim.Output) {
	if len(out.Gossip) > 0 {
		d := wire.Suspect{Node: n.Name, From: n.Name}
		out.Broadcasts = append(out.Broadcasts, swim.Broadcast{Name: n.Name, Body: d.Append(nil)})
		n.rumours.issued++
	}
}

// believesHearsay takes the dead of another's table for dead.
func believesHearsay(n *Node, rows []wire.Row) {
	for _, r := range rows {
		if swim.State(r.State) == swim.Dead {
			n.machine.Dead(n.sim.time(), &wire.Dead{Incarnation: r.Incarnation, Node: r.Name, From: "hearsay"})
		}
	}
}

// eachNews changes news of one kind before anybody sees them.
func eachNews(kind swim.NewsKind, change func(n *Node, x *swim.News)) func(*Node, *swim.Output) {
	return func(n *Node, out *swim.Output) {
		for i := range out.News {
			if out.News[i].Kind == kind {
				change(n, &out.News[i])
			}
		}
	}
}

// gossipsToItself is a sample that forgot whom to leave out.
func gossipsToItself(n *Node, out *swim.Output) {
	if len(out.Gossip) > 1 {
		out.Gossip[0].Addr = n.place().addr
	}
}

// neverReplaces queues what it has to tell under a name of its own as well.
func neverReplaces(n *Node, out *swim.Output) {
	for _, b := range slices.Clone(out.Broadcasts) {
		b.Name = fmt.Sprint("rumour ", n.rumours.issued)
		n.rumours.issued++
		out.Broadcasts = append(out.Broadcasts, b)
	}
}

// plants are bugs, and the laws of which one must be broken by each.
var plants = []struct {
	bug    string
	tamper tamper
	laws   []*Law
}{
	{"refutation forgets to grow", tamper{output: rewriteAlive(true, func(n *Node, a *wire.Alive) {
		a.Incarnation = min(a.Incarnation, n.life.told+1, 2)
	})}, []*Law{lawGrow}},
	{"incarnations jump ahead in what is told", tamper{output: rewriteAlive(true, func(_ *Node, a *wire.Alive) {
		if a.Incarnation%2 == 1 {
			a.Incarnation += 10
		}
	})}, []*Law{lawGrow, lawClaims}},
	{"accusations go unheard", tamper{input: deaf}, []*Law{lawRefute}},
	{"suspicions never expire", tamper{params: func(_ *Node, p *swim.Params) { p.SuspicionMult *= 1000 }}, []*Law{lawVerdict}},
	{"suspicions expire at once", tamper{params: func(_ *Node, p *swim.Params) { p.SuspicionMult = 0 }}, []*Law{lawPatience}},
	{"a stale claim resurrects", tamper{input: believesStale}, []*Law{lawIssued, lawClaims, lawHeard}},
	{"meta is changed on the way", tamper{output: rewriteAlive(false, func(_ *Node, a *wire.Alive) {
		a.Meta = append([]byte(nil), a.Addr...)
	})}, []*Law{lawClaims}},
	{"an address is changed on the way", tamper{output: rewriteAlive(false, func(_ *Node, a *wire.Alive) {
		a.Addr = []byte{10, 0, 0, 99}
	})}, []*Law{lawClaims}},
	{"a broadcast gets lost", tamper{output: func(n *Node, out *swim.Output) {
		if n.rumours.issued%16 == 15 {
			out.Broadcasts = out.Broadcasts[:0]
		}
	}}, []*Law{lawOnce, lawSpread}},
	{"a broadcast is queued twice", tamper{output: func(_ *Node, out *swim.Output) {
		if len(out.Broadcasts) == 1 && wire.Type(out.Broadcasts[0].Body[0]) == wire.TypeDead {
			out.Broadcasts = append(out.Broadcasts, out.Broadcasts[0])
		}
	}}, []*Law{lawOnce}},
	{"rumours do not replace each other", tamper{output: neverReplaces}, []*Law{lawBounds}},
	{"messages are cut short", tamper{output: func(_ *Node, out *swim.Output) {
		for i := range out.Broadcasts {
			b := &out.Broadcasts[i]
			if wire.Type(b.Body[0]) == wire.TypeDead {
				b.Body = b.Body[:len(b.Body)-1]
			}
		}
	}}, []*Law{lawFrames}},
	{"hearsay is believed", tamper{rows: believesHearsay}, []*Law{lawHearsay}},
	{"names go to whoever claims them", tamper{params: func(_ *Node, p *swim.Params) {
		p.DeadNodeReclaimTime = 1
	}}, []*Law{lawMove}},
	{"nodes gossip to themselves", tamper{output: gossipsToItself}, []*Law{lawAlone}},
	{"failed probes count as answered", tamper{output: eachNews(swim.ProbeDone, func(_ *Node, x *swim.News) { x.OK = true })},
		[]*Law{lawLiving}},
	{"old probes accuse", tamper{output: eachNews(swim.Suspected, func(_ *Node, x *swim.News) { x.Member.Incarnation++ })},
		[]*Law{lawStale}},
	{"a rumour is told for ever", tamper{output: neverStops}, []*Law{lawDrain}},
	{"packets are packed too large", tamper{budget: 40}, []*Law{lawBudget}},
	{"two probes run at once", tamper{output: probesTwice}, []*Law{lawOneProbe}},
	{"probes are not sent", tamper{output: withoutPackets(wire.TypePing)}, []*Law{lawProbing}},
	{"pings are not answered", tamper{output: withoutPackets(wire.TypeAck)}, []*Law{lawCalm, lawAgree, lawDrain}},
	{"the schedule stops", tamper{params: func(_ *Node, p *swim.Params) { p.ProbeInterval = 0 }}, []*Law{lawDeadline, lawProbing}},
	{"the schedule drags", tamper{params: func(_ *Node, p *swim.Params) { p.ProbeInterval *= 30; p.GossipInterval *= 30 }},
		[]*Law{lawDeadline}},
	{"the dead are kept", tamper{params: func(_ *Node, p *swim.Params) { p.GossipToTheDeadTime = time.Hour }}, []*Law{lawForget}},
	{"the dead are forgotten at once", tamper{params: func(_ *Node, p *swim.Params) {
		p.GossipToTheDeadTime = 100 * time.Millisecond
	}}, []*Law{lawForget, lawReturn}},
	{"a death is not told to the user", tamper{output: func(_ *Node, out *swim.Output) {
		out.News = slices.DeleteFunc(out.News, func(x swim.News) bool { return x.Kind == swim.Departed })
	}}, []*Law{lawNews}},
	{"a join is told twice", tamper{output: func(_ *Node, out *swim.Output) {
		if len(out.News) > 0 && out.News[0].Kind == swim.Joined {
			out.News = append(out.News, out.News[0])
		}
	}}, []*Law{lawNews}},
}

// seedsPerPlant is within how many seeds a planted bug must show.
const seedsPerPlant = 40

func TestEveryPlantedBugIsCaught(t *testing.T) {
	for i := range plants {
		p := &plants[i]
		t.Run(p.bug, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= seedsPerPlant; seed++ {
				_, err := swarm(seed, func(w *swarmer) { w.tamper = &p.tamper })
				var v *Violation
				if !errors.As(err, &v) {
					continue
				}
				if !slices.Contains(p.laws, v.Law) {
					t.Errorf("caught by the wrong law: %v", err)
				}
				if len(v.Trace) == 0 {
					t.Errorf("caught without a trace: %v", err)
				}
				t.Logf("seed %d, after %v: %q", seed, v.At, v.Law.Name)
				return
			}
			t.Errorf("not caught by %d seeds", seedsPerPlant)
		})
	}
}

// unplanted are the laws that no plant breaks, and why.
var unplanted = map[*Law]string{
	lawSelf:   "no input makes a machine mistake its own row; a change of its rules does",
	lawCounts: "likewise for what it counts",
	lawHealth: "likewise for its health score",
	lawFaults: "see TestARunInWhichNothingGoesWrongDoesNotPass",
}

func TestEveryLawHasAPlantOrAReason(t *testing.T) {
	planted := make(map[*Law]bool)
	for i := range plants {
		for _, law := range plants[i].laws {
			planted[law] = true
		}
	}
	for _, law := range Laws() {
		if _, excused := unplanted[law]; planted[law] == excused {
			t.Errorf("%q: planted %v, excused %v", law.Name, planted[law], excused)
		}
	}
}

func TestARunInWhichNothingGoesWrongDoesNotPass(t *testing.T) {
	_, err := swarm(1, func(w *swarmer) {
		w.opt.Network = lan()
		w.mischief = []mischief{{"nothing", func(*swarmer) {}}}
	})
	var v *Violation
	if !errors.As(err, &v) || v.Law != lawFaults {
		t.Errorf("got %v", err)
	}
}
