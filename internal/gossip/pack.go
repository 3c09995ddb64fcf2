package gossip

// userType is the type byte that makes user data a message of the protocol.
const userType byte = 8

// Source is where the messages of a packet come from: a queue behind its owner's lock,
// or user data that waits in a [Stage].
type Source interface {
	// Waiting says whether there is anything to take. It may be wrong by the time of Take.
	Waiting() bool
	// Take appends to dst the messages that go into room, in the order of the source's choice.
	// Before each it asks room.Longest how long it may be, and after each it calls room.Add.
	// What it has appended counts as sent. It keeps neither dst nor room.
	// The bytes stay the source's: they are read, never changed, until the packet has been sent.
	Take(dst [][]byte, room *Room) [][]byte
}

// Turn decides who is offered a packet first. Rumours come first, but while user data waits as well
// one packet in four is the user's, or a busy cluster would never pass it on.
// A turn that comes to nothing, because what the user has does not fit beside the message
// that the packet is for, is kept for the next packet.
type Turn struct {
	waited uint8 // packets since the user last had the first choice, while both waited
}

// userShare is how many packets there are to one that is offered to the user first.
const userShare = 4

func (t *Turn) usersFirst() bool { return t.waited >= userShare-1 }

// Packer chooses what goes into one packet. It owns the memory of what it returns, so that with
// warm buffers nothing is allocated: one per goroutine, or a pool of them.
type Packer struct {
	msgs  [][]byte
	arena []byte // the user's messages with their type byte
	room  Room
}

// Pack returns the messages of one packet that may take up the given number of bytes: those that
// must go, whatever their size, and then as many rumours and user messages as fit beside them.
// Either source may be nil. Rumours are complete messages; user messages are raw, and come out with
// their type byte in front. Turn belongs to the caller, who keeps one for all its packets.
//
// The result is valid until the next call and may alias must and the sources' messages.
func (p *Packer) Pack(bytes int, must [][]byte, rumours, user Source, turn *Turn) [][]byte {
	p.msgs = append(p.msgs[:0], must...)
	p.arena = p.arena[:0]
	p.room = PacketRoom(bytes)
	for _, m := range must {
		p.room.Add(len(m))
	}
	told, mail := rumours != nil && rumours.Waiting(), user != nil && user.Waiting()
	switch {
	case told && mail && turn.usersFirst():
		if p.takeUser(user) {
			turn.waited = 0
		}
		p.takeRumours(rumours)
	case told && mail:
		turn.waited++
		p.takeRumours(rumours)
		p.takeUser(user)
	case told:
		p.takeRumours(rumours)
	case mail:
		p.takeUser(user)
	}
	return p.msgs
}

func (p *Packer) takeRumours(s Source) {
	p.msgs = s.Take(p.msgs, &p.room)
}

// takeUser makes messages of the user's bytes and says whether there were any.
func (p *Packer) takeUser(s Source) bool {
	from := len(p.msgs)
	p.room.toll = 1 // the type byte
	p.msgs = s.Take(p.msgs, &p.room)
	p.room.toll = 0
	for i, body := range p.msgs[from:] {
		start := len(p.arena)
		p.arena = append(append(p.arena, userType), body...)
		p.msgs[from+i] = p.arena[start:len(p.arena):len(p.arena)]
	}
	return len(p.msgs) > from
}

// Stage holds user messages that wait for a packet, first come, first served. One that does not fit
// is passed over and keeps its place. The zero value is empty.
type Stage struct {
	waiting [][]byte
	bytes   int
}

// Put adds a message. The stage keeps the slice until it is taken.
func (s *Stage) Put(msg []byte) {
	s.waiting = append(s.waiting, msg)
	s.bytes += len(msg)
}

// Len returns how many messages wait.
func (s *Stage) Len() int { return len(s.waiting) }

// Bytes returns how long all waiting messages are together.
func (s *Stage) Bytes() int { return s.bytes }

// Waiting implements [Source].
func (s *Stage) Waiting() bool { return len(s.waiting) > 0 }

// Take implements [Source].
func (s *Stage) Take(dst [][]byte, room *Room) [][]byte {
	kept := s.waiting[:0]
	for _, msg := range s.waiting {
		if len(msg) > room.Longest() {
			kept = append(kept, msg)
			continue
		}
		room.Add(len(msg))
		s.bytes -= len(msg)
		dst = append(dst, msg)
	}
	clear(s.waiting[len(kept):]) // what has left must not be kept alive
	s.waiting = kept
	return dst
}
