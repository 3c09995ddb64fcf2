package memnet

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The bounds of a network. They are those of sockets rather than of a test:
// what waits beyond them is lost, as it would be in a real network.
const (
	InboxSize      = 1024      // datagrams that wait for their receiver
	BacklogSize    = 128       // streams that wait to be accepted
	BufferSize     = 256 << 10 // bytes that one direction of a stream holds before its writer waits
	LongestIngest  = 1 << 16   // longest datagram that is ingested
	firstPort      = 20000
	lastPort       = 65535
	portsOfAHost   = lastPort - firstPort + 1
	hostsOfANumber = 255
)

// Why something was not carried.
var (
	ErrUnreachable = errors.New("nobody there")
	ErrRefused     = errors.New("connection refused")
	ErrFull        = errors.New("too much waits already")
	ErrTooLarge    = errors.New("datagram too large")
)

// Network connects the nodes that are attached to it. The zero value is empty and without faults.
// It is safe for concurrent use.
type Network struct {
	// Seed decides all chance: of each link by itself, so that what others send changes nothing in it.
	// It must not change while the network is used.
	Seed uint64

	mu      sync.Mutex // guards all that follows, and the nodes; flows have their own, which is taken inside
	count   int
	byAddr  map[string]place
	byName  map[string]*Node // the newest of each name
	streams map[*stream]struct{}
	weather weather
	changed chan struct{} // closed at the next change of anything that a dial may wait for; nil if none does
	closed  bool
}

// place is an address that was given out. It outlives its node: nobody gets a used address by chance,
// and the way to it can be cut even while nobody is there.
type place struct {
	name string
	node *Node // nil if it has shut down
}

// NextAddr returns an address that was not given out before: 127.0.0.1 with a port counted up from 20000.
func (n *Network) NextAddr() netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := n.count
	n.count++
	host := i / portsOfAHost
	ip := [4]byte{127, 0, byte(host / hostsOfANumber), byte(1 + host%hostsOfANumber)}
	return netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(firstPort+i%portsOfAHost))
}

// Attach makes a node reachable under its address and, for those who do not know that, under its name. Each
// datagram that reaches it is given to packet, which must not wait and says whether it had room; from is what
// the sender was attached with as addr. A closed network attaches only nodes that have shut down.
func (n *Network) Attach(name string, addr net.Addr, packet func(b []byte, from net.Addr, at time.Time) bool) *Node {
	node := &Node{
		net:     n,
		name:    name,
		addr:    addr,
		text:    addr.String(),
		packet:  packet,
		streams: make(chan net.Conn, BacklogSize),
		done:    make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byAddr == nil {
		n.byAddr = make(map[string]place)
		n.byName = make(map[string]*Node)
		n.streams = make(map[*stream]struct{})
	}
	if n.closed {
		node.closed = true
		close(node.done)
		return node
	}
	n.byAddr[node.text] = place{name, node}
	n.byName[name] = node
	return node
}

// find returns who is reached at an address or, if that was never given out, by a name. An address decides, as
// it does in a real network: two nodes may claim one name. It is called with the mutex held.
func (n *Network) find(t target) (place, bool) {
	if p, given := n.byAddr[t.addr]; given {
		return p, true
	}
	if t.name == "" {
		return place{}, false
	}
	node := n.byName[t.name]
	return place{t.name, node}, node != nil
}

// remove makes a node unreachable. It is called with the mutex held.
func (n *Network) remove(node *Node) {
	if n.byAddr[node.text].node == node {
		n.byAddr[node.text] = place{name: node.name}
	}
	if n.byName[node.name] == node {
		delete(n.byName, node.name)
	}
}

// Close shuts every node down and breaks every stream. A further call does nothing.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	var nodes []*Node
	for _, p := range n.byAddr {
		if p.node != nil {
			nodes = append(nodes, p.node)
		}
	}
	var streams []*stream
	for s := range n.streams {
		streams = append(streams, s)
	}
	n.mu.Unlock()
	for _, node := range nodes {
		node.Shutdown()
	}
	for _, s := range streams {
		s.reset()
	}
}

// wake lets those look again who wait for a change. It is called with the mutex held.
func (n *Network) wake() {
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}

// nextChange returns what wake closes. It is called with the mutex held.
func (n *Network) nextChange() <-chan struct{} {
	if n.changed == nil {
		n.changed = make(chan struct{})
	}
	return n.changed
}
