package memberlist

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// talkative always has more messages of a hundred bytes than fit.
func talkative(overhead, limit int) (list [][]byte) {
	for left := limit; left >= 100+overhead; left -= 100 + overhead {
		list = append(list, bytes.Repeat([]byte("u"), 100))
	}
	return list
}

// ping is a ping of the stranger's.
func (s *stranger) ping(to *Memberlist, seq uint32) *wire.Ping {
	return &wire.Ping{
		SeqNo: seq, Node: to.LocalNode().Name,
		SourceAddr: s.at.Addr().AsSlice(), SourcePort: s.at.Port(), SourceNode: s.name,
	}
}

// told counts what has come in: packets, acks, and the user messages on each of the two kinds.
func (s *stranger) told() (gossips, acks, onGossip, onAcks int) {
	s.b.t.Helper()
	for _, p := range s.heard() {
		ack, user := 0, 0
		for _, msg := range s.b.messages(p) {
			switch msg.Type {
			case wire.TypeAck:
				ack++
			case wire.TypeUser:
				user++
			}
		}
		if ack > 0 {
			acks, onAcks = acks+1, onAcks+user
		} else {
			gossips, onGossip = gossips+1, onGossip+user
		}
	}
	return gossips, acks, onGossip, onAcks
}

func TestBetter64UserDataRidesOnAcksAndGoesOnceToATarget(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", func(c *Config) {
			c.Delegate, c.ProbeInterval, c.PushPullInterval = &hooks{broadcasts: talkative}, 0, 0
		})
		s := b.stranger("s")
		s.say(m, s.alive(1))
		time.Sleep(time.Second)
		s.heard()
		for i := range 200 {
			s.say(m, s.ping(m, uint32(i)))
			time.Sleep(37 * time.Millisecond)
		}
		gossips, acks, onGossip, onAcks := s.told()
		if gossips < 35 || gossips > 39 {
			t.Errorf("%d packets in 37 ticks to the only target", gossips)
		}
		if acks != 200 || onAcks < 200*8 {
			t.Errorf("%d acks bore %d user messages", acks, onAcks)
		}
		if onGossip < gossips*12 {
			t.Errorf("%d packets of gossip bore %d user messages", gossips, onGossip)
		}
	})
}

func TestBetter64UserDataSpreadsWithProbesWhereThereIsNoGossip(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var in letterbox
		still := func(c *Config) { c.GossipInterval, c.PushPullInterval = 0, 0 }
		queue := TransmitLimitedQueue{NumNodes: func() int { return 2 }, RetransmitMult: 3}
		m := b.create("m", still, func(c *Config) { c.Delegate = &hooks{broadcasts: queue.GetBroadcasts} })
		b.join(b.create("z", still, in.receives), m)
		for _, size := range []int{10, 1000} {
			queue.QueueBroadcast(&uniqueMessage{noise(size)})
			time.Sleep(5 * time.Second)
			if got := in.take(); len(got) == 0 || len(got[0]) != size {
				t.Errorf("%d messages came, want one of %d bytes", len(got), size)
			}
		}
	})
}

func TestBetter64APacketThatFindsNothingStagedAsksForTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		asked := 0
		m := b.create("m", quiet, func(c *Config) {
			c.Delegate = &hooks{broadcasts: func(int, int) [][]byte { asked++; return nil }}
		})
		s := b.stranger("s")
		s.say(m, s.alive(1))
		for i := range 10 {
			asked = 0
			s.say(m, s.ping(m, uint32(i)))
			if asked != 1 {
				t.Errorf("asked %d times because of one packet", asked)
			}
		}
		m.sender.staged.put([]byte("staged"))
		asked = 0
		m.cluster.step(func(c *swim.Machine, now time.Time) { c.UserPing(now, swim.Peer{Name: "s", Addr: s.at}) })
		synctest.Wait()
		if asked != 1 {
			t.Errorf("asked %d times because a packet took what was staged", asked)
		}
	})
}
