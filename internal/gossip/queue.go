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
	order  *btree.BTreeG[slot[T]]
	named  map[string]*item[T]
	plain  *btree.BTreeG[*item[T]] // by id
	lastID uint64                  // never reset: two messages that share a place lose one of them
	// shortest is no longer than any queued message. It lets a walk end when the packet is full
	// instead of looking through the remaining tiers in vain.
	shortest int
	picked   []*item[T] // scratch of Take
}

// key is a place in the order: lower is told earlier. It is kept beside the pointer to its item, so that a
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

type slot[T any] struct {
	key
	item *item[T]
}

type item[T any] struct {
	Message[T]
	key   key
	ended bool
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
		q.order = btree.NewG(degree, func(a, b slot[T]) bool { return a.before(b.key) })
		q.plain = btree.NewG(degree, func(a, b *item[T]) bool { return a.key.id() < b.key.id() })
		q.named = make(map[string]*item[T])
	}
	q.lastID++
	it := &item[T]{Message: m, key: place(0, len(m.Body), q.lastID)}
	switch {
	case m.Name != "":
		if old := q.named[m.Name]; old != nil {
			ended = q.drop(old, ended)
		}
		q.named[m.Name] = it
	case m.Plain:
		q.plain.ReplaceOrInsert(it)
	}
	if q.order.Len() == 0 || len(m.Body) < q.shortest {
		q.shortest = len(m.Body)
	}
	q.order.ReplaceOrInsert(slot[T]{it.key, it})
	return ended
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
	for _, it := range q.picked {
		dst = append(dst, it.Body)
		q.order.Delete(slot[T]{it.key, it})
		sent := it.key.sent() + 1
		it.key = place(sent, len(it.Body), it.key.id())
		if sent >= limit {
			ended = q.end(it, ended)
			continue
		}
		q.order.ReplaceOrInsert(slot[T]{it.key, it})
	}
	clear(q.picked) // or the scratch would keep ended messages alive
	q.picked = q.picked[:0]
	return dst, ended
}

// pick walks the order and remembers what fits.
func (q *Queue[T]) pick(room *Room) {
	// No id is higher than that of a pivot, so it stands before all messages of its size.
	pivot := slot[T]{key: place(0, math.MaxInt, math.MaxUint64)}
	for jump := true; jump; {
		jump = false
		q.order.AscendGreaterOrEqual(pivot, func(s slot[T]) bool {
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
			q.picked = append(q.picked, s.item)
			return true
		})
	}
}

// Prune drops messages from the far end of the order, the most often told first,
// until at most retain are left, and appends their owners to ended.
func (q *Queue[T]) Prune(retain int, ended []T) []T {
	for q.Len() > max(retain, 0) {
		s, _ := q.order.DeleteMax()
		ended = q.end(s.item, ended)
	}
	return ended
}

// Reset drops all messages and appends their owners to ended, in order.
func (q *Queue[T]) Reset(ended []T) []T {
	if q.Len() == 0 {
		return ended
	}
	q.order.Ascend(func(s slot[T]) bool {
		s.item.ended = true
		ended = append(ended, s.item.Owner)
		return true
	})
	q.order.Clear(false)
	q.plain.Clear(false)
	clear(q.named)
	return ended
}

// Ref points at a plain message that is, or was, queued.
type Ref[T any] struct{ item *item[T] }

// ID returns the number of the message: higher for each one queued later, never used again.
func (r Ref[T]) ID() uint64 { return r.item.key.id() }

// Owner returns what the message was queued with.
func (r Ref[T]) Owner() T { return r.item.Owner }

// Plain fills dst up to its capacity with the plain messages whose ID is above after, oldest first.
// A caller that must not ask foreign code about them under its lock takes them in portions,
// asks without the lock, and comes back with the last ID until there are no more.
func (q *Queue[T]) Plain(dst []Ref[T], after uint64) []Ref[T] {
	if q.plain == nil || q.plain.Len() == 0 {
		return dst
	}
	pivot := &item[T]{key: place(0, 0, after+1)}
	q.plain.AscendGreaterOrEqual(pivot, func(it *item[T]) bool {
		if len(dst) == cap(dst) {
			return false
		}
		dst = append(dst, Ref[T]{it})
		return true
	})
	return dst
}

// Remove ends one plain message because another replaces it. A message that has ended meanwhile
// stays as it ended.
func (q *Queue[T]) Remove(r Ref[T], ended []T) []T {
	if r.item.ended {
		return ended
	}
	return q.drop(r.item, ended)
}

// drop takes a queued item out of the order and ends it.
func (q *Queue[T]) drop(it *item[T], ended []T) []T {
	q.order.Delete(slot[T]{it.key, it})
	return q.end(it, ended)
}

// end is the one place where a single item ends. It is out of the order already.
func (q *Queue[T]) end(it *item[T], ended []T) []T {
	it.ended = true
	switch {
	case it.Name != "":
		delete(q.named, it.Name)
	case it.Plain:
		q.plain.Delete(it)
	}
	return append(ended, it.Owner)
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
