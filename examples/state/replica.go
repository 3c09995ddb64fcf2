package main

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/seed-f61b0479/memberlist"
)

// maxUpdate is the longest update that travels by broadcast: it has to fit into a packet (1,400 bytes by
// default) with a little around it.
const maxUpdate = 1200

// replica keeps a store in step with those of the other members. It is their common Delegate: what is written
// here goes out by broadcast, what was broadcast elsewhere comes in by NotifyMsg, and what got lost, or was
// there before we were, comes with the state exchanges, each of which is a join or a periodic one.
type replica struct {
	store *store
	queue *memberlist.TransmitLimitedQueue
	nodes atomic.Int64 // members, counted by events: the queue needs their number before Create returns
}

func newReplica(s *store) *replica {
	r := &replica{store: s}
	r.queue = &memberlist.TransmitLimitedQueue{
		NumNodes:       func() int { return int(r.nodes.Load()) },
		RetransmitMult: 4,
		MaxMessageSize: maxUpdate,
	}
	return r
}

// write changes a key here and, soon, everywhere.
func (r *replica) write(key, value string, deleted bool) error {
	longest := record{Key: key, Value: value, Deleted: true, Time: math.MaxInt64, Writer: r.store.self}
	if size := len(encode([]record{longest})); size > maxUpdate {
		return fmt.Errorf("%w: %d bytes with all that goes along, an update carries %d",
			memberlist.ErrMessageTooLarge, size, maxUpdate)
	}
	return r.spread(r.store.write(key, value, deleted))
}

func (r *replica) spread(rec record) error {
	return r.queue.TryQueueBroadcast(update{key: rec.Key, body: encode([]record{rec})})
}

// merge takes over what others have told.
func (r *replica) merge(b []byte) (fresh []record) {
	records, err := decode(b)
	if err != nil {
		fmt.Println("ignored:", err)
		return nil
	}
	fresh = r.store.merge(records)
	for _, rec := range fresh {
		if rec.Deleted {
			fmt.Printf("%s deleted by %s\n", rec.Key, rec.Writer)
		} else {
			fmt.Printf("%s = %s, set by %s\n", rec.Key, rec.Value, rec.Writer)
		}
	}
	return fresh
}

// NodeMeta implements memberlist.Delegate.
func (r *replica) NodeMeta(int) []byte { return nil }

// NotifyMsg takes an update in, and hands on what was new to us: the writer alone tells a few members only.
func (r *replica) NotifyMsg(b []byte) {
	for _, rec := range r.merge(b) {
		if err := r.spread(rec); err != nil {
			fmt.Println("not handed on:", err)
		}
	}
}

// GetBroadcasts fills packets with updates.
func (r *replica) GetBroadcasts(overhead, limit int) [][]byte {
	return r.queue.GetBroadcasts(overhead, limit)
}

// LocalState is everything we have, for a newcomer or a member that may have missed something.
func (r *replica) LocalState(bool) []byte { return encode(r.store.all()) }

// MergeRemoteState takes in everything that another has.
func (r *replica) MergeRemoteState(b []byte, _ bool) { r.merge(b) }

// NotifyJoin and the others count the members.
func (r *replica) NotifyJoin(n *memberlist.Node) {
	r.nodes.Add(1)
	fmt.Println("joined:", n.Name)
}

// NotifyLeave implements memberlist.EventDelegate.
func (r *replica) NotifyLeave(n *memberlist.Node) {
	r.nodes.Add(-1)
	fmt.Printf("%v: %s\n", n.State, n.Name)
}

// NotifyUpdate implements memberlist.EventDelegate.
func (r *replica) NotifyUpdate(*memberlist.Node) {}

// update is a broadcast about one key. A newer one about the same key takes its place in the queue.
type update struct {
	key  string
	body []byte
}

// Name makes it a memberlist.NamedBroadcast.
func (u update) Name() string { return u.key }

// Invalidates is not asked: the name decides.
func (u update) Invalidates(memberlist.Broadcast) bool { return false }

// Message is what is sent.
func (u update) Message() []byte { return u.body }

// Finished has nothing to do: nobody waits for an update to be over.
func (u update) Finished() {}
