package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestSection5AfterShutdownEveryCallAnswersOrSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		nodes := b.cluster(3, func(c *Config) {
			if c.Name == "c" {
				h.all(c)
			}
		})
		m, to := nodes[2], nodes[0].LocalNode()
		if err := m.Shutdown(); err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		addr := &MockAddress{addr: to.Address()}
		h.forget()
		for what, err := range map[string]error{
			"Join":                second(m.Join([]string{to.Address()})),
			"Join of nobody":      second(m.Join(nil)),
			"JoinContext":         second(m.JoinContext(ctx, []string{to.Address()})),
			"Leave":               m.Leave(0),
			"LeaveContext":        m.LeaveContext(ctx),
			"UpdateNode":          m.UpdateNode(0),
			"UpdateNodeContext":   m.UpdateNodeContext(ctx),
			"UpdateMeta":          m.UpdateMeta(ctx, []byte("x")),
			"ForceRemove":         m.ForceRemove("a"),
			"Ping":                second(m.Ping("a", addr)),
			"PingContext":         second(m.PingContext(ctx, "a", addr)),
			"SendBestEffort":      m.SendBestEffort(to, nil),
			"SendToAddress":       m.SendToAddress(to.FullAddress(), nil),
			"SendTo":              m.SendTo(addr, nil),
			"SendToUDP":           m.SendToUDP(to, nil),
			"SendToTCP":           m.SendToTCP(to, nil),
			"SendReliable":        m.SendReliable(to, nil),
			"SendReliableContext": m.SendReliableContext(ctx, to, nil),
		} {
			if !errors.Is(err, ErrShutdown) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := m.Shutdown(); err != nil {
			t.Errorf("second Shutdown: %v", err)
		}
		if got := h.told(); got != "" {
			t.Errorf("called after Shutdown: %q", got)
		}
		if names(m) != "a b c" || m.NumMembers() != 3 || m.LocalNode().Name != "c" || m.GetHealthScore() != 0 ||
			m.ProtocolVersion() != 2 || len(m.Departed()) != 0 {
			t.Errorf("what was known last is gone: members %q, local node %v", names(m), m.LocalNode())
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestSection5ShutdownIsIdempotentEvenAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("a")
		first, other := soon(m.Shutdown), soon(m.Shutdown)
		if err := errors.Join(<-first, <-other, m.Shutdown()); err != nil {
			t.Error(err)
		}
	})
}

func TestSection5AfterLeaveAndShutdownWeAreStillSomebody(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(2)
		if err := nodes[1].Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute) // others have forgotten us
		nodes[1].Shutdown()
		if n := nodes[1].LocalNode(); n == nil || n.Name != "b" || n.State != StateLeft {
			t.Errorf("local node %+v", n)
		}
	})
}

// everyCallback arranges that each method of an application blocks, one node for each.
func everyCallback(wait func()) map[string]func(*hooks) {
	return map[string]func(*hooks){
		"NotifyMsg":        func(h *hooks) { h.msg = func([]byte) { wait() } },
		"GetBroadcasts":    func(h *hooks) { h.broadcasts = func(int, int) [][]byte { wait(); return nil } },
		"LocalState":       func(h *hooks) { h.state = func(bool) []byte { wait(); return nil } },
		"MergeRemoteState": func(h *hooks) { h.mergeState = func([]byte, bool) { wait() } },
		"NotifyJoin":       func(h *hooks) { h.join = func(*Node) { wait() } },
		"NotifyLeave":      func(h *hooks) { h.leave = func(*Node) { wait() } },
		"NotifyUpdate":     func(h *hooks) { h.update = func(*Node) { wait() } },
		"NotifyAlive":      func(h *hooks) { h.alive = func(*Node) error { wait(); return nil } },
		"NotifyConflict":   func(h *hooks) { h.conflict = func(_, _ *Node) { wait() } },
		"NotifyMerge":      func(h *hooks) { h.merge = func([]*Node) error { wait(); return nil } },
		"AckPayload":       func(h *hooks) { h.payload = func() []byte { wait(); return []byte("late") } },
		"NotifyPingComplete": func(h *hooks) {
			h.pinged = func(*Node, time.Duration, []byte) { wait() }
		},
	}
}

// provoke has the others do what makes a node call every method of its application.
func provoke(b *lab, m, other *Memberlist) {
	b.t.Helper()
	to := m.LocalNode()
	go other.UpdateMeta(context.Background(), []byte("new"))
	if err := errors.Join(other.SendBestEffort(to, []byte("hello")), other.SendReliable(to, []byte("hello"))); err != nil && !m.isShutdown() {
		b.t.Error(err)
	}
	twin := b.create(other.LocalNode().Name, through(&tap{})) // claims the other's name
	fresh := b.create("fresh")
	for _, n := range []*Memberlist{twin, fresh} {
		go n.Join([]string{to.Address()})
	}
	passing := b.create("passing")
	gone := make(chan struct{})
	b.t.Cleanup(func() { <-gone })
	go func() {
		defer close(gone)
		passing.Join([]string{other.LocalNode().Address()})
		time.Sleep(2 * time.Second) // or nobody but the other hears of it
		passing.Leave(time.Second)
		passing.Shutdown()
	}()
}

func TestSection5ShutdownWaitsASecondForACallbackThatNeverReturns(t *testing.T) {
	for method := range everyCallback(func() {}) {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				stuck, entered := make(chan struct{}), make(chan struct{}, 100)
				h := &hooks{}
				a := b.create("a", func(c *Config) { h.all(c); c.PushPullInterval = 5 * time.Second })
				other := b.create("o", func(c *Config) {
					c.Delegate = &hooks{state: func(bool) []byte { return []byte("state") }}
				})
				b.join(other, a)
				time.Sleep(time.Second)
				h.set(func() { everyCallback(func() { entered <- struct{}{}; <-stuck })[method](h) })
				provoke(b, a, other)
				select {
				case <-entered:
				case <-time.After(time.Minute):
					t.Fatal("it was not called")
				}
				time.Sleep(3 * time.Second)
				begun := time.Now()
				if err := a.Shutdown(); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took != time.Second {
					t.Errorf("Shutdown took %v", took)
				}
				h.forget()
				close(stuck)
				time.Sleep(time.Minute)
				if got := h.told(); got != "" {
					t.Errorf("called after Shutdown: %q", got)
				}
			})
		})
	}
}

func TestSection5ShutdownWaitsForACallbackThatReturns(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		returned := false
		h := &hooks{msg: func([]byte) { time.Sleep(500 * time.Millisecond); returned = true }}
		m, z := b.create("a", h.all), b.create("z")
		if err := z.SendBestEffort(m.LocalNode(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		begun := time.Now()
		m.Shutdown()
		if took := time.Since(begun); !returned || took != 500*time.Millisecond {
			t.Errorf("returned %v after %v", returned, took)
		}
	})
}

func TestSection5ShutdownMayBeCalledByACallback(t *testing.T) {
	for method := range everyCallback(func() {}) {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				h := &hooks{}
				a := b.create("a", func(c *Config) { h.all(c); c.PushPullInterval = 5 * time.Second })
				other := b.create("o", func(c *Config) {
					c.Delegate = &hooks{state: func(bool) []byte { return []byte("state") }}
				})
				b.join(other, a)
				time.Sleep(time.Second)
				done := make(chan error, 100)
				h.set(func() { everyCallback(func() { done <- a.Shutdown() })[method](h) })
				provoke(b, a, other)
				select {
				case err := <-done:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(time.Minute):
					t.Error("it hangs, or was not called")
				}
			})
		})
	}
}

func TestSection5ShutdownRacesWithEveryCall(t *testing.T) {
	for i := range 20 {
		bubble(t, func(t *testing.T, b *lab) {
			nodes := b.cluster(2)
			m, to := nodes[1], nodes[0].LocalNode()
			calls := []func() error{
				func() error { return second(m.Join([]string{to.Address()})) },
				func() error { return m.Leave(0) },
				func() error { return m.UpdateNode(0) },
				func() error { return second(m.Ping("a", &MockAddress{addr: to.Address()})) },
				func() error { return m.SendReliable(to, []byte("x")) },
				func() error { return m.SendBestEffort(to, []byte("x")) },
				func() error { return m.ForceRemove("a") },
			}
			var done []<-chan error
			for _, call := range calls {
				done = append(done, soon(call))
			}
			for range i {
				go func() {}() // another moment each time
			}
			m.Shutdown()
			for n, d := range done {
				var network net.Error
				if err := <-d; err != nil && !errors.Is(err, ErrShutdown) && !errors.Is(err, ErrLeft) && !errors.As(err, &network) {
					t.Errorf("call %d: %v", n, fmt.Errorf("%T: %w", err, err))
				}
			}
		})
	}
}

func TestSection5AConversationThatBeginsDuringShutdownIsClosedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		m.streams.hangUp() // Shutdown has come this far, and the loops still run
		begun := time.Now()
		conn := s.begin(m, nil)
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(begun) != 0 {
			t.Errorf("what others begin: %v after %v", err, time.Since(begun))
		}
		err := m.SendReliable(nodeAt(s.at.String(), "s"), noise(1<<20))
		if err == nil || time.Since(begun) != 0 {
			t.Errorf("what we begin: %v after %v", err, time.Since(begun))
		}
	})
}
