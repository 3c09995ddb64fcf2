package memberlist

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestBetter65NoPanicInAnyOrderOfCalls makes random calls from several goroutines on three nodes, which
// their callbacks answer with calls of their own. The bubble complains of what hangs or is left over.
func TestBetter65NoPanicInAnyOrderOfCalls(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 3
	}
	first := uint64(time.Now().UnixNano())
	for round := range rounds {
		seed := first + uint64(round)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) { mayhem(t, b, seed) })
		})
	}
}

// mayhem is one round: it is played with a seed, though goroutines do not always take the same turns.
func mayhem(t *testing.T, b *lab, seed uint64) {
	var nodes [3]*Memberlist
	var all [3]*hooks
	for i := range nodes {
		h := &hooks{
			meta:       func() []byte { return []byte("meta") },
			state:      func(bool) []byte { return []byte("state") },
			broadcasts: func(int, int) [][]byte { return [][]byte{[]byte("gossip")} },
			payload:    func() []byte { return []byte("ack") },
		}
		all[i] = h
		nodes[i] = b.create(string(rune('a'+i)), h.all, func(c *Config) {
			c.Logger, c.Slog = nil, quietLog()
			c.PushPullInterval, c.TCPTimeout = time.Second, 2*time.Second
		})
	}
	for i, h := range all {
		peek := func(*Node) {
			m := nodes[i]
			m.Members()
			m.SendBestEffort(m.LocalNode(), []byte("from a callback"))
			m.NumMembers()
		}
		h.set(func() {
			h.join, h.leave, h.update = peek, peek, peek
			h.alive = func(n *Node) error { peek(n); return nil }
			h.merge = func([]*Node) error { peek(nil); return nil }
			h.conflict = func(_, _ *Node) { peek(nil) }
			h.pinged = func(*Node, time.Duration, []byte) { peek(nil) }
			h.mergeState = func([]byte, bool) { peek(nil) }
		})
	}
	var done []<-chan error
	for worker := range uint64(4) {
		chance := rand.New(rand.NewPCG(seed, worker))
		done = append(done, soon(func() error {
			for range 60 {
				anyCall(chance, nodes[chance.IntN(3)], nodes[chance.IntN(3)])
			}
			return nil
		}))
	}
	deadline := time.After(time.Hour)
	for _, d := range done {
		select {
		case <-d:
		case <-deadline:
			t.Fatal("a call never returned")
		}
	}
	for _, m := range nodes {
		if n := m.LocalNode(); n == nil || n.Name == "" {
			t.Errorf("local node %v", n)
		}
	}
}

// anyCall makes one public call. What it returns is not the point here.
func anyCall(chance *rand.Rand, m, other *Memberlist) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(chance.IntN(3000))*time.Millisecond)
	defer cancel()
	to := other.LocalNode()
	addr := &MockAddress{addr: to.Address()}
	calls := []func(){
		func() { m.JoinContext(ctx, []string{to.Address(), "127.0.0.1:1", "no/such:port"}) },
		func() { m.Join([]string{to.Address()}) },
		func() { m.Join(nil) },
		func() { m.LeaveContext(ctx) },
		func() { m.Leave(time.Second) },
		func() { m.UpdateNodeContext(ctx) },
		func() { m.UpdateNode(time.Second) },
		func() { m.UpdateMeta(ctx, make([]byte, chance.IntN(600))) },
		func() { m.ForceRemove(to.Name) },
		func() { m.Members() },
		func() { m.NumMembers() },
		func() { m.Departed() },
		func() { m.LocalNode() },
		func() { m.GetHealthScore() },
		func() { m.ProtocolVersion() },
		func() { m.PingContext(ctx, to.Name, addr) },
		func() { m.Ping("nobody", addr) },
		func() { m.SendBestEffort(to, make([]byte, chance.IntN(70000))) },
		func() { m.SendReliable(to, make([]byte, chance.IntN(1<<17))) },
		func() { m.SendReliableContext(ctx, to, nil) },
		func() { m.SendToAddress(Address{Addr: "nonsense"}, nil) },
		func() { m.SendTo(addr, []byte("x")) },
		func() { time.Sleep(time.Duration(chance.IntN(2000)) * time.Millisecond) },
	}
	if chance.IntN(200) == 0 {
		m.Shutdown()
		return
	}
	calls[chance.IntN(len(calls))]()
}
