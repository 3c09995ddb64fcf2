package memberlist

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAQuestionThatLeadsToAnotherDoesNotWaitForItself(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		other := b.create("other")
		var m *Memberlist
		calls := map[string]func() error{
			"UpdateNode": func() error { return m.UpdateNode(time.Hour) },
			"Join": func() error {
				_, err := m.Join([]string{other.LocalNode().Address()})
				return err
			},
		}
		for what, call := range calls {
			done := make(chan error, 1)
			asked := false
			m = b.create("m"+what, func(c *Config) {
				c.Alive = &hooks{alive: func(n *Node) error {
					if n.Name == "ghost" && !asked {
						asked = true
						done <- call()
					}
					return nil
				}}
			})
			begun := time.Now()
			ghost := b.stranger("ghost")
			ghost.say(m, ghost.alive(1))
			ghost.Shutdown()
			if err := <-done; err != nil {
				t.Errorf("%s inside NotifyAlive: %v", what, err)
			}
			if took := time.Since(begun); took > 100*time.Millisecond {
				t.Errorf("%s inside NotifyAlive took %v", what, took)
			}
			m.Shutdown()
		}
	})
}

func TestAnExchangeThatIsBeingJudgedHoldsNoClaimOfAPacketUp(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		other := b.create("other")
		m := b.create("m", func(c *Config) {
			c.Alive = &hooks{alive: func(n *Node) error {
				if n.Name == "other" {
					<-stuck
				}
				return nil
			}}
		})
		joined := soon(func() error { _, err := m.Join([]string{other.LocalNode().Address()}); return err })
		synctest.Wait()
		ghost := b.stranger("ghost")
		ghost.say(m, ghost.alive(1))
		if got := names(m); got != "ghost m" {
			t.Errorf("m sees %q while it judges an exchange", got)
		}
		close(stuck)
		if err := <-joined; err != nil {
			t.Error(err)
		}
	})
}

func TestAMergeThatIsCutShortIsAnErrorAndNoVeto(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		sink := inmem(t)
		a := b.create("a", quiet)
		b.join(b.create("b", quiet), a)
		b.join(b.create("c", quiet), a)
		m := b.create("m", quiet, func(c *Config) {
			c.Alive = &hooks{alive: func(*Node) error { time.Sleep(2 * time.Second); return nil }}
		})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		err := m.streams.exchange(ctx, a.LocalNode().FullAddress(), true)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the exchange ended with %v", err)
		}
		if n := dropsOf(m, sink, "vetoed"); n != 0 {
			t.Errorf("%d claims count as vetoed", n)
		}
		time.Sleep(2 * time.Second) // the question that was under way
	})
}
