package memberlist

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

func TestBetter63ADialThatIgnoresItsTimeoutHoldsUpNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		hang := make(chan struct{})
		stuck := true
		m := b.create("m", through(&tap{dial: func(Address, time.Duration) (net.Conn, bool, error) {
			if stuck {
				<-hang
			}
			return nil, stuck, errors.New("given up at last")
		}}))
		z := b.create("z", func(c *Config) { c.PushPullInterval = 0 })
		begun := time.Now()
		err := m.SendReliable(z.LocalNode(), []byte("x"))
		var network net.Error
		if !errors.As(err, &network) || !network.Timeout() || time.Since(begun) != m.conf.TCPTimeout {
			t.Errorf("a message: %v after %v", err, time.Since(begun))
		}
		b.join(z, m)
		time.Sleep(3 * m.conf.PushPullInterval)
		b.eventually(m.conf.TCPTimeout+time.Second, "the periodic exchange ends", func() bool { return len(m.streams.syncing) == 0 })
		for range maxAbandoned {
			go m.SendReliable(z.LocalNode(), nil)
		}
		time.Sleep(m.conf.TCPTimeout)
		synctest.Wait()
		begun = time.Now()
		if err := m.SendReliable(z.LocalNode(), nil); !errors.Is(err, errDialsHang) || time.Since(begun) != 0 {
			t.Errorf("with %d dials under way: %v after %v", maxAbandoned, err, time.Since(begun))
		}
		stuck = false
		close(hang)
		synctest.Wait()
		if err := m.SendReliable(z.LocalNode(), nil); err != nil {
			t.Errorf("after the dials came back: %v", err)
		}
	})
}

func TestBetter63AnApplicationThatTakesNoMessageInKeepsNothingElseFromBeingSaid(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		blocked := make(chan struct{})
		h := &hooks{msg: func([]byte) { <-blocked }}
		plain := func(c *Config) { c.EnableCompression, c.ProbeInterval, c.PushPullInterval = false, 0, 0 }
		m, z := b.create("m", plain, h.all), b.create("z", plain)
		large := make([]byte, 19<<20)
		for range 3 {
			if err := z.SendReliable(m.LocalNode(), large); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		begun := time.Now()
		err := z.SendReliable(m.LocalNode(), large)
		var network net.Error
		if !errors.As(err, &network) || !network.Timeout() || time.Since(begun) != z.conf.TCPTimeout {
			t.Errorf("a message beyond the backlog: %v after %v", err, time.Since(begun))
		}
		const small = maxQueued - 1 // the one that failed waits too
		for range small {
			if err := z.SendReliable(m.LocalNode(), noise(100)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(2 * m.conf.TCPTimeout)
		if n, err := z.Join([]string{m.LocalNode().Address()}); n != 1 || err != nil {
			t.Errorf("another's join: %d, %v", n, err)
		}
		knock := swim.Knock{Peer: swim.Peer{Name: "m", Addr: m.self().Addr}, Seq: 3}
		if err := z.streams.pingByStream(t.Context(), knock); err != nil {
			t.Errorf("a ping by stream: %v", err)
		}
		if n, err := m.Join([]string{z.LocalNode().Address()}); n != 1 || err != nil {
			t.Errorf("our own join: %d, %v", n, err)
		}
		h.forget()
		close(blocked)
		time.Sleep(time.Minute)
		if n := strings.Count(h.told("NotifyMsg"), "NotifyMsg"); n != small {
			t.Errorf("%d of %d messages came in afterwards", n, small)
		}
		s := m.streams
		if s.served.held.Load() != 0 || s.queued.held.Load() != 0 || s.backlog.held != 0 || len(s.waiting) != 0 || len(s.serving) != 0 {
			t.Errorf("still held: %d, %d, %d bytes", s.served.held.Load(), s.queued.held.Load(), s.backlog.held)
		}
	})
}

func TestBetter63StatesThatWaitForTheApplicationAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		blocked := make(chan struct{})
		var merged atomic.Int64
		h := &hooks{mergeState: func([]byte, bool) { <-blocked; merged.Add(1) }}
		m := b.create("m", quiet, h.all)
		state := make([]byte, 15<<20)
		z := b.create("z", quiet, func(c *Config) {
			c.EnableCompression, c.Delegate = false, &hooks{state: func(bool) []byte { return state }}
		})
		for i := range 8 {
			if n, err := z.Join([]string{m.LocalNode().Address()}); n != 1 || err != nil {
				t.Errorf("join %d: %d, %v", i, n, err)
			}
			synctest.Wait()
		}
		if held := m.streams.backlog.held + int(m.streams.served.held.Load()); held > maxBacklog+2*len(state) {
			t.Errorf("%d bytes are held", held)
		}
		close(blocked)
		synctest.Wait()
		if n := merged.Load(); n < 2 || n > 5 {
			t.Errorf("%d states were merged", n)
		}
	})
}

func TestBetter63PingsAndSmallStatesPassWhereAllMemoryIsTaken(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, z := b.create("m", quiet), b.create("z", quiet)
		m.streams.served.held.Add(maxServedMemory)
		b.join(z, m)
		knock := swim.Knock{Peer: swim.Peer{Name: "m", Addr: m.self().Addr}, Seq: 3}
		if err := z.streams.pingByStream(t.Context(), knock); err != nil {
			t.Errorf("a ping by stream: %v", err)
		}
		b.join(m, z)
	})
}

func TestSection4OneStreamTooManyIsToldThatWeAreTooBusy(t *testing.T) {
	for says, tweak := range map[string]func(*Config){
		"in plain text": quiet,
		"sealed":        func(c *Config) { quiet(c); c.SecretKey, c.Label = keyA, "blue" },
	} {
		t.Run(says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				m, z := b.create("m", tweak), b.create("z", tweak)
				for range maxServed {
					m.streams.serving <- struct{}{}
				}
				begun := time.Now()
				_, err := z.Join([]string{m.LocalNode().Address()})
				if !isBusy(err) || time.Since(begun) != 0 {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
				for range 2 * maxRefusing {
					conn, err := b.stranger("s").DialTimeout(m.LocalNode().Address(), time.Second) // and says nothing
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
				}
				time.Sleep(2 * refusePatience)
				synctest.Wait()
				if n := len(m.streams.refusing); n != 0 {
					t.Errorf("%d are still being refused", n)
				}
				for range maxServed {
					<-m.streams.serving
				}
				b.join(z, m)
			})
		})
	}
}

func TestSection4ABusyAnswerArrivesThoughTheStateWasNotRead(t *testing.T) {
	conf := func(name string) *Config {
		c := DefaultLANConfig()
		c.Name, c.BindAddr, c.BindPort, c.LogOutput, c.ProbeInterval, c.PushPullInterval = name, "127.0.0.1", 0, io.Discard, 0, 0
		c.EnableCompression = false
		return c
	}
	m, err := Create(conf("m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Shutdown()
	caller, state := conf("z"), make([]byte, 19<<20)
	caller.Delegate = &hooks{state: func(bool) []byte { return state }}
	z, err := Create(caller)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Shutdown()
	for range maxExchanges {
		m.streams.answers <- struct{}{}
	}
	for range 3 {
		if _, err := z.Join([]string{m.LocalNode().Address()}); !isBusy(err) {
			t.Errorf("the answer is lost: %v", err)
		}
	}
}
