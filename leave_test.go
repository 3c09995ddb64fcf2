package memberlist

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestSection5LeaveTellsItselfAndWaitsUntilItWasTold(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		nodes := b.cluster(3, func(c *Config) {
			if c.Name == "c" {
				h.all(c)
			}
		})
		time.Sleep(10 * time.Second) // the queues are empty by now
		h.forget()
		begun := time.Now()
		if err := nodes[2].Leave(0); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took == 0 || took > 5*time.Second {
			t.Errorf("waited %v", took)
		}
		if got := h.told("NotifyLeave"); got != "NotifyLeave c left" {
			t.Errorf("told %q", got)
		}
		if names(nodes[0]) != "a b" || names(nodes[1]) != "a b" {
			t.Errorf("after Leave a sees %q, b sees %q", names(nodes[0]), names(nodes[1]))
		}
		if gone := nodes[0].Departed(); len(gone) != 1 || gone[0].Node.State != StateLeft || gone[0].Since.Before(begun) {
			t.Errorf("departed %v", gone)
		}
	})
}

func TestSection5NobodyElseAliveNeitherLeaveNorUpdateWaits(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(2)
		if err := nodes[1].Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		nodes[1].Shutdown()
		begun := time.Now()
		if err := nodes[0].UpdateNode(0); err != nil {
			t.Errorf("update: %v", err)
		}
		if err := nodes[0].Leave(0); err != nil {
			t.Errorf("leave: %v", err)
		}
		if err := nodes[0].Leave(0); err != nil {
			t.Errorf("second leave: %v", err)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %v for nobody", took)
		}
		if err := nodes[0].UpdateMeta(context.Background(), nil); !errors.Is(err, ErrLeft) {
			t.Errorf("update while left: %v", err)
		}
	})
}

// unsent is a configuration whose queue is never emptied: whoever waits for that waits for something else.
func unsent(c *Config) {
	c.GossipInterval, c.ProbeInterval, c.PushPullInterval = 0, 0, 0
}

func TestSection5AWaitEndsAtItsTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(2, unsent)
		for _, call := range []func(time.Duration) error{nodes[1].UpdateNode, nodes[1].Leave} {
			begun := time.Now()
			err := call(3 * time.Second)
			if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
				t.Errorf("%v after %v", err, took)
			}
		}
	})
}

func TestSection5AWaitEndsWhenItsMessageIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(2, unsent)
		first := soon(func() error { return nodes[1].UpdateNode(0) })
		synctest.Wait()
		select {
		case err := <-first:
			t.Fatalf("nothing was sent, and yet: %v", err)
		default:
		}
		second := soon(func() error { return nodes[1].UpdateMeta(context.Background(), []byte("x")) })
		synctest.Wait()
		select {
		case err := <-first:
			if err != nil {
				t.Errorf("replaced: %v", err)
			}
		default:
			t.Error("the first still waits")
		}
		third := soon(func() error { return nodes[1].Leave(0) })
		if err := <-second; err != nil {
			t.Errorf("replaced by Leave: %v", err)
		}
		nodes[1].Shutdown()
		if err := <-third; !errors.Is(err, ErrShutdown) {
			t.Errorf("leave at shutdown: %v", err)
		}
	})
}

func TestSection5AWaitEndsAtShutdown(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(2, unsent)
		m := nodes[1]
		update := soon(func() error { return m.UpdateNode(0) })
		ping := soon(func() error { _, err := m.Ping("q", &MockAddress{addr: b.mute("q")}); return err })
		join := soon(func() error { _, err := m.Join([]string{b.mute("r")}); return err })
		send := soon(func() error { return m.SendReliable(&Node{Name: "s", Addr: net.IPv4(10, 0, 0, 1), Port: 1}, nil) })
		synctest.Wait()
		begun := time.Now()
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
		for what, done := range map[string]<-chan error{"update": update, "ping": ping, "join": join} {
			if err := <-done; !errors.Is(err, ErrShutdown) {
				t.Errorf("%s: %v", what, err)
			}
		}
		<-send
		if took := time.Since(begun); took != 0 {
			t.Errorf("the waits ended after %v", took)
		}
	})
}

func TestSection5AWaitEndsAtTheEndOfItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		defer close(stuck)
		h := &hooks{}
		nodes := b.cluster(2, unsent, func(c *Config) {
			if c.Name == "b" {
				h.all(c)
			}
		})
		m := nodes[1]
		h.set(func() { h.update = func(*Node) { <-stuck } })
		for _, call := range []func(context.Context) error{
			m.UpdateNodeContext,
			func(ctx context.Context) error { return m.UpdateMeta(ctx, []byte("x")) }, // and NotifyUpdate blocks
			m.LeaveContext,
		} {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			begun := time.Now()
			if err := call(ctx); !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
		}
		if m.LocalNode().State != StateLeft {
			t.Error("the leave did not happen")
		}
	})
}

func TestSection5ProbingAndGossipGoOnAfterLeaveUntilShutdown(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		out := &sizes{}
		nodes := b.cluster(3, func(c *Config) {
			if c.Name == "c" {
				through(&tap{write: out.see})(c)
			}
		})
		if err := nodes[2].Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		out.reset()
		time.Sleep(10 * time.Second)
		if n := out.count(); n < 5 {
			t.Errorf("%d packets in 10 s, the probes alone are 10", n)
		}
		nodes[1].Shutdown()
		b.eventually(time.Minute, "the one that left sees b die", func() bool { return names(nodes[2]) == "a" })
	})
}

func TestSection5UpdateNodeAsksForMetadataAndBumpsTheIncarnation(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{meta: func() []byte { return []byte("blue") }}
		nodes := b.cluster(2, func(c *Config) {
			if c.Name == "b" {
				h.all(c)
			}
		})
		h.set(func() { h.meta = func() []byte { return []byte("red") } })
		h.forget()
		before := incarnation(nodes[1], "b")
		if err := nodes[1].UpdateNode(0); err != nil {
			t.Fatal(err)
		}
		if got, want := h.told("NodeMeta", "NotifyUpdate"), "NodeMeta 512, NotifyUpdate b"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		if got := incarnation(nodes[1], "b"); got != before+1 {
			t.Errorf("incarnation %d after %d", got, before)
		}
		if got := string(node(nodes[0], "b").Meta); got != "red" {
			t.Errorf("a knows metadata %q when UpdateNode has returned", got)
		}
	})
}

func TestSection5AVetoAboutOurselvesStopsAnUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		m := b.create("a", h.all)
		why := errors.New("not so")
		h.set(func() { h.alive = func(*Node) error { return why } })
		before := incarnation(m, "a")
		err := m.UpdateNode(time.Second)
		var veto *VetoError
		if !errors.As(err, &veto) || !errors.Is(err, why) || incarnation(m, "a") != before {
			t.Errorf("%v, incarnation %d after %d", err, incarnation(m, "a"), before)
		}
	})
}

func TestBetter65TooMuchMetadataIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{meta: func() []byte { return make([]byte, 513) }}
		conf := b.config("a")
		h.all(conf)
		if _, err := Create(conf); !errors.Is(err, ErrMetaTooLarge) {
			t.Errorf("create: %v", err)
		}
		h.set(func() { h.meta = func() []byte { return make([]byte, 512) } })
		m := b.create("b", h.all)
		h.set(func() { h.meta = func() []byte { return make([]byte, 513) } })
		if err := m.UpdateNode(time.Second); !errors.Is(err, ErrMetaTooLarge) {
			t.Errorf("update: %v", err)
		}
		if got := len(m.LocalNode().Meta); got != 512 {
			t.Errorf("%d bytes of metadata", got)
		}
	})
}
