package memberlist

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// undisturbed watches a cluster for a minute and fails the test if anybody doubts anybody.
func undisturbed(b *lab, log *logbook, nodes []*Memberlist) {
	b.t.Helper()
	time.Sleep(time.Minute)
	for _, message := range []string{"probe failed", "member suspected", "refuting an accusation", "member gone"} {
		for _, rec := range log.of(message) {
			b.t.Errorf("%s: %s", message, attr(rec, "member"))
		}
	}
	for _, m := range nodes {
		if score := m.GetHealthScore(); score != 0 {
			b.t.Errorf("%s has health %d", m.LocalNode().Name, score)
		}
	}
}

func TestBetter63ABlockedMethodOfTheApplicationHurtsNobody(t *testing.T) {
	for method := range everyCallback(func() {}) {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				stuck := make(chan struct{})
				var entered atomic.Int32
				h, log := &hooks{}, &logbook{level: -100}
				nodes := b.cluster(5, log.into, func(c *Config) {
					c.PushPullInterval = 5 * time.Second
					if c.Name == "a" {
						h.all(c)
					} else {
						c.Delegate = &hooks{state: func(bool) []byte { return []byte("state") }}
					}
				})
				defer close(stuck)
				h.set(func() { everyCallback(func() { entered.Add(1); <-stuck })[method](h) })
				a := nodes[0]
				for range 3 {
					disturb(b, a, nodes[1])
				}
				b.eventually(30*time.Second, "it blocks", func() bool { return entered.Load() > 0 || method == "NotifyLeave" })
				undisturbed(b, log, nodes)
				if rtt, err := nodes[1].Ping("a", a.transport.(*MockTransport).addr); err != nil || rtt > 10*time.Millisecond {
					t.Errorf("ping: %v, %v", rtt, err)
				}
			})
		})
	}
}

// disturb makes a node call most methods of its application, without harm to the cluster.
func disturb(b *lab, m, other *Memberlist) {
	b.t.Helper()
	to := m.LocalNode()
	go other.UpdateMeta(context.Background(), fmt.Append(nil, time.Now()))
	for range 100 {
		if err := other.SendBestEffort(to, []byte("hello")); err != nil {
			b.t.Error(err)
		}
		if err := other.SendReliable(to, []byte("hello")); err != nil {
			b.t.Error(err)
		}
	}
	fresh := b.create(fmt.Sprint("fresh ", time.Now().UnixNano()))
	go fresh.Join([]string{to.Address()})
	m.cluster.step(func(c *swim.Machine, now time.Time) { // two claim one name
		c.Alive(now, &wire.Alive{
			Incarnation: 1, Node: other.LocalNode().Name, Addr: []byte{10, 0, 0, 1}, Port: 1, Vsn: m.conf.BuildVsnArray(),
		})
	})
	time.Sleep(time.Second)
}

func TestBetter63AFullEventChannelHurtsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		ch := make(chan NodeEvent, 1) // room for ourselves
		log := &logbook{level: -100}
		nodes := b.cluster(5, log.into, func(c *Config) {
			if c.Name == "a" {
				c.Events = &ChannelEventDelegate{Ch: ch}
			}
		})
		undisturbed(b, log, nodes)
		var got []string
		for range 5 {
			e := <-ch
			got = append(got, e.Event.String()+" "+e.Node.Name)
		}
		if text := strings.Join(got, ", "); text != "join a, join b, join c, join d, join e" {
			t.Errorf("the channel brought %q", text)
		}
	})
}

func TestBetter63AWriteThatBlocksHurtsOnlyItsDestination(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		var stop atomic.Value // the address to which nothing can be written
		stop.Store("")
		log := &logbook{level: -100}
		nodes := b.cluster(5, log.into, func(c *Config) {
			if c.Name == "a" {
				through(&tap{write: func(_ []byte, to Address) error {
					if to.Addr == stop.Load() {
						<-stuck
					}
					return nil
				}})(c)
			}
		})
		defer close(stuck)
		// e answers the others; a's packets to it hang.
		stop.Store(nodes[4].LocalNode().Address())
		time.Sleep(2 * time.Minute)
		for _, message := range []string{"member suspected", "member gone"} {
			for _, rec := range log.of(message) {
				if who := attr(rec, "member"); who != "e" {
					t.Errorf("%s: %s", message, who)
				}
			}
		}
		for _, m := range nodes[:4] {
			if got := names(m); got != "a b c d e" {
				t.Errorf("%s sees %q", m.LocalNode().Name, got)
			}
		}
	})
}

func TestBetter63ASlowTransportIsNoReasonToSuspect(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		log := &logbook{level: -100}
		nodes := b.cluster(8, log.into, through2(func() *tap {
			return &tap{write: func([]byte, Address) error { time.Sleep(100 * time.Millisecond); return nil }}
		}))
		undisturbed(b, log, nodes)
	})
}

// through2 puts a tap of its own into each node's way.
func through2(make func() *tap) func(*Config) {
	return func(c *Config) { through(make())(c) }
}

func TestBetter63AnAckLeavesWithin10msWithoutItsPayload(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		h := &hooks{payload: func() []byte { return []byte("quick") }}
		a := b.create("a", unsent, h.all)
		z := b.create("z", unsent)
		addr := &MockAddress{addr: a.LocalNode().Address()}
		if rtt, err := z.Ping("a", addr); rtt != 0 || err != nil {
			t.Errorf("quick: %v, %v", rtt, err)
		}
		h.set(func() { h.payload = func() []byte { time.Sleep(5 * time.Millisecond); return nil } })
		if rtt, err := z.Ping("a", addr); rtt != 5*time.Millisecond || err != nil {
			t.Errorf("slow: %v, %v", rtt, err)
		}
		h.set(func() { h.payload = func() []byte { <-stuck; return []byte("late") } })
		var all []<-chan time.Duration
		for range 20 {
			all = append(all, soon(func() time.Duration { rtt, _ := z.Ping("a", addr); return rtt }))
		}
		for _, one := range all {
			if rtt := <-one; rtt != 10*time.Millisecond {
				t.Errorf("stuck: %v", rtt)
			}
		}
		if rtt, err := z.Ping("a", addr); rtt != 0 || err != nil {
			t.Errorf("nobody waits for one that is known to be stuck: %v, %v", rtt, err)
		}
		h.set(func() { h.payload = func() []byte { time.Sleep(time.Millisecond); return nil } })
		close(stuck)
		synctest.Wait()
		if rtt, err := z.Ping("a", addr); rtt != time.Millisecond || err != nil {
			t.Errorf("quick again: %v, %v", rtt, err)
		}
	})
}

func TestBetter63ThePayloadOfAnAckReachesThePinger(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var seen sightings
		h := &hooks{payload: func() []byte { return []byte("coordinates") }}
		mine := &hooks{pinged: func(n *Node, rtt time.Duration, payload []byte) {
			seen.add(fmt.Sprintf("%s %v %s", n.Name, rtt, payload))
		}}
		a, z := b.create("a", func(c *Config) { c.Ping = h }), b.create("z", func(c *Config) { c.Ping = mine })
		b.join(z, a)
		time.Sleep(2500 * time.Millisecond)
		if got := seen.sorted(); !strings.HasPrefix(got, "a 0s coordinates, a 0s coordinates") {
			t.Errorf("told %q", got)
		}
	})
}

func TestBetter63MessagesByStreamAreNeverDroppedAndThoseByPacketAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		h := &hooks{msg: func([]byte) { <-stuck }}
		a := b.create("a", h.all, func(c *Config) { c.HandoffQueueDepth = 10 })
		z := b.create("z")
		b.join(z, a)
		const many = 1500
		for range many {
			if err := z.SendReliable(a.LocalNode(), []byte("stream")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for range 100 {
			if err := z.SendBestEffort(a.LocalNode(), []byte("packet")); err != nil {
				t.Fatal(err)
			}
		}
		fresh := b.create("fresh")
		b.join(fresh, a) // conversations go on meanwhile
		close(stuck)
		synctest.Wait()
		if n := strings.Count(h.told(), "NotifyMsg stream"); n != many {
			t.Errorf("%d of %d by stream", n, many)
		}
		if n := strings.Count(h.told(), "NotifyMsg packet"); n != 11 {
			t.Errorf("%d by packet: 10 fit into the lane, and one was being told", n)
		}
		a.metrics.flush()
	})
}

func TestBetter61APublicCallReturnsAfterItsNewsAndAContextBefore(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		a, z := b.create("a"), b.create("z", h.all)
		h.set(func() { h.join = func(*Node) { time.Sleep(3 * time.Second) } })
		begun := time.Now()
		b.join(z, a)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("Join returned after %v", took)
		}
		h.set(func() { h.update = func(*Node) { time.Sleep(3 * time.Second) } })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begun = time.Now()
		z.UpdateMeta(ctx, []byte("x"))
		if took := time.Since(begun); took != time.Second {
			t.Errorf("UpdateMeta returned after %v", took)
		}
		time.Sleep(10 * time.Second)
		h.set(func() { h.leave = func(*Node) { time.Sleep(3 * time.Second) } })
		begun = time.Now()
		if err := a.ForceRemove("z"); err != nil {
			t.Error(err)
		}
		if err := z.Leave(0); err != nil || time.Since(begun) != 3*time.Second {
			t.Errorf("Leave: %v after %v", err, time.Since(begun))
		}
	})
}

func TestBetter63ACallIsCancelledWhileItDialsAndWhileADelegateBlocks(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		h := &hooks{}
		hangs := func(_ Address, limit time.Duration) (net.Conn, bool, error) {
			time.Sleep(limit)
			return nil, true, context.DeadlineExceeded
		}
		m := b.create("m", through(&tap{dial: hangs}), h.all)
		defer close(stuck)
		h.set(func() { h.alive = func(*Node) error { <-stuck; return nil } })
		go m.UpdateNode(0) // keeps the delegate
		synctest.Wait()
		for what, call := range map[string]func(ctx context.Context) error{
			"send": func(ctx context.Context) error { return m.SendReliableContext(ctx, nodeAt("10.0.0.1:1", "x"), nil) },
			"join": func(ctx context.Context) error { return second(m.JoinContext(ctx, []string{"10.0.0.1:1"})) },
			"ping": func(ctx context.Context) error {
				return second(m.PingContext(ctx, "x", &MockAddress{addr: b.mute("x")}))
			},
			"update": m.UpdateNodeContext,
		} {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(200*time.Millisecond, cancel)
			begun := time.Now()
			if err := call(ctx); ctx.Err() == nil || err == nil || !strings.Contains(err.Error(), "context canceled") {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(begun); took != 200*time.Millisecond {
				t.Errorf("%s took %v", what, took)
			}
		}
		time.Sleep(m.conf.TCPTimeout) // a transport that is dialling cannot be called back
	})
}
