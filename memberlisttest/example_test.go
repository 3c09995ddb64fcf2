package memberlisttest_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist"
	"github.com/seed-f61b0479/memberlist/memberlisttest"
)

// notes is what is tested here: a memberlist.Delegate that spreads a growing set of words. A new word
// travels as a message; what a member missed comes with the next exchange of state.
type notes struct {
	mu    sync.Mutex
	words map[string]bool
	queue memberlist.TransmitLimitedQueue
}

func newNotes() *notes {
	n := &notes{words: make(map[string]bool)}
	n.queue = memberlist.TransmitLimitedQueue{RetransmitMult: 3, NumNodes: func() int { return 3 }}
	return n
}

// Write adds a word of our own.
func (n *notes) Write(word string) {
	n.add(word)
	n.queue.QueueBroadcast(note(word))
}

func (n *notes) add(words ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range words {
		n.words[w] = true
	}
}

// String lists all words.
func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for w := range n.words {
		all = append(all, w)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (n *notes) NodeMeta(int) []byte  { return nil }
func (n *notes) NotifyMsg(msg []byte) { n.add(string(msg)) }
func (n *notes) GetBroadcasts(overhead, limit int) [][]byte {
	return n.queue.GetBroadcasts(overhead, limit)
}
func (n *notes) LocalState(bool) []byte                { return []byte(n.String()) }
func (n *notes) MergeRemoteState(state []byte, _ bool) { n.add(strings.Fields(string(state))...) }

type note string

func (n note) Message() []byte                         { return []byte(n) }
func (n note) Invalidates(b memberlist.Broadcast) bool { return false }
func (n note) Finished()                               {}

// testNotesAgreeAfterAPartition would begin with a capital T in a test file of yours.
func testNotesAgreeAfterAPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memberlisttest.NewNetwork(t)
		network.SetAll(memberlisttest.Conditions{Latency: 5 * time.Millisecond, Loss: 0.05})

		nodes := make(map[string]*memberlist.Memberlist)
		said := make(map[string]*notes)
		for _, name := range []string{"a", "b", "c"} {
			said[name] = newNotes()
			conf := network.Config(name)
			conf.Delegate = said[name]
			node, err := memberlist.Create(conf)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { node.Shutdown() })
			if _, err := node.Join([]string{network.Addr("a")}); err != nil {
				t.Fatal(err)
			}
			nodes[name] = node
		}

		network.Partition([]string{"a", "b"}, []string{"c"})
		said["a"].Write("hello")
		said["c"].Write("world")
		time.Sleep(10 * time.Second) // virtual: it takes none
		if got := said["b"].String(); got != "hello" {
			t.Errorf("b has %q, want what a wrote", got)
		}
		if got := nodes["a"].NumMembers(); got != 2 {
			t.Errorf("a sees %d members of 2", got)
		}

		network.Heal()
		if _, err := nodes["c"].Join([]string{network.Addr("a")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		for name, n := range said {
			if got := n.String(); got != "hello world" {
				t.Errorf("%s has %q after the partition, want all", name, got)
			}
		}
	})
}

// A test of a delegate, three members and twenty seconds of a partition, in a few milliseconds.
func Example() {
	_ = testNotesAgreeAfterAPartition // go test runs it if it is called Test…
}
