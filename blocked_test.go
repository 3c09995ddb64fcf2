package memberlist

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBetter63PeriodicExchangesGoOnWhileTheApplicationBlocks(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		sink := inmem(t)
		told := &hooks{update: func(*Node) { <-stuck }}
		asked := &hooks{state: func(bool) []byte { return []byte("state of z") }}
		m := b.create("m", told.all, func(c *Config) { c.PushPullInterval = time.Second })
		z := b.create("z", asked.all, func(c *Config) { c.PushPullInterval = 0 })
		b.join(z, m)
		if err := z.UpdateMeta(t.Context(), []byte("new")); err != nil {
			t.Fatal(err)
		}
		b.eventually(time.Minute, "the update is told", func() bool { return told.told("NotifyUpdate z") != "" })
		asked.forget()
		time.Sleep(10 * time.Minute)
		if n := strings.Count(asked.told("LocalState"), "false"); n < 500 {
			t.Errorf("the peer was asked %d times in ten minutes", n)
		}
		m.streams.backlog.add(maxBacklog)
		time.Sleep(time.Minute)
		if n := dropsOf(m, sink, "application"); n < 50 {
			t.Errorf("%d states were counted that nobody took", n)
		}
		m.streams.backlog.add(-maxBacklog)
		told.forget()
		close(stuck)
		synctest.Wait()
		if n := strings.Count(told.told("MergeRemoteState state of z false"), "state of z"); n < 500 {
			t.Errorf("%d states were merged afterwards", n)
		}
	})
}

func TestBetter63AQuestionThatIsNeverAnsweredEndsItsExchangeAndFreesItsSlots(t *testing.T) {
	for says, block := range map[string]func(h *hooks, stuck chan struct{}){
		"LocalState":  func(h *hooks, stuck chan struct{}) { h.state = func(bool) []byte { <-stuck; return nil } },
		"NotifyMerge": func(h *hooks, stuck chan struct{}) { h.merge = func([]*Node) error { <-stuck; return nil } },
		"NotifyAlive": func(h *hooks, stuck chan struct{}) { h.alive = func(*Node) error { <-stuck; return nil } },
	} {
		t.Run(says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				stuck, h := make(chan struct{}), &hooks{}
				m, z := b.create("m", quiet, h.all), b.create("z", quiet)
				h.set(func() { block(h, stuck) })
				for range maxExchanges {
					go z.Join([]string{m.LocalNode().Address()})
				}
				time.Sleep(m.conf.TCPTimeout - time.Second)
				if n := len(m.streams.answers); n != maxExchanges {
					t.Fatalf("%d exchanges wait for the application", n)
				}
				time.Sleep(2 * time.Second)
				s := m.streams
				if len(s.answers) != 0 || len(s.serving) != 0 || s.served.held.Load() != 0 || len(s.open) != 0 {
					t.Errorf("still held: %d answers, %d slots, %d bytes, %d sockets",
						len(s.answers), len(s.serving), s.served.held.Load(), len(s.open))
				}
				close(stuck)
				synctest.Wait()
				if n := s.unanswered.Load(); n != 0 {
					t.Errorf("%d questions are still out", n)
				}
				b.join(z, m)
			})
		})
	}
}

func TestBetter63QuestionsThatAreNeverAnsweredAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		h := &hooks{state: func(bool) []byte { <-stuck; return nil }}
		m := b.create("m", quiet, h.all)
		ctx, cancel := context.WithCancel(t.Context())
		for range maxUnanswered {
			go m.streams.state(ctx, false)
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if _, err := m.streams.state(t.Context(), false); !errors.Is(err, errBacklog) {
			t.Errorf("one question more: %v", err)
		}
		close(stuck)
		synctest.Wait()
		if _, err := m.streams.state(t.Context(), false); err != nil {
			t.Errorf("after they came back: %v", err)
		}
	})
}
