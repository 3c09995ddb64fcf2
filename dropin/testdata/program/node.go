package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// node is an application that takes part in everything.
type node struct {
	*memberlist.Memberlist

	mu     sync.Mutex
	heard  map[string]int // what delegates were told, and how often
	meta   string
	refuse string // the name of a node that may not be a member
	queue  *memberlist.TransmitLimitedQueue
}

var (
	_ memberlist.Delegate         = (*node)(nil)
	_ memberlist.EventDelegate    = (*node)(nil)
	_ memberlist.ConflictDelegate = (*node)(nil)
	_ memberlist.MergeDelegate    = (*node)(nil)
	_ memberlist.PingDelegate     = (*node)(nil)
	_ memberlist.AliveDelegate    = (*node)(nil)
)

// create starts a node with every delegate; the tweaks change its configuration first.
func create(name string, tweaks ...func(*memberlist.Config)) *node {
	n := &node{heard: map[string]int{}, meta: "meta of " + name}
	n.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: 3, NumNodes: func() int { return 3 }}
	conf := quick(name)
	conf.Delegate, conf.Events, conf.Conflict, conf.Merge, conf.Ping, conf.Alive = n, n, n, n, n, n
	for _, tweak := range tweaks {
		tweak(conf)
	}
	if r, ok := conf.Alive.(*node); ok && r != n {
		n.refuse = r.refuse
		conf.Alive = n
	}
	m, err := memberlist.Create(conf)
	check("create "+name, err)
	n.Memberlist = m
	return n
}

// quick is a configuration with short timers and no log.
func quick(name string) *memberlist.Config {
	conf := memberlist.DefaultLocalConfig()
	conf.Name, conf.BindAddr, conf.BindPort = name, "127.0.0.1", 0
	conf.ProbeInterval, conf.ProbeTimeout = 200*time.Millisecond, 150*time.Millisecond
	conf.GossipInterval, conf.PushPullInterval = 20*time.Millisecond, time.Second
	conf.Logger = log.New(io.Discard, "", 0)
	return conf
}

func (n *node) hear(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heard[fmt.Sprintf(format, args...)]++
}

// has says whether a delegate was told something.
func (n *node) has(what string) func() bool {
	return func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.heard[what] > 0
	}
}

func (n *node) NodeMeta(limit int) []byte {
	n.hear("limit %d", limit)
	n.mu.Lock()
	defer n.mu.Unlock()
	return []byte(n.meta)
}

func (n *node) NotifyMsg(b []byte) {
	if len(b) > 40 {
		n.hear("message of %d bytes", len(b))
		return
	}
	n.hear("message %s", b)
}

func (n *node) GetBroadcasts(overhead, limit int) [][]byte {
	if n.queue == nil {
		return nil
	}
	return n.queue.GetBroadcasts(overhead, limit)
}

func (n *node) LocalState(join bool) []byte {
	n.hear("asked for state, join %v", join)
	return []byte("state of " + n.meta[len("meta of "):][:1])
}

func (n *node) MergeRemoteState(b []byte, join bool) { n.hear("%s, join %v", b, join) }

func (n *node) NotifyJoin(o *memberlist.Node)   { n.hear("join of %s", o.Name) }
func (n *node) NotifyLeave(o *memberlist.Node)  { n.hear("leave of %s", o.Name) }
func (n *node) NotifyUpdate(o *memberlist.Node) { n.hear("update of %s: %s", o.Name, o.Meta) }

func (n *node) NotifyConflict(existing, other *memberlist.Node) {
	n.hear("conflict over %s, same address %v", existing.Name, existing.Address() == other.Address())
}

func (n *node) NotifyMerge(peers []*memberlist.Node) error {
	for _, p := range peers {
		n.hear("merge with %s", p.Name)
		if n.refused(p) {
			return errors.New("we do not merge with " + p.Name)
		}
	}
	return nil
}

func (n *node) NotifyAlive(p *memberlist.Node) error {
	n.hear("alive %s", p.Name)
	if n.refused(p) {
		return errors.New("we do not like " + p.Name)
	}
	return nil
}

func (n *node) refused(p *memberlist.Node) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refuse != "" && p.Name == n.refuse
}

func (n *node) AckPayload() []byte { return []byte("payload of " + n.meta) }

func (n *node) NotifyPingComplete(o *memberlist.Node, rtt time.Duration, payload []byte) {
	n.hear("pinged %s: %s, in time %v", o.Name, payload, rtt > 0 && rtt < time.Second)
}
