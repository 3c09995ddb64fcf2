package memberlist

import (
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
