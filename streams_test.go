package memberlist

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
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
