package memberlist

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestBetter63APayloadThatTakesItsTimeDelaysNoOtherAck(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", quiet, func(c *Config) {
			c.Ping = &hooks{payload: func() []byte { time.Sleep(9 * time.Millisecond); return []byte("slow") }}
		})
		s := b.stranger("s")
		for i := range 50 {
			if _, err := s.WriteTo(s.ping(m, uint32(i)).Append(nil), m.LocalNode().Address()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(ackPatience)
		synctest.Wait()
		with, without := 0, 0
		for _, msg := range b.messages(s.heard()...) {
			if msg.Type != wire.TypeAck {
				continue // a rumour rides along
			}
			var ack wire.Ack
			if err := ack.Decode(msg.Body); err != nil {
				t.Fatal(err)
			}
			if len(ack.Payload) > 0 {
				with++
			} else {
				without++
			}
		}
		if with == 0 || with+without != 50 {
			t.Errorf("within %v, %d acks had a payload and %d had none", ackPatience, with, without)
		}
	})
}

func TestAPingForAnotherNodeAsksForNoPayload(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		asked := 0
		m := b.create("m", quiet, func(c *Config) {
			c.Ping = &hooks{payload: func() []byte { asked++; return nil }}
		})
		s := b.stranger("s")
		for i, name := range []string{"other", "m", ""} {
			asked = 0
			p := s.ping(m, uint32(i))
			p.Node = name
			s.say(m, p)
			got := fmt.Sprint(asked, len(s.heard()))
			if want := map[string]string{"other": "0 0", "m": "1 1", "": "1 1"}[name]; got != want {
				t.Errorf("for %q: questions and answers %s, want %s", name, got, want)
			}
		}
	})
}
