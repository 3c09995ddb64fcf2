package memberlisttest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/seed-f61b0479/memberlist/internal/memnet"
)

// Network is a network in memory. The nodes attached to it reach each other, and nothing else. As long as nothing
// is set, everything arrives at once. All of it can be changed at any time. A change applies to what
// is sent from then on: what is on its way arrives. It is safe for concurrent use, and starts no goroutines.
//
// Nodes are known by the names that they are attached with. All methods take names of nodes that do not
// exist (yet); what is set for a name outlives its node and holds for the next one of that name.
type Network struct {
	net memnet.Network
	log *testLog

	mu    sync.Mutex // a leaf
	addrs map[string]netip.AddrPort
	nodes map[string]*Transport // those that have not shut down
}

// Option is something that NewNetwork can be told.
type Option func(*Network)

// WithSeed decides what happens by chance. Each link has a chance of its own, so what is sent over others changes
// nothing in what it loses, and a test that sends the same over it in the same order sees the same again.
// Without this option the seed is drawn; a test that fails logs it.
func WithSeed(seed uint64) Option {
	return func(n *Network) { n.net.Seed = seed }
}

// NewNetwork returns a network without nodes. It is closed when the test ends. t may be nil, outside of tests;
// then it is the caller who closes it.
func NewNetwork(t testing.TB, options ...Option) *Network {
	n := &Network{
		log:   &testLog{t: t},
		addrs: make(map[string]netip.AddrPort),
		nodes: make(map[string]*Transport),
	}
	n.net.Seed = rand.Uint64()
	for _, o := range options {
		o(n)
	}
	if t != nil {
		t.Cleanup(func() {
			n.Close()
			if t.Failed() {
				t.Logf("the chance of the links, not that of the nodes, comes again with memberlisttest.WithSeed(%d)", n.Seed())
			}
			n.log.end()
		})
	}
	return n
}

// Seed returns what decides the chance of this network; see WithSeed.
func (n *Network) Seed() uint64 { return n.net.Seed }

// Close shuts all transports down and breaks all streams. What is attached later has shut down already.
func (n *Network) Close() { n.net.Close() }

// Transport attaches a node to the network, at Addr(name). It panics if there is one of this name; when that has
// shut down, the next one takes its place, as a process that is started again.
func (n *Network) Transport(name string) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[name] != nil {
		panic(fmt.Sprintf("memberlisttest: node %q is attached already", name))
	}
	t := newTransport(n, name, n.addr(name))
	n.nodes[name] = t
	return t
}

// detached makes room for the next node of that name.
func (n *Network) detached(t *Transport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[t.name] == t {
		delete(n.nodes, t.name)
	}
}

// Addr returns the address of a node as "ip:port", to be joined for instance. It is the same for all that are
// attached by that name, and known before the first is.
func (n *Network) Addr(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.addr(name).String()
}

// addr is called with the mutex held.
func (n *Network) addr(name string) netip.AddrPort {
	at, known := n.addrs[name]
	if !known {
		at = n.net.NextAddr()
		n.addrs[name] = at
	}
	return at
}

// Partition lets only those nodes reach each other that share a group. Those that are named in no group form one
// more, so Partition([]string{"a"}) cuts a off from everybody. A node that is named in several groups
// reaches all of them, although they do not reach each other. It replaces an earlier partition, and is none
// without groups.
//
// Where nothing passes, datagrams are lost, and streams wait: those that are open until it ends, those being
// opened until their timeout. Programs see no error but that of a deadline.
func (n *Network) Partition(groups ...[]string) { n.net.Partition(groups) }

// Heal ends a partition. Conditions of links stay as they are. Members that took each other for dead meanwhile
// do not look for each other: have one of them Join again.
func (n *Network) Heal() { n.net.Partition(nil) }

// Pause makes a node stand still, as far as others can see: what it sends waits, and so does what is sent to it,
// as much as sockets hold. Its own timers run on, so that it will suspect others. Resume lets all go
// its way.
func (n *Network) Pause(name string) { n.net.Pause(name) }

// Resume ends a Pause.
func (n *Network) Resume(name string) { n.net.Resume(name) }

// Break resets all streams that are open between two nodes: both ends read and write errors from now on,
// and nothing of what is on its way arrives.
func (n *Network) Break(a, b string) { n.net.Break(a, b) }

// SetAll sets the conditions of all links, present and future, except those from a node to itself. What was set
// for a Link before is overwritten.
func (n *Network) SetAll(c Conditions) { n.net.SetAll(memnet.Conditions(c)) }

// Link returns the link from one node to another. It is one direction: what goes back crosses
// Link(to, from).
func (n *Network) Link(from, to string) Link { return Link{n, from, to} }
