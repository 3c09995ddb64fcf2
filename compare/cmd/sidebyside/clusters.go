package main

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist/compare/bed"
	"github.com/seed-f61b0479/memberlist/compare/side/ours"
	"github.com/seed-f61b0479/memberlist/compare/side/reference"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// clusters are the experiments with nodes on real sockets, all in this process and all of one kind.
func clusters() []experiment {
	return []experiment{
		{name: "ping → ack over UDP", quantities: []quantity{{unit: "µs CPU"}}, run: overUDP},
		{name: "reliable messages of 1 KB, one after another", quantities: []quantity{
			{name: ": time each", unit: "µs"}, {name: ": CPU each", unit: "µs CPU"},
		}, run: reliable},
		{name: "storm: 10 nodes tell each other 500 broadcasts each", quantities: []quantity{
			{name: ": CPU for each received", unit: "µs CPU"},
		}, run: storm},
		whole(50, 5*time.Second, 5, 20),
		whole(300, 15*time.Second, 0, 0),
	}
}

// onSockets starts a number of nodes of one kind with the default configuration, but for the address.
func onSockets(kind bed.Kind, count int, change func(*bed.Settings)) (nodes []bed.Node, end func(), err error) {
	create := reference.New
	if kind == bed.Ours {
		create = ours.New
	}
	end = func() {
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() { _ = n.Shutdown() })
		}
		all.Wait()
	}
	for i := range count {
		s := still()
		s.Name, s.Timers = nameOf(i), bed.LAN()
		if change != nil {
			change(&s)
		}
		n, err := create(s)
		if err != nil {
			end()
			return nil, nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, end, nil
}

// gather has each node join an earlier one, and waits until all know all. In clusters of the reference a few may wait
// for that until the next exchange of states, which takes minutes in a large cluster: waiting ends before.
func gather(nodes []bed.Node) error {
	for i, n := range nodes[1:] {
		if err := joinSomehow(n, nodes[i/2].Addr()); err != nil {
			return err
		}
	}
	for began := time.Now(); time.Since(began) < enough; time.Sleep(10 * time.Millisecond) {
		if agreed(nodes) {
			break
		}
	}
	return nil
}

// enough is how long is waited for what a whole cluster has to come to know. It then counts as having taken that long.
const enough = 60 * time.Second

func agreed(nodes []bed.Node) bool {
	for _, n := range nodes {
		if n.NumMembers() != len(nodes) {
			return false
		}
	}
	return true
}

// joinSomehow tries more than once: a node of a large cluster may be too busy to answer in time.
func joinSomehow(n bed.Node, addr string) (err error) {
	for range 5 {
		if _, err = n.Join(addr); err == nil {
			return nil
		}
	}
	return err
}

// overUDP is packet in → ack out with the built-in transport, so most of it is the kernel's, and the tester's share.
func overUDP(kind bed.Kind) ([]float64, error) {
	nodes, end, err := onSockets(kind, 1, func(s *bed.Settings) {
		s.ProbeInterval, s.GossipInterval, s.PushPullInterval = 0, 0, 0
	})
	if err != nil {
		return nil, err
	}
	defer end()
	conn, err := net.Dial("udp", nodes[0].Addr())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	own := conn.LocalAddr().(*net.UDPAddr)
	packet := (&wire.Ping{SeqNo: 1, Node: nodes[0].Name(), SourceAddr: own.IP.To4(), SourcePort: uint16(own.Port)}).Append(nil)
	const times = 20000
	buf := make([]byte, 2000)
	took, err := spent(func() error {
		for range times {
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				return err
			}
			if _, err := conn.Write(packet); err != nil {
				return err
			}
			if _, err := conn.Read(buf); err != nil {
				return err
			}
		}
		return nil
	})
	return []float64{took.Seconds() * 1e6 / times}, err
}

// reliable sends messages by stream from one node to another, each when the one before was handed over.
func reliable(kind bed.Kind) ([]float64, error) {
	arrived := bed.NewSink()
	nodes, end, err := onSockets(kind, 2, func(s *bed.Settings) {
		s.Hook = &bed.Hook{Message: func([]byte) { arrived.Count() }}
	})
	if err != nil {
		return nil, err
	}
	defer end()
	if err := gather(nodes); err != nil {
		return nil, err
	}
	const times = 2000
	msg := make([]byte, 1024)
	arrived.Expect(times)
	began := time.Now()
	took, err := spent(func() error {
		for range times {
			if err := nodes[0].Send(bed.SendReliable, nodes[1].Name(), msg); err != nil {
				return err
			}
		}
		return arrived.Wait(enough)
	})
	return []float64{time.Since(began).Seconds() * 1e6 / times, took.Seconds() * 1e6 / times}, err
}

// storm has a few nodes broadcast all at once, and waits until they have said everything.
func storm(kind bed.Kind) ([]float64, error) {
	arrived := bed.NewSink()
	nodes, end, err := onSockets(kind, 10, func(s *bed.Settings) {
		s.GossipInterval = 10 * time.Millisecond
		s.Hook = &bed.Hook{Message: func([]byte) { arrived.Count() }}
	})
	if err != nil {
		return nil, err
	}
	defer end()
	if err := gather(nodes); err != nil {
		return nil, err
	}
	took, err := spent(func() error {
		for i := range 500 {
			for _, n := range nodes {
				n.Broadcast(fmt.Appendf(make([]byte, 0, 100), "broadcast %d of %s: %060d", i, n.Name(), i))
			}
		}
		for busy(nodes) {
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	})
	return []float64{took.Seconds() * 1e6 / float64(arrived.Sent())}, err
}

// busy says whether there is something left to say.
func busy(nodes []bed.Node) bool {
	for _, n := range nodes {
		if n.Queued() > 0 {
			return true
		}
	}
	return false
}

// whole is the life of a cluster: it gathers, is left in peace, and loses a node.
func whole(count int, settle time.Duration, cpuTarget, garbageTarget float64) experiment {
	const rest = 10 * time.Second
	run := func(kind bed.Kind) ([]float64, error) {
		dead := bed.NewSink()
		victim := nameOf(count / 2)
		departed := func(name string) {
			if name == victim { // others may be taken for dead, too
				dead.Count()
			}
		}
		nodes, end, err := onSockets(kind, count, func(s *bed.Settings) { s.Hook = &bed.Hook{Departed: departed} })
		if err != nil {
			return nil, err
		}
		defer end()
		began := time.Now()
		if err := gather(nodes); err != nil {
			return nil, err
		}
		agreed := time.Since(began)
		time.Sleep(settle)
		garbage := allocated()
		work, _ := spent(func() error { time.Sleep(rest); return nil })
		garbage = allocated() - garbage

		dead.Expect(count - 1)
		began = time.Now()
		if err := nodes[count/2].Shutdown(); err != nil {
			return nil, err
		}
		_ = dead.Wait(enough) // some may not know the one that died
		share := float64(count) * rest.Seconds()
		return []float64{
			agreed.Seconds(), work.Seconds() * 1e6 / share, float64(garbage) / 1000 / share, time.Since(began).Seconds(),
		}, nil
	}
	return experiment{name: fmt.Sprintf("cluster of %d", count), quantities: []quantity{
		{name: ": until all agree", unit: "s"},
		{name: " at rest: CPU per node and second", unit: "µs CPU", target: cpuTarget},
		{name: " at rest: garbage per node and second", unit: "KB", target: garbageTarget},
		{name: ": until all have seen a death", unit: "s"},
	}, run: run}
}
