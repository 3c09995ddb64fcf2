package memberlist

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
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
				synctest.Wait()
				s := m.streams
				if len(s.answers) != 0 || len(s.serving) != 0 || s.served.held.Load() != 0 || s.sockets() != 0 {
					t.Errorf("still held: %d answers, %d slots, %d bytes, %d sockets",
						len(s.answers), len(s.serving), s.served.held.Load(), s.sockets())
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

func TestBetter63MessagesThatBeganWhileThereWasRoomDoNotOverfillTheBacklog(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		const streams, size = 300, 1 << 20
		stuck := make(chan struct{})
		h := &hooks{msg: func([]byte) { <-stuck }}
		m, z := b.create("m", quiet, h.all), b.stranger("z")
		head, body := wire.UserHeader{UserMsgLen: size}, make([]byte, size)
		conns := make([]net.Conn, streams)
		for i := range conns {
			conns[i] = z.begin(m, head.Append(nil))
		}
		for _, conn := range conns {
			go conn.Write(body)
		}
		synctest.Wait()
		s := m.streams
		most := maxBacklog + size + streams*alwaysHeld/2
		if held := s.backlog.held + int(s.served.held.Load()+s.queued.held.Load()); held > most || held < maxBacklog/2 {
			t.Errorf("%d bytes are held, %d of them in the backlog", held, s.backlog.held)
		}
		close(stuck)
		synctest.Wait()
		if n := strings.Count(h.told("NotifyMsg"), "NotifyMsg"); n != streams {
			t.Errorf("%d of %d messages came in afterwards", n, streams)
		}
		if s.backlog.held != 0 || s.served.held.Load() != 0 || s.queued.held.Load() != 0 {
			t.Errorf("still held: %d, %d, %d bytes", s.backlog.held, s.served.held.Load(), s.queued.held.Load())
		}
	})
}

func TestBetter63AMessageDoesNotWaitForEverForRoom(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		sink := inmem(t)
		m, z := b.create("m", quiet, new(hooks).all), b.stranger("z")
		m.streams.backlog.add(maxBacklog)
		head := wire.UserHeader{UserMsgLen: 100}
		z.begin(m, head.Append(nil))
		s := m.streams
		time.Sleep(queuedTimeouts*m.conf.TCPTimeout - time.Second)
		if len(s.waiting) != 1 || len(s.serving) != 0 {
			t.Errorf("%d wait, %d are served", len(s.waiting), len(s.serving))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(s.waiting) != 0 || s.sockets() != 0 || len(s.backlog.queue) != 0 || s.queued.held.Load() != 0 {
			t.Errorf("still held: %d slots, %d sockets, %d bytes", len(s.waiting), s.sockets(), s.queued.held.Load())
		}
		if n := dropsOf(m, sink, "application"); n != 1 {
			t.Errorf("%d were counted", n)
		}
	})
}

func TestABacklogLetsInWhatFitsInTheOrderInWhichItCame(t *testing.T) {
	is := func(a *admission) bool {
		select {
		case <-a.open:
			return true
		default:
			return false
		}
	}
	b := new(backlog)
	whole := b.await(maxBacklog + 1)
	if !is(whole) || b.take(1) {
		t.Fatal("what is larger than the backlog does not come in alone")
	}
	first, second, third := b.await(maxBacklog/2), b.await(maxBacklog), b.await(1)
	b.add(-whole.size)
	if !is(first) || is(second) || is(third) || b.take(1) {
		t.Error("what fits does not come in, or something passed what waits")
	}
	b.leave(second)
	if !is(third) {
		t.Error("who has left still keeps others out")
	}
	b.leave(third)
	b.leave(first)
	if b.held != 0 || !b.take(maxBacklog) {
		t.Errorf("%d bytes are still held", b.held)
	}
}
