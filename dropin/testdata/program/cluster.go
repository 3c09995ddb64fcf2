package main

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegates shows that each delegate is asked and told what it should be.
func delegates() {
	events := make(chan memberlist.NodeEvent, 16)
	a, b := create("a"), create("b")
	c := create("c", func(conf *memberlist.Config) {
		conf.Events = &memberlist.ChannelEventDelegate{Ch: events}
	})
	fmt.Println("a meets itself:", a.has("join of a")(), a.has("alive a")(), a.has("limit 512")())
	join(b.Memberlist, a.Memberlist)
	join(c.Memberlist, a.Memberlist)
	for _, n := range []*node{a, b, c} {
		eventually("sees a b c", func() bool { return names(n.Memberlist) == "a b c" && n.NumMembers() == 3 })
	}
	eventually("a merges with b and c", func() bool { return a.has("merge with b")() && a.has("merge with c")() })
	eventually("a gets the state of b", a.has("state of b, join true"))
	eventually("b gets the state of a", b.has("state of a, join true"))
	eventually("state is exchanged later too", func() bool {
		return a.has("state of b, join false")() || a.has("state of c, join false")()
	})
	eventually("a pings b", a.has("pinged b: payload of meta of b, in time true"))
	fmt.Println("b tells of itself:", meta(a.Memberlist, "b"))

	b.mu.Lock()
	b.meta = "meta of b2"
	b.mu.Unlock()
	patiently("update", b.UpdateNode)
	eventually("a is told of the update", a.has("update of b: meta of b2"))
	eventually("c sees the update", func() bool { return meta(c.Memberlist, "b") == "meta of b2" })

	patiently("leave", c.Leave)
	eventually("a is told that c left", a.has("leave of c"))
	check("shutdown", c.Shutdown())
	for len(events) > 0 {
		if e := <-events; e.Node.Name == "c" {
			fmt.Println("c on itself:", e.Event == memberlist.NodeJoin, e.Event == memberlist.NodeLeave)
		}
	}
	check("shutdown", b.Shutdown())
	eventually("a is told that b died", a.has("leave of b"))
	fmt.Println("a is left with", names(a.Memberlist), "and a score of", a.GetHealthScore() >= 0)
	check("shutdown", a.Shutdown())
}

// mocked runs two nodes without sockets. They probe and gossip seldom, because there are mock networks on which
// a write waits for its reader.
func mocked() {
	network := &memberlist.MockNetwork{}
	seldom := func(c *memberlist.Config) {
		c.Transport = network.NewTransport(c.Name)
		c.ProbeInterval, c.GossipInterval, c.PushPullInterval = time.Hour, time.Hour, time.Hour
	}
	a, b := create("a", seldom), create("b", seldom)
	join(a.Memberlist, b.Memberlist)
	eventually("they see each other", func() bool { return names(a.Memberlist) == "a b" && names(b.Memberlist) == "a b" })
	check("by packet", a.SendBestEffort(member(a, "b"), []byte("by packet")))
	check("by stream", a.SendReliable(member(a, "b"), []byte("by stream")))
	eventually("message by packet", b.has("message by packet"))
	eventually("message by stream", b.has("message by stream"))
	check("shutdown", a.Shutdown())
	check("shutdown", b.Shutdown())
}

// messages sends by every method that sends.
func messages() {
	a, b := create("a"), create("b")
	join(a.Memberlist, b.Memberlist)
	eventually("they see each other", func() bool { return b.NumMembers() == 2 })
	to := member(a, "b")
	addr, err := net.ResolveUDPAddr("udp", to.Address())
	check("resolve", err)
	for what, err := range map[string]error{
		"SendBestEffort": a.SendBestEffort(to, []byte("1")),
		"SendReliable":   a.SendReliable(to, []byte("2")),
		"SendToAddress":  a.SendToAddress(to.FullAddress(), []byte("3")),
		"SendTo":         a.SendTo(addr, []byte("4")),
		"SendToUDP":      a.SendToUDP(to, []byte("5")),
		"SendToTCP":      a.SendToTCP(to, bytes.Repeat([]byte("6"), 1<<20)),
	} {
		check(what, err)
	}
	for _, text := range []string{"message 1", "message 2", "message 3", "message 4", "message 5", "message of 1048576 bytes"} {
		eventually(text, b.has(text))
	}
	a.queue.QueueBroadcast(&plain{text: "broadcast"})
	eventually("message broadcast", b.has("message broadcast"))
	_, err = a.Ping("b", addr)
	fmt.Println("ping:", err)
	_, err = a.Ping("b", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
	fmt.Println("ping of nobody fails:", err != nil)
	fmt.Println("protocol", a.ProtocolVersion(), "of node", a.LocalNode().String())
	check("shutdown", a.Shutdown())
	check("shutdown", b.Shutdown())
}

// conflict starts two nodes of one name.
func conflict() {
	a, first, second := create("a"), create("twin"), create("twin")
	join(first.Memberlist, a.Memberlist)
	_, err := second.Join([]string{"a/" + a.LocalNode().Address()})
	fmt.Println("the second twin joins:", err)
	eventually("a is told of the conflict", a.has("conflict over twin, same address false"))
	for _, n := range []*node{a, first, second} {
		check("shutdown", n.Shutdown())
	}
}

// vetoes shows that Merge and Alive delegates can refuse, others and the node itself.
func vetoes() {
	a, b := create("a"), create("b")
	a.mu.Lock()
	a.refuse = "b"
	a.mu.Unlock()
	// What b is told of this differs: some implementations let it believe that it is a member.
	_, _ = b.Join([]string{a.LocalNode().Address()})
	eventually("a refuses b", func() bool { return a.has("merge with b")() && names(a.Memberlist) == "a" })
	check("shutdown", b.Shutdown())

	watcher := create("watcher", func(c *memberlist.Config) { c.Alive = &node{refuse: "watcher"} })
	fmt.Println("the watcher is no member:", watcher.NumMembers(), watcher.has("join of watcher")())
	n, err := watcher.Join([]string{a.LocalNode().Address()})
	fmt.Println("the watcher joins:", n, err, "and sees", names(watcher.Memberlist), "and a sees", names(a.Memberlist))
	check("shutdown", watcher.Shutdown())
	check("shutdown", a.Shutdown())
}
