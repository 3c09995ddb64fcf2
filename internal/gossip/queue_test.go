package gossip

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// filler is n bytes that differ from those of another seed where there are any.
func filler(seed, n int) []byte { return bytes.Repeat([]byte{byte(seed)}, n) }

// takeList is what GetBroadcasts does: each message costs overhead, all together limit.
func takeList[T any](q *Queue[T], overhead, limit, transmits int) (got [][]byte, ended []T) {
	room := ListRoom(overhead, limit)
	return q.Take(nil, nil, &room, transmits)
}

func TestTheOrderIsFewestTransmissionsThenLongestThenNewest(t *testing.T) {
	var q Queue[string]
	add := func(owner string, size int) {
		q.Add(Message[string]{Body: []byte(owner + "........."[:size-1]), Owner: owner}, nil)
	}
	add("a", 5)
	add("b", 5)
	if got, _ := takeList(&q, 0, 5, 3); string(got[0][:1]) != "b" {
		t.Fatalf("of two of one length, %q came first, want the newer", got[0])
	}
	add("c", 4)
	add("d", 6)
	add("e", 6)
	got, _ := takeList(&q, 1, 100, 3)
	var order string
	for _, m := range got {
		order += string(m[:1])
	}
	if order != "edacb" {
		t.Errorf("the order is %s, want edacb", order)
	}
}

func TestAMessageLeavesWhenItWasSentOftenEnough(t *testing.T) {
	var q Queue[string]
	q.Add(Message[string]{Body: []byte("x"), Owner: "x"}, nil)
	for i := range 3 {
		got, ended := takeList(&q, 0, 10, 3)
		if len(got) != 1 || (len(ended) == 1) != (i == 2) {
			t.Fatalf("transmission %d: took %q, ended %q", i+1, got, ended)
		}
	}
	if q.Len() != 0 {
		t.Errorf("%d left, want none", q.Len())
	}
}

func TestWhatIsTooLongIsPassedOver(t *testing.T) {
	var q Queue[int]
	for i := range 100 {
		q.Add(Message[int]{Body: filler(i, 50), Owner: i}, nil)
	}
	q.Add(Message[int]{Body: filler(200, 10), Owner: 200}, nil)
	got, _ := takeList(&q, 2, 70, 3)
	if len(got) != 2 || len(got[0]) != 50 || len(got[1]) != 10 {
		t.Errorf("took %d messages, want one of 50 bytes and one of 10: %v", len(got), got)
	}
	if got, _ := takeList(&q, 2, 11, 3); got != nil {
		t.Errorf("took %v although nothing fits", got)
	}
}

func TestANameHoldsOnlyItsNewestMessage(t *testing.T) {
	var q Queue[int]
	q.Add(Message[int]{Name: "n", Body: filler(1, 3), Owner: 1}, nil)
	q.Add(Message[int]{Name: "m", Body: filler(2, 3), Owner: 2}, nil)
	takeList(&q, 0, 100, 5)
	ended := q.Add(Message[int]{Name: "n", Body: filler(3, 3), Owner: 3}, nil)
	if !slices.Equal(ended, []int{1}) || q.Len() != 2 {
		t.Errorf("ended %v with %d left, want the first to be replaced", ended, q.Len())
	}
	if got, _ := takeList(&q, 0, 3, 5); got[0][0] != 3 {
		t.Errorf("took %v first, want the replacement: it has not been told yet", got)
	}
}

func TestPruneDropsTheMostOftenToldFirst(t *testing.T) {
	var q Queue[int]
	for i := range 4 {
		q.Add(Message[int]{Body: filler(i, 10+i), Owner: i}, nil)
	}
	takeList(&q, 0, 13, 5) // 3 has been told once
	if ended := q.Prune(2, nil); !slices.Equal(ended, []int{3, 0}) {
		t.Errorf("pruned %v, want the told one and then the shortest", ended)
	}
	if ended := q.Prune(-1, nil); !slices.Equal(ended, []int{1, 2}) || q.Len() != 0 {
		t.Errorf("pruned %v with %d left, want all", ended, q.Len())
	}
}

func TestAnEmptyQueueAnswersEverything(t *testing.T) {
	var q Queue[int]
	if got, ended := takeList(&q, 0, 10, 1); got != nil || ended != nil {
		t.Errorf("took %v and ended %v", got, ended)
	}
	if q.Prune(0, nil) != nil || q.Reset(nil) != nil || q.Len() != 0 {
		t.Error("something ended in an empty queue")
	}
	if got := q.Plain(make([]Ref[int], 0, 1), 0); len(got) != 0 {
		t.Errorf("plain messages in an empty queue: %v", got)
	}
}

func TestPlainMessagesComeInPortionsAndOnlyTheNewerOnes(t *testing.T) {
	var q Queue[int]
	q.Add(Message[int]{Name: "named", Owner: -1}, nil)
	q.Add(Message[int]{Owner: -2}, nil)
	for i := range 5 {
		q.Add(Message[int]{Plain: true, Body: filler(i, 5), Owner: i}, nil)
	}
	var seen []int
	var after uint64
	for {
		refs := q.Plain(make([]Ref[int], 0, 2), after)
		if len(refs) == 0 {
			break
		}
		for _, r := range refs {
			seen, after = append(seen, r.Owner()), r.ID()
		}
	}
	if !slices.Equal(seen, []int{0, 1, 2, 3, 4}) {
		t.Errorf("saw %v, want each plain message once, oldest first", seen)
	}
}

func TestAMessageThatHasEndedCannotBeRemovedAgain(t *testing.T) {
	for name, end := range map[string]func(*Queue[int], Ref[int]) []int{
		"reset":  func(q *Queue[int], _ Ref[int]) []int { return q.Reset(nil) },
		"pruned": func(q *Queue[int], _ Ref[int]) []int { return q.Prune(0, nil) },
		"sent": func(q *Queue[int], _ Ref[int]) []int {
			_, ended := takeList(q, 0, 10, 1)
			return ended
		},
		"removed": func(q *Queue[int], r Ref[int]) []int { return q.Remove(r, nil) },
	} {
		var q Queue[int]
		q.Add(Message[int]{Plain: true, Owner: 7}, nil)
		ref := q.Plain(make([]Ref[int], 0, 1), 0)[0]
		if ended := end(&q, ref); !slices.Equal(ended, []int{7}) {
			t.Errorf("%s: ended %v", name, ended)
		}
		if ended := q.Remove(ref, nil); ended != nil {
			t.Errorf("%s: %v ended twice", name, ended)
		}
	}
}

func TestTransmitLimitFollowsTheLogarithm(t *testing.T) {
	for n := -1; n < 200_000; n++ {
		want := 0
		if n > 0 {
			want = 4 * int(math.Ceil(math.Log10(float64(n+1))))
		}
		if got := TransmitLimit(4, n); got != want {
			t.Fatalf("limit of %d members is %d, want %d", n, got, want)
		}
	}
	if got := TransmitLimit(math.MaxInt, 1000); got != math.MaxInt {
		t.Errorf("the highest multiplier gives %d, want no limit", got)
	}
}

// dumb is the order once more, as its definition reads and as slow as that.
type dumb struct{ all []*dumbItem }

type dumbItem struct {
	Message[int]
	sent int
}

func (d *dumb) add(m Message[int]) (ended []int) {
	if m.Name != "" {
		ended = d.remove(func(it *dumbItem) bool { return it.Name == m.Name })
	}
	d.all = append(d.all, &dumbItem{Message: m})
	return ended
}

func (d *dumb) remove(gone func(*dumbItem) bool) (ended []int) {
	var kept []*dumbItem
	for _, it := range d.all {
		if gone(it) {
			ended = append(ended, it.Owner)
		} else {
			kept = append(kept, it)
		}
	}
	d.all = kept
	return ended
}

// ordered is what is queued, in order; owners are numbered as they come, so they tell the newer.
func (d *dumb) ordered() []*dumbItem {
	all := slices.Clone(d.all)
	slices.SortFunc(all, func(a, b *dumbItem) int {
		if a.sent != b.sent {
			return a.sent - b.sent
		}
		if len(a.Body) != len(b.Body) {
			return len(b.Body) - len(a.Body)
		}
		return b.Owner - a.Owner
	})
	return all
}

func (d *dumb) take(overhead, limit, transmits int) (got, ended []int) {
	var taken []*dumbItem
	for _, it := range d.ordered() { // in this order, the next that fits is the longest of its tier
		if len(it.Body)+overhead <= limit {
			limit -= len(it.Body) + overhead
			got = append(got, it.Owner)
			taken = append(taken, it)
		}
	}
	for _, it := range taken {
		it.sent++
	}
	ended = d.remove(func(it *dumbItem) bool {
		return slices.Contains(taken, it) && it.sent >= transmits
	})
	return got, ended
}

func (d *dumb) prune(retain int) (ended []int) {
	all := d.ordered()
	for len(all) > retain {
		last := all[len(all)-1]
		all = all[:len(all)-1]
		d.remove(func(it *dumbItem) bool { return it == last })
		ended = append(ended, last.Owner)
	}
	return ended
}

// duel makes the same calls to both implementations.
type duel struct {
	t     *rapid.T
	q     Queue[int]
	d     dumb
	next  int
	ended map[int]int // how often each owner ended
}

// agree compares what a call ended in either of them.
func (u *duel) agree(what string, got, want []int) {
	for _, o := range got {
		u.ended[o]++
	}
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		u.t.Fatalf("%s ended %v, want %v", what, got, want)
	}
	if u.q.Len() != len(u.d.all) {
		u.t.Fatalf("%s left %d, want %d", what, u.q.Len(), len(u.d.all))
	}
}

func (u *duel) add(name string, plain bool, size int) {
	body := append(fmt.Appendf(nil, "%d:", u.next), make([]byte, size)...)
	m := Message[int]{Name: name, Plain: plain, Body: body, Owner: u.next}
	u.next++
	u.agree("add", u.q.Add(m, nil), u.d.add(m))
}

func (u *duel) take(overhead, limit, transmits int) {
	bodies, gone := takeList(&u.q, overhead, limit, transmits)
	var got []int
	for _, b := range bodies {
		owner := -1
		fmt.Sscanf(string(b), "%d:", &owner)
		got = append(got, owner)
	}
	want, wantGone := u.d.take(overhead, limit, transmits)
	if !slices.Equal(got, want) {
		u.t.Fatalf("took %v, want %v", got, want)
	}
	u.agree("take", gone, wantGone)
}

func (u *duel) removeSome(after uint64) {
	for _, r := range u.q.Plain(make([]Ref[int], 0, 3), after) {
		owner := r.Owner()
		u.agree("remove", u.q.Remove(r, nil), u.d.remove(func(it *dumbItem) bool { return it.Owner == owner }))
	}
}

func (u *duel) reset() {
	u.agree("reset", u.q.Reset(nil), u.d.remove(func(*dumbItem) bool { return true }))
}

// TestTheQueueDoesWhatItsDefinitionSays runs random calls against both implementations.
// They must take the same messages in the same order and end the same ones,
// and when all is over each message must have ended exactly once.
func TestTheQueueDoesWhatItsDefinitionSays(t *testing.T) {
	draw := func(t *rapid.T, from, to int) int { return rapid.IntRange(from, to).Draw(t, "n") }
	rapid.Check(t, func(t *rapid.T) {
		u := duel{t: t, ended: map[int]int{}}
		t.Repeat(map[string]func(*rapid.T){
			"named":  func(t *rapid.T) { u.add(rapid.StringMatching("[abc]").Draw(t, "name"), true, draw(t, 0, 12)) },
			"plain":  func(t *rapid.T) { u.add("", true, draw(t, 0, 12)) },
			"other":  func(t *rapid.T) { u.add("", false, draw(t, 0, 12)) },
			"take":   func(t *rapid.T) { u.take(draw(t, 0, 3), draw(t, -1, 60), draw(t, 0, 4)) },
			"remove": func(t *rapid.T) { u.removeSome(uint64(draw(t, 0, 20))) },
			"prune": func(t *rapid.T) {
				n := draw(t, 0, 8)
				u.agree("prune", u.q.Prune(n, nil), u.d.prune(n))
			},
			"reset": func(t *rapid.T) {
				if draw(t, 0, 9) == 0 { // more often, and the queue would never fill
					u.reset()
				}
			},
		})
		u.reset()
		for o := range u.next {
			if u.ended[o] != 1 {
				t.Fatalf("message %d of %d ended %d times", o, u.next, u.ended[o])
			}
		}
		if len(u.q.named) != 0 || u.q.plain != nil && u.q.plain.Len() != 0 {
			t.Fatalf("an empty queue remembers %d names and %d plain messages", len(u.q.named), u.q.plain.Len())
		}
	})
}

func TestRumoursOfASmallClusterAreToldOftenEnough(t *testing.T) {
	for _, test := range []struct{ mult, n, want int }{
		{4, 1, 4}, {4, 2, 4}, {4, 3, 6}, {4, 4, 9}, {4, 5, 10}, {4, 9, 10}, {4, 10, 10}, {4, 100, 12}, {2, 2, 3}, {2, 5, 10}, {4, 0, 0},
	} {
		if got := RumourLimit(test.mult, test.n); got != test.want {
			t.Errorf("RumourLimit(%d, %d) = %d, want %d", test.mult, test.n, got, test.want)
		}
	}
}

func TestARefOfAnEndedMessageDoesNotEndWhoTookItsRoom(t *testing.T) {
	var q Queue[string]
	q.Add(Message[string]{Name: "stays", Body: filler(0, 10), Owner: "stays"}, nil)
	q.Add(Message[string]{Plain: true, Body: filler(1, 10), Owner: "old"}, nil)
	refs := q.Plain(make([]Ref[string], 0, 1), 0)
	if ended := q.Remove(refs[0], nil); len(ended) != 1 || ended[0] != "old" {
		t.Fatalf("ended %q", ended)
	}
	q.Add(Message[string]{Plain: true, Body: filler(2, 10), Owner: "new"}, nil)
	if ended := q.Remove(refs[0], nil); len(ended) != 0 || q.Len() != 2 {
		t.Errorf("ended %q, %d are left", ended, q.Len())
	}
	q.Reset(nil)
	if ended := q.Remove(refs[0], nil); len(ended) != 0 {
		t.Errorf("ended %q of an empty queue", ended)
	}
}

func TestAnEmptyQueueGivesMemoryBack(t *testing.T) {
	q := filled(spareChunks*chunk + 1)
	if ended := q.Prune(0, nil); len(ended) != spareChunks*chunk+1 || len(q.items) != 0 || cap(q.free) != 0 {
		t.Errorf("%d ended, %d chunks and room for %d free places are kept", len(ended), len(q.items), cap(q.free))
	}
	q = filled(2 * chunk)
	q.Prune(0, nil)
	if len(q.items) != 2 {
		t.Errorf("%d chunks are kept of 2", len(q.items))
	}
	q.Add(Message[int]{Name: "again", Body: filler(1, 10)}, nil)
	if q.Len() != 1 || q.used != 1 {
		t.Errorf("%d are queued in %d places", q.Len(), q.used)
	}
}
