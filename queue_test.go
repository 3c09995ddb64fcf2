package memberlist

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-f61b0479/memberlist/internal/gossip"
)

// fakeBroadcast is a plain broadcast: it invalidates others by what they say.
type fakeBroadcast struct {
	text        string
	invalidates func(other *fakeBroadcast) bool
	onFinished  func()
	finished    atomic.Int32
}

func (r *fakeBroadcast) Invalidates(b Broadcast) bool {
	other, ok := b.(*fakeBroadcast)
	return ok && r.invalidates != nil && r.invalidates(other)
}

func (r *fakeBroadcast) Message() []byte { return []byte(r.text) }

func (r *fakeBroadcast) Finished() {
	r.finished.Add(1)
	if r.onFinished != nil {
		r.onFinished()
	}
}

// fakeNamed and fakeUnique refuse to be asked Invalidates, and to be asked about.
type fakeNamed struct {
	fakeBroadcast
	name string
}

func (r *fakeNamed) Name() string { return r.name }

func (r *fakeNamed) Invalidates(Broadcast) bool { panic("a named broadcast was asked Invalidates") }

type fakeUnique struct{ fakeBroadcast }

func (r *fakeUnique) UniqueBroadcast() {}

func (r *fakeUnique) Invalidates(Broadcast) bool { panic("a unique broadcast was asked Invalidates") }

func clusterOf(n int) func() int { return func() int { return n } }

func queueFor(n int) *TransmitLimitedQueue {
	return &TransmitLimitedQueue{NumNodes: clusterOf(n), RetransmitMult: 1}
}

func told(msgs [][]byte) string {
	var s []string
	for _, m := range msgs {
		s = append(s, string(m))
	}
	return strings.Join(s, " ")
}

func TestDefectB1AReplacedBroadcastFreesNoID(t *testing.T) {
	q := queueFor(10)
	a := &fakeBroadcast{text: "aaa"}
	b := &fakeBroadcast{text: "bbb", invalidates: func(o *fakeBroadcast) bool { return o == a }}
	c, d := &fakeBroadcast{text: "ccc"}, &fakeBroadcast{text: "ddd"}
	for _, r := range []*fakeBroadcast{a, b, c, d} {
		q.QueueBroadcast(r)
	}
	if q.NumQueued() != 3 {
		t.Errorf("%d queued, want 3", q.NumQueued())
	}
	for want, r := range map[*fakeBroadcast]int32{a: 1, b: 0, c: 0, d: 0} {
		if got := want.finished.Load(); got != r {
			t.Errorf("%s finished %d times, want %d", want.text, got, r)
		}
	}
	if got := told(q.GetBroadcasts(0, 100)); got != "ddd ccc bbb" {
		t.Errorf("the queue tells %q, want all three", got)
	}
}

func TestDefectB2ATakenBroadcastFreesNoID(t *testing.T) {
	q := queueFor(99)
	a, b := &fakeBroadcast{text: "aaa"}, &fakeBroadcast{text: "bbb"}
	q.QueueBroadcast(a)
	if got := told(q.GetBroadcasts(0, 100)); got != "aaa" {
		t.Fatalf("took %q first", got)
	}
	q.QueueBroadcast(b)
	if got := told(q.GetBroadcasts(0, 3)); got != "bbb" {
		t.Fatalf("took %q, want the one that has not been sent yet", got)
	}
	if q.NumQueued() != 2 || a.finished.Load()+b.finished.Load() != 0 {
		t.Errorf("%d queued, %d finished, want 2 and none",
			q.NumQueued(), a.finished.Load()+b.finished.Load())
	}
}

func TestBetter3AMessageEndsExactlyOnce(t *testing.T) {
	for name, end := range map[string]func(*TransmitLimitedQueue, *fakeBroadcast){
		"sent often enough": func(q *TransmitLimitedQueue, _ *fakeBroadcast) { q.GetBroadcasts(0, 10) },
		"replaced": func(q *TransmitLimitedQueue, r *fakeBroadcast) {
			q.QueueBroadcast(&fakeBroadcast{text: "new", invalidates: func(o *fakeBroadcast) bool { return o == r }})
		},
		"pruned": func(q *TransmitLimitedQueue, _ *fakeBroadcast) { q.Prune(0) },
		"reset":  func(q *TransmitLimitedQueue, _ *fakeBroadcast) { q.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			q := queueFor(9)
			r := &fakeBroadcast{text: "old"}
			r.onFinished = func() { q.NumQueued() } // would deadlock under the lock
			q.QueueBroadcast(r)
			end(q, r)
			if got := r.finished.Load(); got != 1 {
				t.Fatalf("finished %d times, want once", got)
			}
			q.GetBroadcasts(0, 10)
			q.Prune(0)
			q.Reset()
			if got := r.finished.Load(); got != 1 {
				t.Errorf("finished %d times in the end, want once", got)
			}
		})
	}
}

func TestTheZeroQueueWorks(t *testing.T) {
	var q TransmitLimitedQueue
	q.Prune(3)
	q.Reset()
	if q.NumQueued() != 0 || q.GetBroadcasts(1, 100) != nil {
		t.Error("an empty queue is not empty")
	}
	r := &fakeBroadcast{text: "x"}
	q.QueueBroadcast(r)
	if got := told(q.GetBroadcasts(0, 10)); got != "x" || r.finished.Load() != 1 {
		t.Errorf("took %q, finished %d times; without a number of nodes it is told once", got, r.finished.Load())
	}
	q.Prune(0)
}

func TestGetBroadcastsCountsOverheadAndReturnsNilWhenNothingFits(t *testing.T) {
	q := queueFor(9)
	q.QueueBroadcast(&fakeBroadcast{text: "four"})
	for _, limit := range []int{-1, 0, 5} {
		if got := q.GetBroadcasts(2, limit); got != nil {
			t.Errorf("%d bytes hold %q", limit, got)
		}
	}
	if got := told(q.GetBroadcasts(2, 6)); got != "four" {
		t.Errorf("took %q, want the message that just fits", got)
	}
}

func TestTransmissionsFollowTheNumberOfNodes(t *testing.T) {
	q := &TransmitLimitedQueue{NumNodes: clusterOf(10), RetransmitMult: 2}
	q.QueueBroadcast(&fakeBroadcast{text: "x"})
	sent := 0
	for q.NumQueued() > 0 {
		sent += len(q.GetBroadcasts(0, 10))
	}
	if sent != 4 {
		t.Errorf("sent %d times, want 2 * ceil(log10(11)) = 4", sent)
	}
}

func TestWhoReplacesWhom(t *testing.T) {
	all := func(*fakeBroadcast) bool { return true }
	plain := func(text string) Broadcast { return &fakeBroadcast{text: text, invalidates: all} }
	named := func(name, text string) Broadcast { return &fakeNamed{fakeBroadcast{text: text}, name} }
	unique := func(text string) Broadcast { return &fakeUnique{fakeBroadcast{text: text}} }
	for name, c := range map[string]struct {
		queue []Broadcast
		want  string
	}{
		"a named one replaces the one of its name":  {[]Broadcast{named("n", "1"), named("m", "2"), named("n", "3")}, "3 2"},
		"a plain one replaces what it invalidates":  {[]Broadcast{plain("1"), plain("2"), plain("3")}, "3"},
		"a plain one leaves named and unique ones":  {[]Broadcast{named("n", "1"), unique("2"), plain("3")}, "3 2 1"},
		"named and unique ones leave plain ones":    {[]Broadcast{plain("1"), named("n", "2"), unique("3")}, "3 2 1"},
		"unique ones leave each other":              {[]Broadcast{unique("1"), unique("1")}, "1 1"},
		"a plain one of another kind may differ":    {[]Broadcast{&fakeBroadcast{text: "1"}, &fakeBroadcast{text: "1"}}, "1 1"},
		"one that is plain stays queued after many": {[]Broadcast{named("n", "1"), named("n", "2"), plain("3")}, "3 2"},
	} {
		q := queueFor(9)
		for _, b := range c.queue {
			q.QueueBroadcast(b)
		}
		if got := told(q.GetBroadcasts(0, 100)); got != c.want {
			t.Errorf("%s: the queue tells %q, want %q", name, got, c.want)
		}
	}
}

// emptyName is a NamedBroadcast without a name.
type emptyName struct{ fakeBroadcast }

func (r *emptyName) Name() string { return "" }

func TestANamedBroadcastWithoutANameIsPlain(t *testing.T) {
	q := queueFor(9)
	q.QueueBroadcast(&emptyName{fakeBroadcast{text: "1"}})
	q.QueueBroadcast(&emptyName{fakeBroadcast{text: "2"}})
	if q.NumQueued() != 2 {
		t.Errorf("%d queued, want both: the empty name replaces nothing", q.NumQueued())
	}
}

func TestInvalidatesMayUseTheQueue(t *testing.T) {
	q := queueFor(9)
	for i := range 200 { // more than one portion
		q.QueueBroadcast(&fakeBroadcast{text: fmt.Sprint("old", i)})
	}
	asked := 0
	late := &fakeBroadcast{text: "late"}
	q.QueueBroadcast(&fakeBroadcast{text: "new", invalidates: func(o *fakeBroadcast) bool {
		if asked++; asked == 1 {
			q.Prune(150)
			q.QueueBroadcast(late)
		}
		return true
	}})
	if q.NumQueued() != 1 || late.finished.Load() != 1 {
		t.Errorf("%d queued, the one queued meanwhile finished %d times; want the new one alone",
			q.NumQueued(), late.finished.Load())
	}
}

func TestTryQueueBroadcastRefusesWhatIsTooLong(t *testing.T) {
	q := queueFor(9)
	long := &fakeBroadcast{text: "long"}
	if err := q.TryQueueBroadcast(long); err != nil {
		t.Errorf("a queue without a limit refused: %v", err)
	}
	q.Reset()
	q.MaxMessageSize = 3
	err := q.TryQueueBroadcast(long)
	if !errors.Is(err, ErrMessageTooLarge) {
		t.Errorf("the error is %v, want ErrMessageTooLarge", err)
	}
	if q.NumQueued() != 0 || long.finished.Load() != 1 {
		t.Errorf("%d queued, finished %d times; want what was refused not to be kept", q.NumQueued(), long.finished.Load())
	}
	if err := q.TryQueueBroadcast(&fakeBroadcast{text: "fit"}); err != nil || q.NumQueued() != 1 {
		t.Errorf("refused what fits: %v", err)
	}
	q.QueueBroadcast(long)
	if q.NumQueued() != 2 {
		t.Error("QueueBroadcast dropped a message for its size")
	}
}

func TestForeignCodeIsAskedWithoutTheLock(t *testing.T) {
	q := &TransmitLimitedQueue{RetransmitMult: 1}
	asked := 0
	q.NumNodes = func() int { asked++; return q.NumQueued() }
	if q.GetBroadcasts(0, 10); asked != 0 {
		t.Error("an empty queue asked for the number of nodes")
	}
	q.QueueBroadcast(&fakeBroadcast{text: "x", onFinished: func() { q.QueueBroadcast(&fakeBroadcast{text: "next"}) }})
	if got := told(q.GetBroadcasts(0, 10)); got != "x" || asked != 1 || q.NumQueued() != 1 {
		t.Errorf("took %q, asked %d times, %d queued", got, asked, q.NumQueued())
	}
}

// TestEverythingAtOnceEndsOnce runs all calls from many goroutines, for the race detector, and then
// counts: each broadcast has ended exactly once.
func TestEverythingAtOnceEndsOnce(t *testing.T) {
	q := &TransmitLimitedQueue{NumNodes: clusterOf(50), RetransmitMult: 1}
	var (
		mu  sync.Mutex
		all []*fakeBroadcast
		wg  sync.WaitGroup
	)
	for worker := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			source := q.source()
			for i := range 400 {
				b := &fakeNamed{fakeBroadcast{text: fmt.Sprint(worker, ":", i%7)}, fmt.Sprint(r.IntN(20))}
				b.onFinished = func() { q.NumQueued() }
				b.invalidates = func(o *fakeBroadcast) bool { return o.text == b.text }
				mu.Lock()
				all = append(all, &b.fakeBroadcast)
				mu.Unlock()
				switch i % 3 {
				case 0:
					q.QueueBroadcast(b)
				case 1:
					q.QueueBroadcast(&b.fakeBroadcast)
				case 2:
					q.QueueBroadcast(&fakeUniqueOf{&b.fakeBroadcast})
				}
				switch r.IntN(20) {
				case 0:
					q.Prune(10)
				case 1:
					q.Reset()
				case 2, 3, 4:
					room := gossip.PacketRoom(40)
					source.Take(nil, &room)
				default:
					q.GetBroadcasts(2, 30)
				}
			}
		})
	}
	wg.Wait()
	q.Reset()
	for _, b := range all {
		if got := b.finished.Load(); got != 1 {
			t.Fatalf("%q finished %d times, want once", b.text, got)
		}
	}
}

// fakeUniqueOf makes a rumour unique.
type fakeUniqueOf struct{ *fakeBroadcast }

func (r *fakeUniqueOf) UniqueBroadcast() {}

// TestOfTwoThatInvalidateEachOtherOneRemains queues both at once, again and again.
func TestOfTwoThatInvalidateEachOtherOneRemains(t *testing.T) {
	for range 300 {
		q := queueFor(9)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				q.QueueBroadcast(&fakeBroadcast{text: fmt.Sprint(i), invalidates: func(*fakeBroadcast) bool { return true }})
			})
		}
		wg.Wait()
		if q.NumQueued() != 1 {
			t.Fatalf("%d remain, want one", q.NumQueued())
		}
	}
}

func TestTheSourceTakesWithoutCopies(t *testing.T) {
	q := queueFor(1_000_000_000)
	q.RetransmitMult = 1 << 20
	for i := range 500 {
		q.QueueBroadcast(&fakeNamed{fakeBroadcast{text: strings.Repeat("x", 40+i%20)}, fmt.Sprint(i)})
	}
	source := q.source()
	dst := make([][]byte, 0, 256)
	room := new(gossip.Room)
	take := func() {
		*room = gossip.PacketRoom(1400)
		dst = source.Take(dst[:0], room)
	}
	for range 1000 {
		take()
	}
	if n := testing.AllocsPerRun(200, take); n != 0 {
		t.Errorf("%v allocations to take a packet's worth, want none", n)
	}
	if !source.Waiting() || len(dst) < 20 || !slices.Equal(dst[0], []byte(strings.Repeat("x", len(dst[0])))) {
		t.Errorf("took %d messages", len(dst))
	}
}

func BenchmarkGetBroadcasts(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("queued=%d", n), func(b *testing.B) {
			q := queueFor(1000)
			q.RetransmitMult = 1 << 30
			for i := range n {
				q.QueueBroadcast(&fakeNamed{fakeBroadcast{text: strings.Repeat("x", 60+i%40)}, fmt.Sprint(i)})
			}
			taken := 0
			for b.Loop() {
				taken += len(q.GetBroadcasts(2, 1398))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(taken), "ns/message")
		})
	}
}
