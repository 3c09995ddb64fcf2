package swim

import (
	"net/netip"
	"time"
)

// Peer is where a packet or a stream goes.
type Peer struct {
	Name   string // who should be there; "" unknown
	Addr   netip.AddrPort
	Opaque string // the transport's own spelling when it is not ip:port; Addr is then invalid
}

// Source is where a packet came from.
type Source struct {
	Peer
	// Trusted says that the packet was sealed with our key, or came through a transport that
	// is not ours, or that node names are required. Only then is a stated source address
	// believed when it is neither the packet's own source nor that of a known member.
	Trusted bool
}

// Target is a peer and what it is known to understand.
type Target struct {
	Peer
	Checksum bool // it is known to understand protocol 5
}

// Packet is one packet to send. Its bytes belong to the Output.
type Packet struct {
	To    Target
	Body  []byte // an encoded message
	Extra []byte // a second message of the same packet, or nil
	Bare  bool   // no rumours may ride along: who is there is neither known nor trusted
}

// Knock asks for a ping by stream; its result goes to Machine.KnockDone.
type Knock struct {
	Peer
	Seq   uint32
	Until time.Time // afterwards nobody is interested
}

// Broadcast is a message to queue under a name: it replaces an older one of that name.
type Broadcast struct {
	Name string
	Body []byte        // memory of its own
	Done chan struct{} // to be closed when the message has ended, in whichever way; nil: nobody waits
}

// Answer is the end of a user's ping.
type Answer struct {
	Seq uint32
	OK  bool
	RTT time.Duration
}

// Output is what the world must do, one slice per kind, each in order. It belongs to whoever
// took it until that one gives it to Take again.
type Output struct {
	Packets    []Packet
	Gossip     []Target // send rumours to these, if there are any
	Syncs      []Peer   // begin a full state exchange with these
	Knocks     []Knock
	Broadcasts []Broadcast
	News       []News
	Answers    []Answer

	arena []byte // the packets' bytes
}

// What an empty Output keeps is what a busy step needs, not what the worst one did: the bytes of
// packets, and the entries of each kind. A join brings news of every member at once, and later
// steps none.
const (
	maxKeptArena   = 64 << 10
	maxKeptEntries = 64
)

// Reset empties the output; the memory is kept for the next use, what it pointed to is not.
func (o *Output) Reset() {
	o.Packets = empty(o.Packets)
	o.Gossip = empty(o.Gossip)
	o.Syncs = empty(o.Syncs)
	o.Knocks = empty(o.Knocks)
	o.Broadcasts = empty(o.Broadcasts)
	o.News = empty(o.News)
	o.Answers = empty(o.Answers)
	o.arena = o.arena[:0]
	if cap(o.arena) > maxKeptArena {
		o.arena = nil
	}
}

func empty[T any](s []T) []T {
	if cap(s) > maxKeptEntries {
		return nil
	}
	clear(s)
	return s[:0]
}

// since returns what was appended to the arena after it was start bytes long. The slice stays
// valid when the arena moves, and appending to it does not overwrite what follows.
func (o *Output) since(start int) []byte {
	return o.arena[start:len(o.arena):len(o.arena)]
}

// Take swaps the machine's output with out, which is emptied first. Nothing is allocated when
// outputs are used again.
func (m *Machine) Take(out *Output) {
	out.Reset()
	*out, m.out = m.out, *out
}
