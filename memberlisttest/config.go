package memberlisttest

import (
	"log"
	"sync"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

// Config attaches a node and returns a configuration for it, to be changed and given to memberlist.Create: its name,
// its Transport, a log that goes to the test's, and DefaultLocalConfig with shorter times. A member is
// probed every 100 ms, gossip goes out every 20 ms, states are exchanged every second, and a failure in a small
// cluster is known within about two seconds.
//
// These are times that a busy machine keeps. In a bubble of testing/synctest those of production cost nothing,
// and find what depends on them.
func (n *Network) Config(name string) *memberlist.Config {
	conf := memberlist.DefaultLocalConfig()
	conf.Name = name
	conf.Transport = n.Transport(name)
	conf.Logger = log.New(n.log, name+": ", 0)
	conf.ProbeInterval = 100 * time.Millisecond
	conf.ProbeTimeout = 50 * time.Millisecond
	conf.GossipInterval = 20 * time.Millisecond
	conf.PushPullInterval = time.Second
	conf.SuspicionMaxTimeoutMult = 4
	return conf
}

// testLog writes the nodes' words into the test's, until that has ended: a node that runs on must not make the
// next test fail.
type testLog struct {
	mu sync.Mutex // a leaf, but for the test's own
	t  testing.TB // nil if there is none, or no more
}

// Write takes one line.
func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t == nil {
		return len(b), nil
	}
	return l.t.Output().Write(b)
}

func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t = nil
}
