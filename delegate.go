package memberlist

import (
	"fmt"
	"time"
)

// The interfaces by which an application takes part. Their methods are of two kinds:
//
//   - A question is asked before something happens, because its answer decides it.
//   - News are told after something has happened: in order, one at a time, never while a lock is held.
//
// Every public method of Memberlist may be called from every delegate method, except that Join, Leave,
// UpdateNode, UpdateMeta and Shutdown (and their context variants) must not be awaited inside an event
// callback (NotifyJoin, NotifyLeave, NotifyUpdate, NotifyConflict, NotifyPingComplete): they wait for the news
// that they cause, hence for that callback itself. Call them from a goroutine of your own there.
// After Shutdown no new callback starts.

// Delegate is how an application sends its own state and messages along with those of the cluster.
type Delegate interface {
	// NodeMeta is a question: what should the others know about this node? It is asked in Create and
	// UpdateNode, from the caller's goroutine, so it may block as long as that caller can wait.
	// limit is MetaMaxSize; a longer answer makes the call return ErrMetaTooLarge.
	// The answer is copied and stays the application's own. It is not asked when Config.Meta is set.
	NodeMeta(limit int) []byte

	// NotifyMsg is news: a user message came in. It does not say from whom: put that into your messages.
	// Messages that came in packets are told in order by one goroutine of theirs, after the news of their packet;
	// while it is blocked at most Config.HandoffQueueDepth of them wait and the rest is dropped and counted. A
	// message that came by stream is told on its stream's own goroutine, at once with others. While many of them
	// wait, further ones are not read, so that their senders wait, for as long as their own TCPTimeout; they are
	// refused only when 1,024 wait to be read, or one has waited for ten times TCPTimeout. Blocking delays further
	// messages only. The slice is the application's to keep and to change.
	NotifyMsg([]byte)

	// GetBroadcasts is a question: which user messages should be spread? It is asked by a goroutine of its
	// own while there are packets to fill; blocking delays the spreading of user messages only.
	// Each message costs overhead bytes more than its length, and all together should not cost more than limit;
	// what exceeds that leaves in further packets. The messages must not be changed afterwards.
	// TransmitLimitedQueue.GetBroadcasts is made to be called here.
	GetBroadcasts(overhead, limit int) [][]byte

	// LocalState is a question: what should the other side of a full state exchange get? It is asked on a
	// goroutine of its own, for several exchanges at once; blocking delays that exchange, which fails after
	// Config.TCPTimeout (our own Join waits as long as its context). join says that a node is joining through
	// this exchange.
	// The answer is not changed, and not read any more once the exchange is over.
	LocalState(join bool) []byte

	// MergeRemoteState is news: the other side of a full state exchange sent this. It is told on the
	// exchange's own goroutine, for several exchanges at once, after the news about the members of
	// that exchange; it may block. It is not called for an empty state.
	// The slice is the application's to keep and to change.
	MergeRemoteState(buf []byte, join bool)
}

// EventDelegate hears which members come, go and change, ourselves included.
// Each method is news: told in order, one at a time with all other events, and never dropped.
// A method that blocks delays further events (which queue up) and public calls that wait for the news they
// caused; it delays neither failure detection nor messages. The node is an immutable snapshot: keep it freely,
// do not change it.
type EventDelegate interface {
	// NotifyJoin says that a member is there: a new one, or one that was dead or had left.
	// It is told about ourselves before Create returns.
	NotifyJoin(*Node)

	// NotifyLeave says that a member is gone; its State says whether it died or left.
	NotifyLeave(*Node)

	// NotifyUpdate says that the metadata of a member has changed.
	NotifyUpdate(*Node)
}

// AliveDelegate decides which nodes may be members.
type AliveDelegate interface {
	// NotifyAlive is a question: may this node be a member, with this address and this metadata? An error
	// refuses the claim, and the claim is forgotten. It is asked for every claim that somebody is alive,
	// known or new, about ourselves too (in Create, UpdateNode, Join after Leave, and for what others say about
	// us). A node that is refused in its own Create runs without being a member: it sees the others, is not seen
	// by them, and is told no NotifyJoin of itself; its next Join asks again. Claims that come in packets are
	// asked about one by one, and so are those of each state exchange, but several exchanges, packets and public
	// calls may ask at once. It should not block: while it is asked about one claim of a packet, no refutation
	// that comes in a packet takes effect. Whoever asks stops waiting at the end of a context and at Shutdown.
	// The node may be kept, not changed.
	NotifyAlive(peer *Node) error
}

// ConflictDelegate hears that two nodes claim one name.
type ConflictDelegate interface {
	// NotifyConflict is news, told like an event: other claims the name of existing from a different
	// address, and was ignored. Told for each such claim, so possibly again and again. Both nodes are
	// snapshots: keep them freely, do not change them.
	NotifyConflict(existing, other *Node)
}

// MergeDelegate decides whether to merge with another cluster at a join.
type MergeDelegate interface {
	// NotifyMerge is a question: may these nodes, all that the other side of a join knows, be merged
	// into ours? An error cancels: the joining side gets it as an error of Join, and adds no member.
	// It is asked on both sides, on a goroutine of its own, for several exchanges at once; blocking delays that
	// exchange, which fails after Config.TCPTimeout (our own Join waits as long as its context). The nodes may be
	// kept, not changed.
	NotifyMerge(peers []*Node) error
}

// PingDelegate takes part in the probes by which members are watched, to measure the network for example.
type PingDelegate interface {
	// AckPayload is a question: what should go back with our answer to a ping? It is asked by a goroutine
	// of its own; an ack does not wait for it longer than 10 ms and leaves without payload then.
	// The payload is sent in one packet, so it must be small, and must not be changed afterwards.
	AckPayload() []byte

	// NotifyPingComplete is news, told like an event: other answered our probe directly and in time, after
	// rtt, with this payload (nil if there was none). The slice is the application's to keep and to change.
	NotifyPingComplete(other *Node, rtt time.Duration, payload []byte)
}

// NodeEventType says what happened to a node.
type NodeEventType int

// What can happen to a node; see EventDelegate.
const (
	NodeJoin NodeEventType = iota
	NodeLeave
	NodeUpdate
)

// String returns the event as one lower-case word.
func (t NodeEventType) String() string {
	switch t {
	case NodeJoin:
		return "join"
	case NodeLeave:
		return "leave"
	case NodeUpdate:
		return "update"
	default:
		return fmt.Sprintf("NodeEventType(%d)", int(t))
	}
}

// NodeEvent is one event as it comes through a ChannelEventDelegate.
type NodeEvent struct {
	Event NodeEventType
	Node  *Node // an immutable snapshot: keep it freely, do not change it
}

// ChannelEventDelegate is an EventDelegate that sends each event on a channel. A receiver that is slow, or
// a channel without room, delays further events as a blocked EventDelegate does; no event is lost.
// Receive before you call Create, which sends the first event and waits for that, and until the node has been
// shut down. Never close the channel: an event that nobody took in time may still be on its way.
type ChannelEventDelegate struct {
	Ch chan<- NodeEvent
}

// NotifyJoin sends a NodeJoin event.
func (c *ChannelEventDelegate) NotifyJoin(n *Node) { c.Ch <- NodeEvent{NodeJoin, n} }

// NotifyLeave sends a NodeLeave event.
func (c *ChannelEventDelegate) NotifyLeave(n *Node) { c.Ch <- NodeEvent{NodeLeave, n} }

// NotifyUpdate sends a NodeUpdate event.
func (c *ChannelEventDelegate) NotifyUpdate(n *Node) { c.Ch <- NodeEvent{NodeUpdate, n} }
