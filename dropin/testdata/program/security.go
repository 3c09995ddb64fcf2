package main

import (
	"bytes"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// secured runs a cluster with label and key on real sockets, and changes the key while it runs.
func secured() {
	old, fresh := bytes.Repeat([]byte("o"), 16), bytes.Repeat([]byte("f"), 32)
	secure := func(c *memberlist.Config) { c.Label, c.SecretKey = "blue", old }
	nodes := []*node{create("a", secure), create("b", secure)}
	a, b := nodes[0], nodes[1]
	join(b.Memberlist, a.Memberlist)
	eventually("a and b see each other", func() bool { return names(a.Memberlist) == "a b" && names(b.Memberlist) == "a b" })

	stranger := create("x", func(c *memberlist.Config) { c.Label = "red"; c.TCPTimeout = time.Second })
	_, err := stranger.Join([]string{a.LocalNode().Address()})
	fmt.Println("another label is kept out:", err != nil, names(a.Memberlist))
	check("shutdown", stranger.Shutdown())
	for _, n := range nodes {
		check("shutdown", n.Shutdown())
	}
	rotate(old, fresh)
}

// rotate changes the primary key of a running cluster.
func rotate(old, fresh []byte) {
	var rings []*memberlist.Keyring
	var nodes []*node
	for _, name := range []string{"a", "b"} {
		ring, err := memberlist.NewKeyring(nil, old)
		check("keyring", err)
		rings = append(rings, ring)
		nodes = append(nodes, create(name, func(c *memberlist.Config) { c.Keyring = ring }))
	}
	join(nodes[1].Memberlist, nodes[0].Memberlist)
	eventually("both see both", func() bool { return nodes[0].NumMembers() == 2 && nodes[1].NumMembers() == 2 })
	for _, ring := range rings {
		check("add", ring.AddKey(fresh))
	}
	for _, ring := range rings {
		check("use", ring.UseKey(fresh))
	}
	fmt.Println("the ring in use cannot lose its primary key:", rings[0].RemoveKey(fresh) != nil)
	for _, ring := range rings {
		check("remove", ring.RemoveKey(old))
	}
	fmt.Println("keys:", len(rings[0].GetKeys()), bytes.Equal(rings[0].GetPrimaryKey(), fresh))
	check("send", nodes[0].SendReliable(member(nodes[0], "b"), []byte("under the new key")))
	eventually("message under the new key", nodes[1].has("message under the new key"))
	for _, n := range nodes {
		check("shutdown", n.Shutdown())
	}
}

func member(n *node, name string) *memberlist.Node {
	for _, m := range n.Members() {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// counting is a transport of the old kind: it knows addresses only, no names.
type counting struct {
	memberlist.Transport
	packets, streams atomic.Int64
}

func (c *counting) WriteTo(b []byte, addr string) (time.Time, error) {
	c.packets.Add(1)
	return c.Transport.WriteTo(b, addr)
}

func (c *counting) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	c.streams.Add(1)
	return c.Transport.DialTimeout(addr, timeout)
}

// aware is one of the newer kind. Of each address it wants to know the name as well.
type aware struct {
	memberlist.NodeAwareTransport
	named atomic.Int64
}

func (a *aware) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	if addr.Name != "" {
		a.named.Add(1)
	}
	return a.NodeAwareTransport.WriteToAddress(b, addr)
}

// transports puts transports of the program's own around those of the library.
func transports() {
	under, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}})
	check("transport", err)
	fmt.Println("a port was chosen:", under.GetAutoBindPort() > 0)
	old := &counting{Transport: under}
	below, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}})
	check("transport", err)
	newer := &aware{NodeAwareTransport: below}
	a := create("a", func(c *memberlist.Config) { c.Transport = old })
	b := create("b")
	c, d := create("c", func(conf *memberlist.Config) { conf.Transport = newer }), create("d")
	join(a.Memberlist, b.Memberlist)
	join(c.Memberlist, d.Memberlist)
	eventually("what is written passes the old transport", func() bool { return old.packets.Load() > 2 && old.streams.Load() > 0 })
	eventually("what is written passes the newer one, with names", func() bool { return newer.named.Load() > 2 })
	eventually("everybody sees its partner", func() bool {
		return names(a.Memberlist) == "a b" && names(b.Memberlist) == "a b" && names(c.Memberlist) == "c d" && names(d.Memberlist) == "c d"
	})
	for _, n := range []*node{a, b, c, d} {
		check("shutdown", n.Shutdown())
	}
}
