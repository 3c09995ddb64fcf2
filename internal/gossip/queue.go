package gossip

import (
	"math"

	"github.com/google/btree"
)

// degree is how wide the trees are. Wide nodes keep them two levels deep for the sizes that occur,
// and moving half a node in memory is still cheaper than following one more pointer.
const degree = 32

// Message is what a queue is given: the bytes to tell, and who wants to know when they have ended.
type Message[T any] struct {
	Name  string // a queued message of the same name is replaced; "" has no name
	Plain bool   // an unnamed message that others may replace by asking for [Queue.Plain]
	Body  []byte // never changed by the queue, and not to be changed by anyone while it is queued
	Owner T      // handed back when the message ends
}

// Queue holds messages that are each to be told a limited number of times, in the order:
// fewest transmissions, then longest, then newest.
//
// Every message ends exactly once: sent often enough ([Queue.Take]), replaced ([Queue.Add],
// [Queue.Remove]), pruned ([Queue.Prune]) or reset ([Queue.Reset]). The call that ends it appends
// its owner to the slice that the caller gave, so that the caller can tell the owner after it has
// let go of its lock. The zero value is an empty queue.
type Queue[T any] struct {
	items  []*[chunk]item[T] // wherever there is room
	used   uint32            // room that was ever used
	free   []uint32          // where there is room again, below used
	order  *btree.BTreeG[slot]
	named  map[string]uint32   // where in items
	plain  *btree.BTreeG[slot] // by id
	lastID uint64              // never reset: two messages that share a place lose one of them
	// shortest is no longer than any queued message. It lets a walk end when the packet is full
	// instead of looking through the remaining tiers in vain.
	shortest int
	picked   []uint32 // scratch of Take
}

const (
	// chunk is how many items are made at once.
	chunk = 64
	// spareChunks is of how many chunks an empty queue keeps the memory.
	spareChunks = 16
)

// key is a place in the order: lower is told earlier. It is kept beside the place of its item, so that a
// search does not have to visit the items, and small, because a tree moves many of them for each that comes or goes.
type key struct {
	rank uint64 // transmissions above the size counted down
	turn uint64 // the id counted down
}

// place is the key of a message. Nothing is sent or sized beyond 32 bits; if it were, it would stand at the end.
func place(sent, size int, id uint64) key {
	shorter := math.MaxUint32 - min(uint64(size), math.MaxUint32)
	return key{rank: min(uint64(sent), math.MaxUint32)<<32 | shorter, turn: ^id}
}

func (k key) sent() int  { return int(k.rank >> 32) }
func (k key) size() int  { return int(math.MaxUint32 - k.rank&math.MaxUint32) }
func (k key) id() uint64 { return ^k.turn }

// before says whether a is told earlier than b.
func (a key) before(b key) bool {
	return a.rank < b.rank || a.rank == b.rank && a.turn < b.turn
}

// slot is a place in the order and where its item is. It holds no pointer, so that the garbage collector has nothing
// to do with the trees, neither while they are moved nor afterwards.
type slot struct {
	key
	at uint32
}

type item[T any] struct {
	Message[T]
	key key // zero where there is no item
}

// Len returns how many messages are queued.
func (q *Queue[T]) Len() int {
	if q.order == nil {
		return 0
	}
	return q.order.Len()
}

// Add queues a message that has not been told yet. If it has a name, it replaces the queued message
// of that name, whose owner is appended to ended.
func (q *Queue[T]) Add(m Message[T], ended []T) []T {
	if q.order == nil {
		q.order = btree.NewG(degree, func(a, b slot) bool { return a.before(b.key) })
		q.named = make(map[string]uint32)
	}
	if m.Name != "" {
		if old, ok := q.named[m.Name]; ok {
			ended = q.drop(old, ended)
		}
	}
	q.lastID++
	s := slot{place(0, len(m.Body), q.lastID), q.put(m)}
	q.item(s.at).key = s.key
	switch {
	case m.Name != "":
		q.named[m.Name] = s.at
	case m.Plain:
		if q.plain == nil { // most queues never need it
			q.plain = btree.NewG(degree, func(a, b slot) bool { return a.id() < b.id() })
		}
		q.plain.ReplaceOrInsert(s)
	}
	if q.order.Len() == 0 || len(m.Body) < q.shortest {
		q.shortest = len(m.Body)
	}
	q.order.ReplaceOrInsert(s)
	return ended
}

// item is what is somewhere.
func (q *Queue[T]) item(at uint32) *item[T] { return &q.items[at/chunk][at%chunk] }

// put finds room for a message.
func (q *Queue[T]) put(m Message[T]) (at uint32) {
	if n := len(q.free); n > 0 {
		at, q.free = q.free[n-1], q.free[:n-1]
	} else {
		at = q.used
		q.used++
		if int(at/chunk) == len(q.items) {
			q.items = append(q.items, new([chunk]item[T]))
		}
	}
	q.item(at).Message = m
	return at
}

// Take appends to dst, in order, the messages that fit into what room has left: in each tier of
// equally often sent ones the longest that still fits, until nothing does. No message is taken twice.
// Each taken counts one transmission; one that has reached limit leaves the queue, and its owner is
// appended to ended. The bodies are the queue's own: they may be read at any time, and never changed.
func (q *Queue[T]) Take(dst [][]byte, ended []T, room *Room, limit int) ([][]byte, []T) {
	if q.Len() == 0 {
		return dst, ended
	}
	// Only what has been picked moves, and only after the walk: a message that moved
	// into a later tier during the walk would be met there again.
	q.pick(room)
	for _, at := range q.picked {
		it := q.item(at)
		dst = append(dst, it.Body)
		q.order.Delete(slot{it.key, at})
		sent := it.key.sent() + 1
		if sent >= limit {
			ended = q.end(at, ended)
			continue
		}
		it.key = place(sent, len(it.Body), it.key.id())
		q.order.ReplaceOrInsert(slot{it.key, at})
	}
	q.picked = q.picked[:0]
	return dst, ended
}

// pick walks the order and remembers what fits.
func (q *Queue[T]) pick(room *Room) {
	// No id is higher than that of a pivot, so it stands before all messages of its size.
	pivot := slot{key: place(0, math.MaxInt, math.MaxUint64)}
	for jump := true; jump; {
		jump = false
		q.order.AscendGreaterOrEqual(pivot, func(s slot) bool {
			longest := room.Longest()
			if longest < q.shortest {
				return false
			}
			if s.size() > longest {
				// What follows in this tier may be too long as well, thousands of times:
				// searching for the first that fits is cheaper than passing them by.
				pivot.key, jump = place(s.sent(), longest, math.MaxUint64), true
				return false
			}
			room.Add(s.size())
			q.picked = append(q.picked, s.at)
			return true
		})
	}
}

// Prune drops messages from the far end of the order, the most often told first,
// until at most retain are left, and appends their owners to ended.
func (q *Queue[T]) Prune(retain int, ended []T) []T {
	for q.Len() > max(retain, 0) {
		s, _ := q.order.DeleteMax()
		ended = q.end(s.at, ended)
	}
	return ended
}

// Reset drops all messages and appends their owners to ended, in order.
func (q *Queue[T]) Reset(ended []T) []T {
	if q.Len() == 0 {
		return ended
	}
	q.order.Ascend(func(s slot) bool {
		ended = append(ended, q.item(s.at).Owner)
		return true
	})
	q.order.Clear(false)
	if q.plain != nil {
		q.plain.Clear(false)
	}
	clear(q.named)
	for _, c := range q.items {
		clear(c[:])
	}
	q.compact()
	return ended
}

// Ref points at a plain message that is, or was, queued.
type Ref[T any] struct {
	owner T
	id    uint64
	at    uint32
}

// ID returns the number of the message: higher for each one queued later, never used again.
func (r Ref[T]) ID() uint64 { return r.id }

// Owner returns what the message was queued with.
func (r Ref[T]) Owner() T { return r.owner }

// Plain fills dst up to its capacity with the plain messages whose ID is above after, oldest first.
// A caller that must not ask foreign code about them under its lock takes them in portions,
// asks without the lock, and comes back with the last ID until there are no more.
func (q *Queue[T]) Plain(dst []Ref[T], after uint64) []Ref[T] {
	if q.plain == nil || q.plain.Len() == 0 {
		return dst
	}
	q.plain.AscendGreaterOrEqual(slot{key: place(0, 0, after+1)}, func(s slot) bool {
		if len(dst) == cap(dst) {
			return false
		}
		dst = append(dst, Ref[T]{q.item(s.at).Owner, s.id(), s.at})
		return true
	})
	return dst
}

// Remove ends one plain message because another replaces it. A message that has ended meanwhile
// stays as it ended, even if another has taken its room.
func (q *Queue[T]) Remove(r Ref[T], ended []T) []T {
	if r.at >= q.used || q.item(r.at).key.id() != r.id {
		return ended
	}
	return q.drop(r.at, ended)
}

// drop takes a queued item out of the order and ends it.
func (q *Queue[T]) drop(at uint32, ended []T) []T {
	q.order.Delete(slot{q.item(at).key, at})
	return q.end(at, ended)
}

// end is the one place where a single item ends. It is out of the order already.
func (q *Queue[T]) end(at uint32, ended []T) []T {
	it := q.item(at)
	switch {
	case it.Name != "":
		delete(q.named, it.Name)
	case it.Plain:
		q.plain.Delete(slot{key: it.key})
	}
	ended = append(ended, it.Owner)
	*it = item[T]{}
	q.free = append(q.free, at)
	if q.order.Len() == 0 {
		q.compact()
	}
	return ended
}

// compact begins anew with an empty queue, and gives memory back unless it is little.
func (q *Queue[T]) compact() {
	if len(q.items) > spareChunks {
		q.items, q.free = nil, nil
	}
	q.used, q.free = 0, q.free[:0]
}

// TransmitLimit returns how often a message is told in a cluster of n members:
// mult times the number of decimal digits that n+1 fills up, mult * ceil(log10(n+1)).
func TransmitLimit(mult, n int) int {
	digits := 0
	for n > 0 { // ceil(log10(n+1)) is the number of digits of n
		n /= 10
		digits++
	}
	if digits > 0 && mult > math.MaxInt/digits {
		return math.MaxInt // whoever says "for ever" means it
	}
	return mult * digits
}

// RumourLimit is TransmitLimit for news of members, with a floor for small clusters: there the formula
// gives so few transmissions that now and then, as targets are drawn by chance, one member hears a
// death from nobody. The floor is three to each of the others, and no more than ten.
func RumourLimit(mult, n int) int {
	const enough, each = 10, 3
	return max(TransmitLimit(mult, n), min(enough, each*(n-1)))
}
