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
				if o.bytes != 0 || len(o.waiting) != 0 || written.Load() != int64(kept) {
					t.Errorf("%d of %d bytes were written, %d are left for %d destinations", written.Load(), kept, o.bytes, len(o.waiting))
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
