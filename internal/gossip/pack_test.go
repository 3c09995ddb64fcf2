package gossip

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// queueSource is a queue as the simulator uses it: without a lock, its owners not told.
type queueSource struct {
	q     *Queue[int]
	limit int
}

func (s queueSource) Waiting() bool { return s.q.Len() > 0 }

func (s queueSource) Take(dst [][]byte, room *Room) [][]byte {
	dst, _ = s.q.Take(dst, nil, room, s.limit)
	return dst
}

// size is what a packet of these messages takes up on the wire, counted anew.
func size(msgs [][]byte) int {
	if len(msgs) == 1 {
		return len(msgs[0])
	}
	n := 2
	for _, m := range msgs {
		n += 2 + len(m)
	}
	return n
}

func stage(msgs ...[]byte) *Stage {
	var s Stage
	for _, m := range msgs {
		s.Put(m)
	}
	return &s
}

func rumours(msgs ...[]byte) queueSource {
	s := queueSource{new(Queue[int]), 1 << 30}
	for i, m := range msgs {
		s.q.Add(Message[int]{Body: m, Owner: i}, nil)
	}
	return s
}

func TestTheUserTypeIsTheOneOfTheWire(t *testing.T) {
	if userType != byte(wire.TypeUser) {
		t.Errorf("user messages are packed as type %d, the wire says %d", userType, wire.TypeUser)
	}
}

func TestWhatMustGoComesFirstThenRumoursThenUserMessages(t *testing.T) {
	var p Packer
	got := p.Pack(100, [][]byte{[]byte("ping")}, rumours([]byte("rumour")), stage([]byte("mail")), new(Turn))
	if want := "ping,rumour,\bmail"; string(bytes.Join(got, []byte(","))) != want {
		t.Errorf("packed %q, want %q", got, want)
	}
}

func TestWhatMustGoGoesEvenWithoutRoom(t *testing.T) {
	var p Packer
	got := p.Pack(3, [][]byte{[]byte("ping"), []byte("suspect")}, rumours([]byte("r")), stage([]byte("m")), new(Turn))
	if len(got) != 2 {
		t.Errorf("packed %q, want what must go and nothing else", got)
	}
	if got := p.Pack(100, [][]byte{[]byte("ping")}, nil, nil, nil); len(got) != 1 {
		t.Errorf("packed %q without sources, want what must go", got)
	}
	if got := p.Pack(100, nil, rumours(), stage(), new(Turn)); len(got) != 0 {
		t.Errorf("packed %q, want an empty packet when nothing waits", got)
	}
}

func TestASingleMessageMayFillThePacketWithoutACompound(t *testing.T) {
	var p Packer
	for name, c := range map[string]struct {
		rumours, user []byte
		want          int
	}{
		"a rumour that just fits":             {rumours: filler(1, 100), want: 1},
		"a rumour that is too long":           {rumours: filler(1, 101), want: 0},
		"a user message that just fits":       {user: filler(1, 99), want: 1},
		"a user message that is too long":     {user: filler(1, 100), want: 0},
		"both that just fit into a compound":  {rumours: filler(1, 50), user: filler(2, 43), want: 2},
		"both that do not fit into one":       {rumours: filler(1, 50), user: filler(2, 44), want: 1},
		"one beside one that needs it all":    {rumours: filler(1, 97), user: nil, want: 1},
		"an empty user message beside a long": {rumours: filler(1, 94), user: []byte{}, want: 1},
	} {
		r, u := rumours(), stage()
		if c.rumours != nil {
			r = rumours(c.rumours)
		}
		if c.user != nil {
			u = stage(c.user)
		}
		if got := p.Pack(100, nil, r, u, new(Turn)); len(got) != c.want || size(got) > 100 && len(got) > 0 {
			t.Errorf("%s: packed %d messages in %d bytes, want %d", name, len(got), size(got), c.want)
		}
	}
}

func TestAPacketHasAtMost255PartsAndLosesNone(t *testing.T) {
	var p Packer
	user := stage()
	for range 300 {
		user.Put([]byte{1, 2})
	}
	r := rumours()
	for i := range 300 {
		r.q.Add(Message[int]{Body: []byte{3}, Owner: i}, nil)
	}
	got := p.Pack(60_000, [][]byte{{0}}, r, user, new(Turn))
	if len(got) != 255 || user.Len() != 300 {
		t.Errorf("packed %d messages and left %d of the user, want 255 and 300", len(got), user.Len())
	}
	if got := p.Pack(60_000, nil, nil, user, new(Turn)); len(got) != 255 || user.Len() != 45 {
		t.Errorf("packed %d and left %d, want 255 and 45", len(got), user.Len())
	}
}

func TestAMessageTooLongForACompoundGoesAlone(t *testing.T) {
	var p Packer
	const large = 10 << 20 // what transports over TCP allow
	got := p.Pack(large, nil, rumours(filler(1, 0x10000), filler(2, 10)), stage(filler(3, 5)), new(Turn))
	if len(got) != 1 || len(got[0]) != 0x10000 {
		t.Errorf("packed %d messages, want the long one alone", len(got))
	}
	got = p.Pack(large, nil, rumours(filler(1, 0xffff), filler(2, 10)), stage(filler(3, 0xffff), filler(4, 0xfffe)), new(Turn))
	if len(got) != 3 {
		t.Errorf("packed %d messages, want all that a compound can hold", len(got))
	}
}

func TestOnePacketInFourIsOfferedToTheUserFirst(t *testing.T) {
	var (
		p    Packer
		turn Turn
		got  string
	)
	r := rumours(filler('r', 90), filler('r', 90))
	user := stage()
	for range 100 {
		user.Put(filler('u', 90))
	}
	for range 12 {
		msgs := p.Pack(100, nil, r, user, &turn)
		got += string(msgs[0][len(msgs[0])-1:])
	}
	if got != "rrrurrrurrru" {
		t.Errorf("the packets went to %s, want one in four to the user", got)
	}
}

func TestTheTurnCountsOnlyPacketsForWhichBothWait(t *testing.T) {
	var (
		p    Packer
		turn Turn
	)
	r, user := rumours(filler('r', 90)), stage(filler('u', 90))
	for range 3 {
		p.Pack(100, nil, r, user, &turn)
	}
	for range 5 {
		p.Pack(100, nil, r, nil, &turn)
		p.Pack(100, nil, r, stage(), &turn)
	}
	if got := p.Pack(100, nil, r, user, &turn); got[0][0] != userType {
		t.Error("the fourth packet for which both waited was not offered to the user")
	}
}

func TestATurnThatComesToNothingIsKept(t *testing.T) {
	var (
		p    Packer
		turn Turn
	)
	r, user := rumours(filler('r', 90)), stage(filler('u', 90))
	for range 3 {
		p.Pack(100, nil, r, user, &turn)
	}
	ping := [][]byte{filler('p', 40)}
	if got := p.Pack(100, ping, r, user, &turn); len(got) != 1 {
		t.Fatalf("packed %d messages, want the ping alone", len(got))
	}
	if got := p.Pack(100, nil, r, user, &turn); got[0][0] != userType {
		t.Error("the packet after one that was too full was not offered to the user")
	}
}

func TestTheStageServesInOrderAndPassesOverWhatDoesNotFit(t *testing.T) {
	user := stage([]byte("one"), []byte("a long one"), []byte("two"))
	room := ListRoom(0, 7)
	if got := user.Take(nil, &room); string(bytes.Join(got, nil)) != "onetwo" {
		t.Errorf("took %q", got)
	}
	if user.Len() != 1 || user.Bytes() != 10 {
		t.Errorf("%d messages of %d bytes wait, want the long one", user.Len(), user.Bytes())
	}
}

// drawMessages are up to 40 different messages, their names beginning with kind.
func drawMessages(t *rapid.T, kind string) (msgs [][]byte) {
	for i := range rapid.IntRange(0, 40).Draw(t, kind) {
		m := fmt.Appendf(nil, "%s%d:", kind, i)
		msgs = append(msgs, append(m, make([]byte, rapid.IntRange(0, 80).Draw(t, "size"))...))
	}
	return msgs
}

// checkPacket checks one packet of the given room and counts what it tells.
func checkPacket(t *rapid.T, got, must [][]byte, bytes int, sent map[string]int) {
	if len(got) > len(must) && size(got) > bytes {
		t.Fatalf("a packet of %d messages takes %d bytes of %d", len(got), size(got), bytes)
	}
	if !slices.EqualFunc(got[:len(must)], must, slices.Equal) {
		t.Fatalf("what must go is not in front: %q", got)
	}
	inPacket := map[string]bool{}
	for _, m := range got[len(must):] {
		name := string(m)
		if m[0] == userType {
			name = name[1:]
		}
		if inPacket[name] {
			t.Fatalf("%q is twice in one packet", name)
		}
		inPacket[name] = true
		sent[name]++
	}
}

// TestPackingNeverExceedsTheRoom packs whatever there is into whatever room there is, again and
// again: each packet fits, unless by what had to go, and every message comes out as often as it should.
func TestPackingNeverExceedsTheRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			p    Packer
			turn Turn
			sent = map[string]int{}
		)
		transmits, bytes := rapid.IntRange(1, 3).Draw(t, "transmits"), rapid.IntRange(1, 300).Draw(t, "bytes")
		told, mail := drawMessages(t, "r"), drawMessages(t, "u")
		r, user := rumours(told...), stage(mail...)
		r.limit = transmits
		for idle := 0; idle < 5; idle++ {
			var must [][]byte
			if idle == 0 { // else the queue might never be emptied
				for range rapid.IntRange(0, 2).Draw(t, "must") {
					must = append(must, filler('m', rapid.IntRange(1, 60).Draw(t, "size")))
				}
			}
			got := p.Pack(bytes, must, r, user, &turn)
			checkPacket(t, got, must, bytes, sent)
			if len(got) > len(must) {
				idle = -1
			}
		}
		for _, m := range slices.Concat(told, mail) {
			want, cost := transmits, len(m)
			if m[0] == 'u' {
				want, cost = 1, len(m)+1
			}
			if cost > bytes {
				want = 0
			}
			if sent[string(m)] != want {
				t.Fatalf("%.6q of %d bytes went %d times, want %d", m, len(m), sent[string(m)], want)
			}
		}
	})
}

func TestPackingAllocatesNothingOnceWarm(t *testing.T) {
	var r Source = queueSource{filled(1000), 1 << 30}
	var (
		p    Packer
		turn Turn
		user Stage
	)
	must, mail := [][]byte{filler(1, 40)}, filler(2, 100)
	pack := func() {
		for user.Len() < 8 {
			user.Put(mail)
		}
		p.Pack(1400, must, r, &user, &turn)
	}
	for range 2000 {
		pack()
	}
	if n := testing.AllocsPerRun(1000, pack); n != 0 {
		t.Errorf("%v allocations per packet, want none", n)
	}
}
