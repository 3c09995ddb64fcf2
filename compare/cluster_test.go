package compare

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/compare/bed"
	"github.com/seed-f61b0479/memberlist/compare/side/ours"
	"github.com/seed-f61b0479/memberlist/compare/side/reference"
)

// patience is how long anything may take that has to happen. It decides nothing but when a test gives up.
const patience = 30 * time.Second

// start makes a node of either kind.
func start(kind bed.Kind, s bed.Settings) (bed.Node, error) {
	if kind == bed.Ours {
		return ours.New(s)
	}
	return reference.New(s)
}

// other is the kind that this one is not.
func other(kind bed.Kind) bed.Kind {
	if kind == bed.Ours {
		return bed.Reference
	}
	return bed.Ours
}

// cluster is a few nodes of both kinds, by name. A name that is down is not in running.
type cluster struct {
	t        *testing.T
	names    []string // in order of their first start
	running  map[string]bed.Node
	apps     map[string]*bed.App
	kinds    map[string]bed.Kind
	settings map[string]bed.Settings
	metas    map[string]string
	meant    map[string]int // departures of each that were meant, counted at each that heard it
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{
		t: t, running: make(map[string]bed.Node), apps: make(map[string]*bed.App),
		kinds: make(map[string]bed.Kind), settings: make(map[string]bed.Settings), metas: make(map[string]string),
		meant: make(map[string]int),
	}
	t.Cleanup(func() {
		for _, n := range c.running {
			if err := n.Shutdown(); err != nil {
				t.Errorf("shutdown of %s: %v", n.Name(), err)
			}
		}
	})
	return c
}

// define says what a node will be. Its application is made once.
func (c *cluster) define(kind bed.Kind, s bed.Settings) {
	c.t.Helper()
	if _, known := c.apps[s.Name]; !known {
		c.names = append(c.names, s.Name)
		c.metas[s.Name] = "meta of " + s.Name
		c.apps[s.Name] = bed.NewApp(s.Name, c.metas[s.Name])
	}
	s.App = c.apps[s.Name]
	c.kinds[s.Name], c.settings[s.Name] = kind, s
}

// up starts a node that was defined.
func (c *cluster) up(name string) bed.Node {
	c.t.Helper()
	n, err := start(c.kinds[name], c.settings[name])
	if err != nil {
		c.t.Fatalf("start %s: %v", name, err)
	}
	c.running[name] = n
	return n
}

// down ends a node without a word to the others.
func (c *cluster) down(name string) {
	c.t.Helper()
	if err := c.running[name].Shutdown(); err != nil {
		c.t.Errorf("shutdown of %s: %v", name, err)
	}
	delete(c.running, name)
}

// leave says goodbye for a node, waits until all have heard it, and ends the node.
func (c *cluster) leave(name string) {
	c.t.Helper()
	c.heard(name, bed.Left, func() {
		if err := c.running[name].Leave(patience); err != nil {
			c.t.Errorf("%s leaves: %v", name, err)
		}
	})
	c.down(name)
}

// target is how a node is written in a join list.
func (c *cluster) target(name string) string {
	if c.settings[name].NamesRequired {
		return name + "/" + c.running[name].Addr()
	}
	return c.running[name].Addr()
}

// join has one node join another.
func (c *cluster) join(who, whom string) {
	c.t.Helper()
	if n, err := c.running[who].Join(c.target(whom)); n != 1 || err != nil {
		c.t.Fatalf("%s joins %s: %d, %v", who, whom, n, err)
	}
}

// alive are the names of the running nodes, in order.
func (c *cluster) alive() (names []string) {
	for _, name := range c.names {
		if c.running[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// eventually waits until nothing is missing any more.
func (c *cluster) eventually(what string, missing func() string) {
	c.t.Helper()
	began, last := time.Now(), ""
	for last = missing(); last != ""; last = missing() {
		if time.Since(began) > patience {
			c.t.Fatalf("%s: %s", what, last)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(began); took > time.Second {
		c.t.Logf("%.1fs until %s", took.Seconds(), what)
	}
}

// agree waits until every running node lists exactly the running nodes, each as it describes itself.
func (c *cluster) agree(after string) {
	c.t.Helper()
	c.eventually("views agree after "+after, func() string {
		want := c.view()
		for _, name := range c.alive() {
			if got := viewOf(c.running[name].Members()); got != want {
				return fmt.Sprintf("%s sees\n%s\nnot\n%s", name, got, want)
			}
		}
		return ""
	})
}

// view is what all should see.
func (c *cluster) view() string {
	var all []bed.Peer
	for _, name := range c.alive() {
		all = append(all, bed.Peer{
			Name: name, Addr: c.running[name].Addr(), Meta: c.metas[name],
			Versions: [6]uint8{1, 5, c.settings[name].Protocol, 0, 0, 0},
		})
	}
	return viewOf(all)
}

func viewOf(peers []bed.Peer) string {
	var lines []string
	for _, p := range peers {
		lines = append(lines, fmt.Sprintf("%s at %s, meta %d bytes %.30q, versions %v", p.Name, p.Addr, len(p.Meta), p.Meta, p.Versions))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// heard waits until every other node has been told once more that one departed. How it did is told by
// ours only: in the reference the node of an event has no state.
func (c *cluster) heard(name string, state bed.State, f func()) {
	c.t.Helper()
	before := make(map[string]int)
	for _, at := range c.alive() {
		before[at] = c.departures(at, name, state)
	}
	f()
	c.eventually(fmt.Sprintf("all hear that %s is %v", name, state), func() string {
		for at := range before {
			if at != name && c.departures(at, name, state) == before[at] {
				return at + " has not heard it"
			}
		}
		return ""
	})
	c.meant[name] += len(before) - 1
}

// departures is how often a node was told that another departed.
func (c *cluster) departures(at, name string, state bed.State) int {
	if c.kinds[at] == bed.Reference {
		state = bed.Alive
	}
	return c.apps[at].Saw("NotifyLeave %s %v", name, state)
}

// deaths are all departures of a node that the others were told of, but for those that were meant.
func (c *cluster) deaths(name string) int {
	n := -c.meant[name]
	for _, at := range c.names {
		for _, state := range []bed.State{bed.Alive, bed.Left, bed.Dead} {
			if at != name {
				n += c.apps[at].Saw("NotifyLeave %s %v", name, state)
			}
		}
	}
	return n
}

// nobodyDies runs f and fails if a node was declared dead meanwhile, other than the one excepted.
func (c *cluster) nobodyDies(what, except string, f func()) {
	c.t.Helper()
	before := make(map[string]int)
	for _, name := range c.names {
		before[name] = c.deaths(name)
	}
	f()
	for _, name := range c.names {
		if n := c.deaths(name) - before[name]; n > 0 && name != except {
			c.t.Errorf("%s: %s, who lives, was declared dead %d times", what, name, n)
		}
	}
}

// udp is the address of a node as its packets know it.
func udp(n bed.Node) *net.UDPAddr {
	addr, err := net.ResolveUDPAddr("udp", n.Addr())
	if err != nil {
		panic(err)
	}
	return addr
}
