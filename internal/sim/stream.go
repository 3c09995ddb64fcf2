package sim

import (
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// purpose is what a stream is for.
type purpose uint8

const (
	toKnock purpose = iota // a ping by stream
	toSync                 // a full state exchange, now and then
	toJoin                 // the one that makes a member
)

// stage is what happens to a stream next.
type stage uint8

const (
	asking    stage = iota // the request arrives
	answering              // the answer arrives
	failing                // whoever dialled gives up, or is told that it failed
)

// stream is one conversation: a request that takes a dial and a trip, and an answer.
type stream struct {
	why      purpose
	stage    stage
	by       *Node
	place    int   // who is dialled
	with     *Node // who has accepted
	seq      uint32
	name     string // who should be there
	said     []byte // the state under way
	deadline time.Duration
	breaks   stage // in which stage it breaks; failing: it does not
	done     func(ok bool)
}

// knock begins a ping by stream.
func (n *Node) knock(k *swim.Knock) {
	n.open(&stream{why: toKnock, place: n.sim.hostAt(k.Addr), seq: k.Seq, name: k.Name, deadline: since(k.Until)})
}

// sync begins a full state exchange, unless one is still under way.
func (n *Node) sync(with *swim.Peer) {
	if n.syncing {
		return
	}
	n.syncing = true
	n.exchange(toSync, n.sim.hostAt(with.Addr), func(bool) { n.syncing = false })
}

// Join exchanges full state with another node, whichever process is at its address by then; after
// Leave it brings the node back first. done, unless nil, is told how that ended.
func (n *Node) Join(with *Node, done func(ok bool)) {
	if n.machine.HasLeft() {
		n.Rejoin()
	}
	n.trace("joins %v", with)
	n.exchange(toJoin, with.host, done)
}

func (n *Node) exchange(why purpose, place int, done func(bool)) {
	x := &stream{why: why, place: place, deadline: n.sim.now + n.sim.opt.Settings.StreamTimeout, done: done}
	x.said = n.state(why == toJoin)
	n.open(x)
}

// state encodes what the node knows about all members.
func (n *Node) state(join bool) []byte {
	g := &n.sim.gear
	g.rows = n.machine.Rows(g.rows[:0])
	h := wire.PushPullHeader{Nodes: len(g.rows), Join: join}
	b := h.Append(n.sim.newBytes())
	for i := range g.rows {
		b = g.rows[i].Append(b)
	}
	n.traffic.StreamBytes += len(b)
	return b
}

func (s *Sim) newBytes() []byte {
	last := len(s.gear.bytes) - 1
	if last < 0 {
		return nil
	}
	b := s.gear.bytes[last]
	s.gear.bytes = s.gear.bytes[:last]
	return b[:0]
}

func (s *Sim) spareBytes(b []byte) {
	if cap(b) > 0 && len(s.gear.bytes) < 64 {
		s.gear.bytes = append(s.gear.bytes, b)
	}
}

// open dials.
func (n *Node) open(x *stream) {
	x.by = n
	n.traffic.Streams++
	n.depart(x)
}

// leave draws how the stream will fare: whether anybody accepts, and whether it breaks.
func (x *stream) leave(s *Sim) {
	switch {
	case x.by.gone:
		return
	case x.stage == answering:
		x.proceed(s, x.place, x.by.host)
		return
	case x.place < 0:
		x.fail(s, x.deadline)
		return
	}
	h := s.hosts[x.place]
	open := s.reaches(x.by.host, x.place) && s.reaches(x.place, x.by.host)
	trip := s.latency(x.by.host, x.place) + s.latency(x.place, x.by.host)
	switch {
	case open && h.node == nil && h.refuses:
		x.fail(s, s.now+trip)
		return
	case !open || h.node == nil:
		x.fail(s, x.deadline)
		return
	case s.roll(s.opt.Network.DialFail):
		s.faults[DialFailed]++
		x.fail(s, s.now+trip)
		return
	}
	x.with, x.breaks = h.node, failing
	if s.roll(s.opt.Network.Break) {
		x.breaks = stage(s.chance.IntN(int(failing)))
	}
	x.proceed(s, x.by.host, x.place)
}

// proceed sends what is said next from one place to the other. Lost packets only cost time, as
// long as anything gets through.
func (x *stream) proceed(s *Sim, from, to int) {
	took := s.latency(from, to)
	if x.stage == asking { // and before it the dialling
		took += s.latency(from, to) + s.latency(to, from)
	}
	if rate := s.opt.Network.Bandwidth; rate > 0 {
		took += time.Duration(len(x.said)) * time.Second / time.Duration(rate)
	}
	for pause := retransmission; !s.opt.Network.Streams && s.loses(from, to); pause *= 2 {
		took += pause
		if took > x.deadline-s.now {
			break
		}
	}
	arrives := s.now + took
	switch {
	case !s.reaches(from, to):
		x.fail(s, x.deadline)
	case arrives > x.deadline:
		s.faults[Late]++
		x.fail(s, x.deadline)
	case x.breaks == x.stage:
		s.faults[Broken]++
		x.fail(s, arrives)
	default:
		s.agenda.add(arrives, x)
	}
}

// retransmission is how long a stream waits before it sends again what was lost.
const retransmission = 200 * time.Millisecond

// fail ends the stream for whoever dialled, then; the other end just sees it end.
func (x *stream) fail(s *Sim, at time.Duration) {
	x.stage = failing
	s.agenda.add(max(at, s.now), x)
}

// happen has whoever must act next act.
func (x *stream) happen(s *Sim) {
	s.note(uint64(s.now))
	s.note(uint64(x.by.index))
	s.note(uint64(x.stage))
	switch x.stage {
	case asking:
		x.asked(s)
	case answering:
		x.answered(s)
	case failing:
		if !x.by.gone && !x.by.waits(x) {
			x.end(s, false)
		}
	}
}

// asked has the other end read the request and answer.
func (x *stream) asked(s *Sim) {
	n := x.with
	switch {
	case n.gone:
		x.fail(s, s.now+s.latency(x.place, x.by.host))
		return
	case n.waits(x):
		return
	case s.now > x.deadline:
		x.fail(s, s.now)
		return
	}
	x.stage = answering
	if x.why == toKnock {
		if x.name != "" && x.name != n.Name {
			x.fail(s, s.now+s.latency(x.place, x.by.host))
			return
		}
		n.trace("answers the knock of %v", x.by)
		n.depart(x)
		return
	}
	theirs, rows, err := x.said, x.read(s), error(nil)
	if err = n.machine.Check(rows); err != nil {
		s.spareBytes(theirs)
		x.fail(s, s.now+s.latency(x.place, x.by.host))
		return
	}
	x.said = n.copyOfState(x.why == toJoin)
	n.trace("merges what %v knows", x.by)
	n.depart(x)
	n.merge(rows, false)
	s.spareBytes(theirs)
}

// copyOfState is state, without spoiling the rows that are being read.
func (n *Node) copyOfState(join bool) []byte {
	g := &n.sim.gear
	reading := g.rows
	g.rows = g.answer
	said := n.state(join)
	g.answer, g.rows = g.rows, reading
	return said
}

// read decodes the state that has arrived.
func (x *stream) read(s *Sim) []wire.Row {
	g := &s.gear
	s.noteBytes(x.said)
	var h wire.PushPullHeader
	b, err := h.DecodeNext(x.said[1:])
	rows := g.rows[:0]
	for range h.Nodes {
		if err != nil {
			break
		}
		rows = append(rows, wire.Row{})
		b, err = rows[len(rows)-1].DecodeNext(b)
	}
	if err != nil {
		s.violate(x.by, "", lawFrames, "%v", err)
	}
	g.rows = rows
	return rows
}

// answered has whoever dialled read the answer.
func (x *stream) answered(s *Sim) {
	n := x.by
	switch {
	case n.gone:
		s.spareBytes(x.said)
		return
	case n.waits(x):
		return
	case s.now > x.deadline:
		x.end(s, false)
		return
	case x.why == toKnock:
		x.end(s, true)
		return
	}
	rows := x.read(s)
	err := n.machine.Check(rows)
	if err == nil {
		n.trace("merges what %v answers", x.with)
		n.merge(rows, x.why == toJoin)
	}
	s.spareBytes(x.said)
	x.end(s, err == nil)
}

// end tells whoever dialled how it went.
func (x *stream) end(s *Sim, ok bool) {
	x.stage = failing
	if x.why == toKnock {
		x.by.trace("knock at %s: %v", x.name, ok)
		x.by.machine.KnockDone(s.time(), x.seq, ok)
		x.by.act()
	}
	if !ok && x.why != toKnock {
		x.by.trace("exchange of state failed")
	}
	if x.done != nil {
		x.done(ok)
	}
}

// merge has the machine hear the rows of another one's table.
func (n *Node) merge(rows []wire.Row, join bool) {
	s := n.sim
	for i := range rows {
		n.hearsRow(&rows[i])
	}
	n.life.merging = true
	if s.tamper != nil && s.tamper.rows != nil {
		s.tamper.rows(n, rows)
	}
	if join {
		n.machine.MergeJoin(s.time(), rows)
	} else {
		n.machine.Merge(s.time(), rows)
	}
	n.act()
	n.life.merging = false
}
