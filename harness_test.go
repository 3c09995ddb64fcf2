package memberlist

import (
	"fmt"
	"log"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a test of the shell in virtual time on the in-memory network.
func bubble(t *testing.T, f func(t *testing.T, b *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &lab{t: t, net: new(MockNetwork)}) })
}

// lab makes the nodes of a test and shuts down what the test leaves running.
type lab struct {
	t   *testing.T
	net *MockNetwork
}

// config is what a test's node starts with: the LAN's timers, the in-memory network, a log that
// appears when the test fails.
func (b *lab) config(name string) *Config {
	conf := DefaultLANConfig()
	conf.Name = name
	tr := b.net.NewTransport(name)
	conf.Transport = tr
	conf.Logger = log.New(testLog{b.t}, name+" ", 0)
	return conf
}

// create starts a node; the tweaks change its configuration first.
func (b *lab) create(name string, tweaks ...func(*Config)) *Memberlist {
	b.t.Helper()
	conf := b.config(name)
	for _, tweak := range tweaks {
		tweak(conf)
	}
	m, err := Create(conf)
	if err != nil {
		b.t.Fatalf("create %s: %v", name, err)
	}
	b.t.Cleanup(func() { m.Shutdown() })
	return m
}

// cluster starts n nodes, named a, b, c …, each of which joins the first.
func (b *lab) cluster(n int, tweaks ...func(*Config)) []*Memberlist {
	b.t.Helper()
	nodes := make([]*Memberlist, n)
	for i := range nodes {
		nodes[i] = b.create(string(rune('a'+i)), tweaks...)
		if i > 0 {
			b.join(nodes[i], nodes[0])
		}
	}
	b.eventually(time.Minute, "all see all", func() bool {
		return !slices.ContainsFunc(nodes, func(m *Memberlist) bool { return m.NumMembers() != n })
	})
	return nodes
}

func (b *lab) join(m, to *Memberlist) {
	b.t.Helper()
	if n, err := m.Join([]string{to.LocalNode().Address()}); n != 1 || err != nil {
		b.t.Fatalf("join = %d, %v", n, err)
	}
	synctest.Wait() // the other side takes us over after it has answered
}

// eventually waits in virtual time.
func (b *lab) eventually(limit time.Duration, what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// names lists the members that a node sees, sorted.
func names(m *Memberlist) string {
	var all []string
	for _, n := range m.Members() {
		all = append(all, n.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// testLog writes a node's log into the test's.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// diary is an EventDelegate that writes down what it is told.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) NotifyJoin(n *Node)   { d.add("join", n) }
func (d *diary) NotifyLeave(n *Node)  { d.add(n.State.String(), n) }
func (d *diary) NotifyUpdate(n *Node) { d.add("update", n) }

func (d *diary) add(what string, n *Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf("%s %s", what, n.Name))
}

// String is all that was told, in order.
func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.entries, ", ")
}

// sockets is how many connections are in use.
func (s *streams) sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}
