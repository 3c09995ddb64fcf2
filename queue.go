package memberlist

import (
	"fmt"
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/gossip"
)

// Broadcast is a message that is to reach all members, and that wants to know when it is over.
//
// The queue calls its methods without holding a lock, so that each may use the queue again.
type Broadcast interface {
	// Invalidates says whether this broadcast makes b pointless. It is asked when this one is queued,
	// about each queued one that is neither a NamedBroadcast nor a UniqueBroadcast; those that it
	// invalidates leave the queue. It is not asked of a broadcast that is itself one of those two.
	// The broadcast b may end while it is being asked about.
	Invalidates(b Broadcast) bool

	// Message returns what is to be told. It is asked once, when the broadcast is queued;
	// the slice must not be changed until Finished.
	Message() []byte

	// Finished is called exactly once, when the queue has no more use for the broadcast: it was sent
	// often enough, replaced, pruned, or the queue was reset.
	Finished()
}

// NamedBroadcast is a Broadcast that replaces the queued one of its name, whatever that contains.
// It saves asking Invalidates of every pair. One whose name is empty is treated as any Broadcast.
type NamedBroadcast interface {
	Broadcast

	// Name is asked once, when the broadcast is queued.
	Name() string
}

// UniqueBroadcast is a Broadcast that neither replaces nor is replaced by others.
type UniqueBroadcast interface {
	Broadcast

	// UniqueBroadcast only marks the type; it is never called.
	UniqueBroadcast()
}

// TransmitLimitedQueue holds broadcasts and decides which of them are sent next: those sent least often
// first, then the longest, then the newest. Each is sent RetransmitMult * ceil(log10(n+1)) times in a
// cluster of n nodes, and at least once, which is enough for it to reach everybody with high probability.
//
// The zero value with NumNodes and RetransmitMult set is ready for use. All methods are safe for
// concurrent use, also from within the broadcasts' own methods. The fields must not be changed while
// the queue is in use.
type TransmitLimitedQueue struct {
	// NumNodes returns how many nodes the cluster has. It is called without a lock held;
	// nil counts as a cluster of one.
	NumNodes func() int

	// RetransmitMult is the factor to the logarithm of the cluster's size in the number of transmissions:
	// higher means more certain, and more traffic.
	RetransmitMult int

	// MaxMessageSize is the longest message that TryQueueBroadcast accepts, 0 any.
	// A message that is too long for a packet is never sent and stays queued until it is replaced or pruned.
	// A packet has room for Config.UDPBufferSize less 6 bytes, less 29 with encryption (45 at protocol version 1),
	// less 2 and its own length for a label: with the defaults 1,394, or 1,365 encrypted.
	MaxMessageSize int

	rumours bool // what is queued is about members: see gossip.RumourLimit

	mu    sync.Mutex
	queue gossip.Queue[Broadcast]
}

// QueueBroadcast adds b, which has not been sent yet, and removes those that it replaces: for a NamedBroadcast
// the queued one of its name, for a UniqueBroadcast nothing, for any other those that it Invalidates.
// Finished has been called on all that are replaced when it returns. It accepts messages of any size.
func (q *TransmitLimitedQueue) QueueBroadcast(b Broadcast) {
	q.add(b, b.Message())
}

// TryQueueBroadcast is QueueBroadcast for callers that want to know at once when a message will never fit:
// if it is longer than MaxMessageSize, it returns an error that is ErrMessageTooLarge and does not keep b,
// whose Finished is then not called.
func (q *TransmitLimitedQueue) TryQueueBroadcast(b Broadcast) error {
	msg := b.Message()
	if q.MaxMessageSize > 0 && len(msg) > q.MaxMessageSize {
		return fmt.Errorf("queue broadcast: %d bytes exceed %d: %w", len(msg), q.MaxMessageSize, ErrMessageTooLarge)
	}
	q.add(b, msg)
	return nil
}

// GetBroadcasts returns what to send next in a packet that has limit bytes left and in which each message
// costs overhead bytes besides its own: from those sent least often to those sent most often, the longest
// that still fits, until nothing does. It returns nil when nothing fits. Each message returned counts as sent;
// Finished has been called on those sent often enough when it returns.
// The caller owns the slice, but must not change the messages.
func (q *TransmitLimitedQueue) GetBroadcasts(overhead, limit int) [][]byte {
	room := gossip.ListRoom(overhead, limit)
	return q.take(nil, &room)
}

// NumQueued returns how many broadcasts are queued.
func (q *TransmitLimitedQueue) NumQueued() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.queue.Len()
}

// Prune removes the broadcasts that would be sent last until at most maxRetain are queued.
// Finished has been called on all that it removed when it returns.
func (q *TransmitLimitedQueue) Prune(maxRetain int) {
	q.mu.Lock()
	ended := q.queue.Prune(maxRetain, nil)
	q.mu.Unlock()
	finishAll(ended)
}

// Reset removes all broadcasts. Finished has been called on all of them when it returns.
func (q *TransmitLimitedQueue) Reset() {
	q.mu.Lock()
	ended := q.queue.Reset(nil)
	q.mu.Unlock()
	finishAll(ended)
}

// add queues b and ends what it replaces.
func (q *TransmitLimitedQueue) add(b Broadcast, msg []byte) {
	m := gossip.Message[Broadcast]{Body: msg, Owner: b}
	if named, ok := b.(NamedBroadcast); ok {
		m.Name = named.Name()
	}
	if _, unique := b.(UniqueBroadcast); !unique && m.Name == "" {
		m.Plain = true
		q.addPlain(m)
		return
	}
	var few [1]Broadcast
	q.mu.Lock()
	ended := q.queue.Add(m, few[:0])
	q.mu.Unlock()
	finishAll(ended)
}

// addPlain asks the new broadcast which of the others it invalidates. It does so without the lock, portion
// by portion. Only when nothing is left that it has not been asked about is it added, in the same hold of the
// lock: of two that invalidate each other and are queued at once, exactly one remains.
func (q *TransmitLimitedQueue) addPlain(m gossip.Message[Broadcast]) {
	var (
		portion [64]gossip.Ref[Broadcast]
		asked   uint64
		stale   []gossip.Ref[Broadcast]
		ended   []Broadcast
	)
	q.mu.Lock()
	for {
		refs := q.queue.Plain(portion[:0], asked)
		if len(refs) == 0 {
			break
		}
		asked = refs[len(refs)-1].ID()
		q.mu.Unlock()
		for _, r := range refs {
			if m.Owner.Invalidates(r.Owner()) {
				stale = append(stale, r)
			}
		}
		q.mu.Lock()
	}
	for _, r := range stale {
		ended = q.queue.Remove(r, ended)
	}
	ended = q.queue.Add(m, ended)
	q.mu.Unlock()
	finishAll(ended)
}

// take appends to dst what fits into room.
func (q *TransmitLimitedQueue) take(dst [][]byte, room *gossip.Room) [][]byte {
	if q.NumQueued() == 0 { // do not bother the owner of NumNodes for nothing
		return dst
	}
	nodes := 1
	if q.NumNodes != nil {
		nodes = q.NumNodes()
	}
	limit := gossip.TransmitLimit(q.RetransmitMult, nodes)
	if q.rumours {
		limit = gossip.RumourLimit(q.RetransmitMult, nodes)
	}
	var few [8]Broadcast
	q.mu.Lock()
	dst, ended := q.queue.Take(dst, few[:0], room, limit)
	q.mu.Unlock()
	finishAll(ended)
	return dst
}

// finishAll tells broadcasts that they have ended. No lock is held.
func finishAll(ended []Broadcast) {
	for _, b := range ended {
		b.Finished()
	}
}

// source is the queue as the packing of a packet sees it: what it takes is not copied.
func (q *TransmitLimitedQueue) source() gossip.Source { return queueSource{q} }

type queueSource struct{ *TransmitLimitedQueue }

// Waiting implements gossip.Source.
func (s queueSource) Waiting() bool { return s.NumQueued() > 0 }

// Take implements gossip.Source.
func (s queueSource) Take(dst [][]byte, room *gossip.Room) [][]byte { return s.take(dst, room) }
