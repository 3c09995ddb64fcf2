package gossip

import "math"

// What several messages in one packet cost, and what a packet can hold. These are facts of the wire;
// the queue needs to know nothing else about it.
const (
	compoundHead    = 2      // the compound's type and the number of its parts
	compoundEach    = 2      // the length of a part
	compoundParts   = 255    // the number of parts is one byte
	compoundLongest = 0xffff // the length of a part is two bytes
)

// Room is what is left of one packet. It is the one place that counts what messages cost,
// so that a [Source] need only ask how long a message may be.
type Room struct {
	bytes      int  // all that there is
	head, each int  // what several messages cost besides their own bytes
	most       int  // how many there may be
	alone      bool // a single message costs nothing besides its own bytes, and may have any length
	longest    int  // of one among several

	parts, size int
	tooLong     bool // one of them must stay alone
	toll        int  // what each message costs its source on top
}

// PacketRoom returns the room of a packet in which messages may take up the given number of bytes.
// One message goes as it is; several go as a compound, which costs 2 bytes and 2 for each of them,
// has at most 255 parts, and none that is longer than 65,535 bytes.
func PacketRoom(bytes int) Room {
	return Room{
		bytes: bytes, head: compoundHead, each: compoundEach,
		most: compoundParts, longest: compoundLongest, alone: true,
	}
}

// ListRoom returns the room of a list in which each message costs its length and overhead,
// and that may hold limit bytes in all.
func ListRoom(overhead, limit int) Room {
	return Room{bytes: limit, each: overhead, most: math.MaxInt, longest: math.MaxInt}
}

// Longest returns how long a message may be that is added now. It is negative when there is no room
// even for an empty one.
func (r *Room) Longest() int {
	if r.parts == 0 && r.alone {
		return r.bytes - r.toll
	}
	if r.tooLong || r.parts >= r.most {
		return -1
	}
	left := r.bytes - r.head - r.each*(r.parts+1) - r.size
	return min(left, r.longest) - r.toll
}

// Add says that a message of n bytes goes into the packet. Whoever adds one that is longer than
// Longest leaves no room for another.
func (r *Room) Add(n int) {
	r.parts++
	r.size += n + r.toll
	r.tooLong = r.tooLong || n+r.toll > r.longest
}
