package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/memnet"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestDefectB14ANodeThatHasLeftCanBeAskedAboutItself(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(3)
		m := nodes[0]
		if err := m.Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		for range 10 { // every member that stays is forgotten after a while, and each probe round ends
			time.Sleep(m.conf.GossipToTheDeadTime)
			if n := m.LocalNode(); n == nil || n.Name != "a" || n.State != StateLeft {
				t.Fatalf("we are %+v", n)
			}
			if state, _ := seen(m, "a"); state != "left" {
				t.Fatalf("in our table we are %q", state)
			}
			if err := m.UpdateNode(time.Second); !errors.Is(err, ErrLeft) {
				t.Fatalf("update: %v", err)
			}
			if err := m.Leave(time.Second); err != nil {
				t.Fatalf("leave once more: %v", err)
			}
		}
		if names(nodes[1]) != "b c" {
			t.Errorf("b sees %q", names(nodes[1]))
		}
		b.join(m, nodes[1])
		b.eventually(time.Minute, "a is back", func() bool { return names(nodes[2]) == "a b c" && names(m) == "a b c" })
	})
}

func TestDefectB15LeavingWorksWhateverWasSaidAboutUs(t *testing.T) {
	for _, test := range []struct {
		says string
		lie  message
	}{
		{"nothing", nil},
		{"that we have left", &wire.Dead{Incarnation: 50, Node: "m", From: "m"}},
		{"that we are dead", &wire.Dead{Incarnation: 50, Node: "m", From: "x"}},
		{"that we are somewhere else", &wire.Alive{Incarnation: 50, Node: "m", Addr: []byte{9, 9, 9, 9}, Port: 9, Vsn: []byte{1, 5, 2, 0, 0, 0}}},
	} {
		t.Run(test.says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				m, z, s := b.create("m"), b.create("z"), b.stranger("s")
				b.join(z, m)
				if test.lie != nil {
					s.say(m, test.lie)
				}
				if err := m.ForceRemove("m"); err == nil {
					t.Error("we were removed by force")
				}
				time.Sleep(2 * m.conf.GossipToTheDeadTime)
				if err := m.Leave(time.Minute); err != nil {
					t.Error(err)
				}
				b.eventually(time.Minute, "we are gone", func() bool { return names(z) == "z" })
			})
		})
	}
}

func TestDefectB16LeavingAfterTheEndIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m")
		for range 2 {
			if err := m.Shutdown(); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Leave(time.Second); !errors.Is(err, ErrShutdown) {
			t.Errorf("leave: %v", err)
		}
		if err := m.Leave(0); !errors.Is(err, ErrShutdown) {
			t.Errorf("leave without a limit: %v", err)
		}
	})
}

func TestDefectB17MetadataThatIsTooLongIsAnError(t *testing.T) {
	long, longest := make([]byte, MetaMaxSize+1), make([]byte, MetaMaxSize)
	bubble(t, func(t *testing.T, b *lab) {
		conf := b.config("m")
		conf.Delegate = &inbox{meta: long}
		if m, err := Create(conf); !errors.Is(err, ErrMetaTooLarge) || m != nil {
			t.Errorf("create: %v", err)
		}
		d := &inbox{meta: longest}
		m := b.create("n", func(c *Config) { c.Delegate = d })
		d.setMeta(long)
		if err := m.UpdateNode(time.Second); !errors.Is(err, ErrMetaTooLarge) {
			t.Errorf("update: %v", err)
		}
		if err := m.UpdateMeta(context.Background(), long); !errors.Is(err, ErrMetaTooLarge) {
			t.Errorf("update of the metadata: %v", err)
		}
		if got := len(m.LocalNode().Meta); got != MetaMaxSize {
			t.Errorf("the metadata has %d bytes now", got)
		}
	})
}

func TestDefectB24ANodeThatListensOnEveryIPv6AddressCanBeReached(t *testing.T) {
	probe, err := net.ListenTCP("tcp6", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[::1]:0")))
	if err != nil {
		t.Skipf("no IPv6 on this machine: %v", err)
	}
	probe.Close()
	node := func(name string) *Memberlist {
		conf := DefaultLocalConfig()
		conf.Name, conf.BindAddr, conf.BindPort = name, "::", 0
		conf.Slog = newLogger(&Config{LogOutput: testLog{t}})
		m, err := Create(conf)
		if errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Skipf("no IPv6 on this machine: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Shutdown() })
		return m
	}
	m, z := node("m"), node("z")
	if ip := m.LocalNode().Addr; ip.IsUnspecified() {
		t.Fatalf("%v is advertised", ip)
	}
	if n, err := z.Join([]string{m.LocalNode().Address()}); n != 1 || err != nil {
		t.Errorf("joined %d, %v", n, err)
	}
}

func TestDefectB27AfterTheEndNothingRings(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		told := &diary{}
		m, s := b.create("m", func(c *Config) { c.Events = told; c.SuspicionMult = 10 }), b.stranger("s")
		s.say(m, s.alive(1))
		s.say(m, &wire.Suspect{Incarnation: 1, Node: "s", From: "x"})
		s.say(m, s.alive(2)) // the first suspicion ends early
		s.say(m, &wire.Suspect{Incarnation: 2, Node: "s", From: "x"})
		m.Shutdown()
		before := told.String()
		if m.cluster.alarm.Stop() {
			t.Error("the alarm is still set")
		}
		time.Sleep(time.Hour)
		if now := told.String(); now != before || before != "join m, join s" {
			t.Errorf("told %q, and an hour later %q", before, now)
		}
		if state, _ := seen(m, "s"); state != "suspect" {
			t.Errorf("what was known at the end became %s", state)
		}
	})
}

func TestOldDefectF09LeavingWhileOthersTalkAboutUs(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m"), b.stranger("s")
		s.say(m, s.alive(1))
		lies := [][]byte{
			claimOf(m, 9).Append(nil),
			(&wire.Suspect{Incarnation: 8, Node: "m", From: "s"}).Append(nil),
			(&wire.Dead{Incarnation: 8, Node: "m", From: "s"}).Append(nil),
		}
		addr := m.LocalNode().Address()
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 50 {
					_, _ = s.WriteTo(lies[i%len(lies)], addr)
					_ = m.LocalNode().State
				}
			})
		}
		for range 3 {
			all.Go(func() {
				if err := m.Leave(time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := m.LocalNode().State; got != StateLeft {
			t.Errorf("we are %v", got)
		}
	})
}

func TestOldDefectF10WhoHasLeftIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		for i := range 2000 {
			claim := s.alive(1)
			claim.Node = fmt.Sprint("node", i)
			m.learn(*claim)
			s.say(m, &wire.Dead{Incarnation: 1, Node: claim.Node, From: claim.Node})
		}
		ask := (&wire.State{Rows: []wire.Row{s.row(1)}}).Append(nil)
		if rows := b.state(s.converse(m, ask)).Rows; len(rows) != 2001 {
			t.Errorf("at first the state has %d rows, want 2001", len(rows))
		}
		time.Sleep(m.conf.GossipToTheDeadTime + time.Second)
		if rows := b.state(s.converse(m, ask)).Rows; len(rows) != 2 {
			t.Errorf("later it has %d rows, want ours and the asker's", len(rows))
		}
		if left := m.Departed(); len(left) != 0 || m.cluster.size.Load() != 2 {
			t.Errorf("%d departed are listed, the table has %d rows", len(left), m.cluster.size.Load())
		}
	})
}

func TestOldDefectF16TheEndComesPromptlyWhilePacketsPourIn(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", func(c *Config) { c.Alive, c.Delegate = &consent{}, &inbox{} }), b.stranger("s")
		addr := m.LocalNode().Address()
		var all sync.WaitGroup
		for i := range 8 {
			claim := s.alive(1)
			claim.Node = fmt.Sprint("node", i)
			all.Go(func() {
				for {
					claim.Incarnation++
					if _, err := s.WriteTo(claim.Append(nil), addr); errors.Is(err, memnet.ErrUnreachable) {
						return // it is over
					}
				}
			})
		}
		for m.NumMembers() <= 5 { // time stands still while the others are busy
			runtime.Gosched()
		}
		begun := time.Now()
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("it took %v", took)
		}
		all.Wait()
	})
}

func TestOldDefectF17ErrorsWhileAcceptingAreWaitedOut(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		l := &failing{end: time.Now().Add(time.Minute), good: 20}
		tr := socketless()
		tr.accept(l)
		if l.attempts < 20 || l.attempts > 80 {
			t.Errorf("%d attempts in a minute of errors", l.attempts)
		}
		select {
		case <-tr.streams:
		default:
			t.Error("what could be accepted in between was not")
		}
	})
}
