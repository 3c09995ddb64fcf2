package memberlist

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestAnOutboxHoldsSoManyBytesAndNoMore(t *testing.T) {
	for what, destinations := range map[string]int{"for one": 1, "for several": 7, "for many": 500} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				stuck := make(chan struct{})
				var written atomic.Int64
				pipe := &tap{MockTransport: b.net.NewTransport("pipe"), write: func(buf []byte, _ Address) error {
					<-stuck
					written.Add(int64(len(buf)))
					return nil
				}}
				m := b.create("m")
				o := newOutbox(pipe, m.loops, nil, m.metrics)
				large := make([]byte, 4<<20)
				for i := range 1000 {
					o.put(large, Address{Addr: fmt.Sprintf("10.0.%d.%d:1", i%destinations/250, i%destinations%250)})
				}
				synctest.Wait()
				if o.bytes > outboxBytes || o.bytes < outboxBytes-len(large) {
					t.Errorf("%d bytes wait, %d may", o.bytes, outboxBytes)
				}
				kept := o.bytes
				close(stuck)
				synctest.Wait()
				if o.bytes != 0 || len(o.lanes) != 0 || written.Load() != int64(kept) {
					t.Errorf("%d of %d bytes were written, %d are left for %d destinations", written.Load(), kept, o.bytes, len(o.lanes))
				}
				o.put([]byte("more"), Address{Addr: "10.0.0.1:1"})
				synctest.Wait()
				if written.Load() != int64(kept)+4 {
					t.Error("an outbox that was full writes no more")
				}
				pipe.Shutdown()
			})
		})
	}
}

func TestAHungDestinationCostsNoOtherAPacket(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		var healthy atomic.Int64
		hung := Address{Addr: "10.0.0.1:1"}
		pipe := &tap{MockTransport: b.net.NewTransport("pipe"), write: func(_ []byte, to Address) error {
			if to != hung {
				healthy.Add(1)
				return nil
			}
			<-stuck
			return nil
		}}
		m := b.create("m")
		o := newOutbox(pipe, m.loops, nil, m.metrics)
		for range 2 * outboxDepth {
			o.put(make([]byte, 1<<20), hung)
		}
		for range 100 {
			o.put(make([]byte, 1<<20), Address{Addr: "10.0.0.2:1"})
			synctest.Wait()
		}
		if got := healthy.Load(); got != 100 {
			t.Errorf("%d of 100 packets left for a destination that takes them", got)
		}
		close(stuck)
		synctest.Wait()
		pipe.Shutdown()
	})
}
