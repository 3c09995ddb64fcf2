package compare

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// TestARunningClusterIsReplacedNodeByNode takes a cluster of the reference, under traffic, through all mixtures to
// one of ours and back. Nobody is declared dead, nobody is lost, and no item of the application's state.
func TestARunningClusterIsReplacedNodeByNode(t *testing.T) {
	withoutRaceDetector(t)
	c := newCluster(t)
	for i := range 6 {
		name := fmt.Sprintf("node-%d", i)
		c.define(bed.Reference, bed.Settings{
			Name: name, Bind: "127.0.0.1", Protocol: 2, PacketSize: 1400, Compress: true,
			Key: secrets["aes256"], VerifyIncoming: true, VerifyOutgoing: true, Timers: bed.Quick(),
		})
		c.up(name)
		if i > 0 {
			c.join(name, c.names[i-1])
		}
	}
	c.agree("the joins")
	users := &traffic{cluster: c}
	end := users.begin()
	c.nobodyDies("while nodes are replaced", "", func() {
		for _, kind := range []bed.Kind{bed.Ours, bed.Reference} {
			for _, name := range c.names {
				users.replace(name, kind)
			}
		}
	})
	end()
	items := users.said()
	users.spread(items, c.names)
	t.Logf("%d items", len(items))
}

// traffic is what users do meanwhile: again and again one of the nodes is given an item, which it tells the others.
type traffic struct {
	*cluster
	mu    sync.Mutex
	nodes map[string]bed.Node // those that get items
	items []string
}

// begin starts it; end stops it.
func (u *traffic) begin() (end func()) {
	u.use("")
	var done sync.WaitGroup
	enough := make(chan struct{})
	done.Go(func() {
		beat := time.NewTicker(10 * time.Millisecond)
		defer beat.Stop()
		for i := 0; ; i++ {
			select {
			case <-beat.C:
				u.say(i)
			case <-enough:
				return
			}
		}
	})
	return func() {
		close(enough)
		done.Wait()
	}
}

// say gives an item to the next node.
func (u *traffic) say(i int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	name := u.names[i%len(u.names)]
	node := u.nodes[name]
	if node == nil {
		return
	}
	item := fmt.Sprintf("%d of %s", i, name)
	u.items = append(u.items, item)
	u.apps[name].Put(item)
	node.Broadcast([]byte("item " + item))
}

// said are the items so far.
func (u *traffic) said() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.items)
}

// use gives items to all nodes that run, but for one.
func (u *traffic) use(except string) {
	nodes := maps.Clone(u.running)
	delete(nodes, except)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.nodes = nodes
}

// spread waits until some nodes have some items.
func (u *traffic) spread(items, names []string) {
	u.t.Helper()
	u.eventually("items are spread", func() string {
		for _, name := range names {
			if item := u.apps[name].Missing(items); item != "" {
				return name + " lacks " + item
			}
		}
		return ""
	})
}

// replace ends a node and starts one of the other kind with its name and address, but without its memory: what the
// application knew must come back from the others. The node is given no item meanwhile, and those it has
// told nobody yet must be out first, or they would be lost with any library.
func (u *traffic) replace(name string, kind bed.Kind) {
	u.t.Helper()
	u.use(name)
	known := u.said()
	u.spread(known, u.names)

	s := u.settings[name]
	s.Port = u.running[name].Port()
	u.define(kind, s)
	u.leave(name)
	u.apps[name].Forget()
	u.agree(name + " left")
	u.up(name)
	u.join(name, u.alive()[(1+index(u.alive(), name))%len(u.alive())])
	u.agree("replacement of " + name)
	u.spread(known, []string{name})
	u.use("")
}
