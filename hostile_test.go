package memberlist

import (
	"net/netip"
	"testing"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestOfManyPingsInAPacketOneIsAnswered(t *testing.T) {
	m, w := benchNode(t, nil)
	var pings [][]byte
	for range 20 {
		pings = append(pings, benchPing())
	}
	relay := wire.IndirectPing{SeqNo: 9, Target: []byte{127, 0, 0, 8}, Port: 1, Node: "other"}
	pings = append(pings, relay.Append(nil), relay.Append(nil))
	m.newReceiver().packet(&Packet{source: benchPeer, Buf: sealed(t, m, pings...)})
	if w.sent != 2 {
		t.Errorf("%d packets were sent, want one ack and one ping for another", w.sent)
	}
}

func TestWhatStrangersMakeUpFillsNoQueueOfEvents(t *testing.T) {
	h := newHerald(&Config{Conflict: &hooks{}, Events: &hooks{}}, newRunning(), nil, nil)
	id := &swim.Identity{Name: "a", Addr: netip.MustParseAddrPort("10.0.0.1:1")}
	for range 10 * maxMinor {
		h.add([]swim.News{
			{Kind: swim.Conflict, Member: swim.Member{Identity: id}, Other: id},
			{Kind: swim.WrongName, From: "x", Member: swim.Member{Identity: id}},
			{Kind: swim.Updated, Member: swim.Member{Identity: id}},
		}, false)
	}
	if got := h.length(); got != 10*maxMinor+maxMinor {
		t.Errorf("%d events wait, want every update and %d conflicts", got, maxMinor)
	}
	for range maxMinor {
		h.next()
	}
	before := h.length()
	h.add([]swim.News{{Kind: swim.Conflict, Member: swim.Member{Identity: id}, Other: id}}, false)
	if h.length() != before+1 {
		t.Error("a conflict is lost although others have been told")
	}
}

func TestRumoursAreToldOftenerThanMessagesInASmallCluster(t *testing.T) {
	for rumours, want := range map[bool]int{false: 2, true: 10} {
		q := &TransmitLimitedQueue{NumNodes: func() int { return 5 }, RetransmitMult: 2, rumours: rumours}
		q.QueueBroadcast(&rumour{swim.Broadcast{Name: "a", Body: []byte("x")}})
		sent := 0
		for q.NumQueued() > 0 {
			sent += len(q.GetBroadcasts(0, 100))
		}
		if sent != want {
			t.Errorf("rumours %v: told %d times, want %d", rumours, sent, want)
		}
	}
}
