package swim

import (
	"bytes"
	"math/rand/v2"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Machine is one node's view of the cluster. Every input takes the time at which it happens;
// a time earlier than one seen before counts as that one. Inputs may come in any order and
// with any content; before Start all of them are without effect. A machine is not safe for
// concurrent use. Strings and slices in messages are cloned where they are kept.
type Machine struct {
	params Params
	rand   *rand.Rand
	clock  clock
	table  table
	agenda agenda
	out    Output

	self   *member // nil before Start
	selfIP []byte  // our address as pings state it
	seq    uint32  // of the latest ping
	health health

	probe     probe
	relays    relays
	userPings userPings
	reclaims  reclaims

	probing, gossiping, syncing beat
}

// New returns a machine that has not started. r is the only source of chance and belongs to
// the machine from now on.
func New(p Params, r *rand.Rand) *Machine {
	return &Machine{
		params:    p,
		rand:      r,
		table:     newTable(),
		seq:       p.FirstSeq,
		health:    health{limit: p.AwarenessMax},
		relays:    relays{bySeq: make(map[uint32]*relay)},
		userPings: userPings{bySeq: make(map[uint32]*userPing)},
	}
}

// observe notes the time and says whether the machine has started.
func (m *Machine) observe(now time.Time) bool {
	m.clock.observe(now)
	return m.self != nil
}

// nextSeq returns a number for a ping. It is never 0.
func (m *Machine) nextSeq() uint32 {
	m.seq = max(1, m.seq+1)
	return m.seq
}

// Start makes the machine a member, the only one it knows: it announces itself, tells Joined,
// and its schedule begins. A self without a name gets Params.Name. A second call has no effect.
func (m *Machine) Start(now time.Time, self Identity) {
	if m.enter(now, self) {
		m.appear(nil)
	}
}

// Watch is Start for a node that may not be a member: it is as if it had left before it came. It sees the
// others, but says nothing of itself until Rejoin.
func (m *Machine) Watch(now time.Time, self Identity) {
	if m.enter(now, self) {
		m.become(m.self, Left)
	}
}

// enter puts us into the table and begins the schedule. It returns false for a second call.
func (m *Machine) enter(now time.Time, self Identity) bool {
	if m.observe(now) {
		return false
	}
	if self.Name == "" {
		self.Name = m.params.Name
	}
	self.Meta = bytes.Clone(self.Meta)
	m.self = m.table.add(&self, m.clock.now, m.rand)
	m.selfIP = selfBytes(self.Addr)
	m.begin()
	return true
}

// appear makes ourselves alive under the next incarnation.
func (m *Machine) appear(done chan struct{}) {
	m.self.incarnation = next(m.self.incarnation)
	m.become(m.self, Alive)
	m.announce(m.self, done)
	m.tell(News{Kind: Joined})
}

// Update announces ourselves with other meta. done goes into the broadcast; wait says that it
// is worth waiting for: somebody else is there to hear it. After Leave nothing happens.
// How long meta may be is the caller's business.
func (m *Machine) Update(now time.Time, meta []byte, done chan struct{}) (wait bool) {
	if !m.observe(now) || m.HasLeft() {
		return false
	}
	changed := !bytes.Equal(meta, m.self.Meta)
	id := *m.self.Identity
	id.Meta, id.Face = bytes.Clone(meta), nil
	m.table.identify(m.self, &id)
	m.self.incarnation = next(m.self.incarnation)
	m.announce(m.self, done)
	if changed {
		m.tell(News{Kind: Updated})
	}
	return m.table.present > 1
}

// Leave says goodbye: we are a member no more, but go on answering, probing and telling until
// nobody drives the machine any longer. done and wait are those of Update. A second call has
// no effect.
func (m *Machine) Leave(now time.Time, done chan struct{}) (wait bool) {
	if !m.observe(now) || m.HasLeft() {
		return false
	}
	m.become(m.self, Left)
	m.broadcastDead(m.self, m.self.Name, done)
	m.tell(News{Kind: Departed, From: m.self.Name})
	return m.table.present > 0
}

// HasLeft says whether Leave was called, and Rejoin not since.
func (m *Machine) HasLeft() bool { return m.self != nil && m.self.state == Left }

// Rejoin makes ourselves a member again after Leave, with a higher incarnation than the one
// that has left. Without Leave it has no effect.
func (m *Machine) Rejoin(now time.Time) {
	if m.observe(now) && m.HasLeft() {
		m.appear(nil)
	}
}

// ForceRemove says goodbye in the name of another member. It returns false if that one is
// unknown or ourselves. A member that is alive will refute it.
func (m *Machine) ForceRemove(now time.Time, name string) bool {
	if !m.observe(now) {
		return false
	}
	x := m.table.find(name)
	if x == nil || x == m.self {
		return false
	}
	m.remove(x)
	return true
}

// remove makes a member left. Of one that was dead the user has heard before.
func (m *Machine) remove(x *member) {
	if x.state == Left {
		return
	}
	was, confirmations := x.state, x.suspicion.confirmations()
	m.endSuspicion(x)
	m.reclaims.drop(x)
	m.become(x, Left)
	m.broadcastDead(x, x.Name, nil)
	if was.present() {
		m.tellOf(x, News{Kind: Departed, From: x.Name, Confirmations: confirmations})
	}
}

// Ping answers a ping with an ack that carries payload. A ping for another node is told as
// WrongName and not answered.
func (m *Machine) Ping(now time.Time, from Source, p *wire.Ping, payload []byte) {
	if !m.observe(now) {
		return
	}
	if p.Node != "" && p.Node != m.self.Name {
		m.tell(News{Kind: WrongName, From: shown(p.Node)})
		return
	}
	reply, bare := m.replyTo(&from, origin{p.SourceAddr, p.SourcePort, p.SourceNode})
	m.sendAck(reply, bare, p.SeqNo, payload)
}

// IndirectPing pings a node for another one and relays the ack, or, if wanted, a nack.
func (m *Machine) IndirectPing(now time.Time, from Source, p *wire.IndirectPing) {
	if m.observe(now) {
		m.pingFor(&from, p)
	}
}

// Ack handles the answer to one of our pings: a probe, one for another node, or the user's.
func (m *Machine) Ack(now time.Time, a *wire.Ack) { m.AckAt(now, now, a) }

// AckAt is Ack for an answer that came in at heard and has waited since: round trip times end there.
func (m *Machine) AckAt(now, heard time.Time, a *wire.Ack) {
	if !m.observe(now) {
		return
	}
	at := m.clock.past(heard)
	if m.probe.phase != idle && m.probe.seq == a.SeqNo {
		m.probeAcked(at, a.Payload)
	} else if r := m.relays.bySeq[a.SeqNo]; r != nil {
		m.relayAcked(r)
	} else if u := m.userPings.bySeq[a.SeqNo]; u != nil {
		m.userPingAcked(u, at)
	}
}

// Nack handles the word of a helper that our probe's target did not answer it either.
func (m *Machine) Nack(now time.Time, n *wire.Nack) {
	if m.observe(now) && m.probe.phase == indirect && m.probe.seq == n.SeqNo {
		m.probeNacked()
	}
}

// Alive handles a claim that a node is a member. Whatever must be asked of the application
// about the claim was asked before.
func (m *Machine) Alive(now time.Time, a *wire.Alive) {
	if m.observe(now) {
		m.hearAlive(a, false)
	}
}

// Suspect handles a claim that a node does not answer.
func (m *Machine) Suspect(now time.Time, s *wire.Suspect) {
	if m.observe(now) {
		m.hearSuspect(s, false)
	}
}

// Dead handles a claim that a node has failed or left.
func (m *Machine) Dead(now time.Time, d *wire.Dead) {
	if m.observe(now) {
		m.hearDead(d, false)
	}
}

// Merge takes over what another node's table says, row by row. Check comes before it.
func (m *Machine) Merge(now time.Time, rows []wire.Row) { m.merge(now, rows, false) }

// MergeJoin is Merge for the rows that answer our own join: they are believed about our own
// incarnation however high it is, for they tell what an earlier life of ours left behind.
func (m *Machine) MergeJoin(now time.Time, rows []wire.Row) { m.merge(now, rows, true) }

func (m *Machine) merge(now time.Time, rows []wire.Row, joining bool) {
	if !m.observe(now) {
		return
	}
	for i := range rows {
		m.mergeRow(&rows[i], joining)
	}
}

// SyncInstead chooses another member to exchange full state with than the one of that name, which was chosen
// and is too busy. It returns false if there is none.
func (m *Machine) SyncInstead(now time.Time, busy string) (Peer, bool) {
	if !m.observe(now) {
		return Peer{}, false
	}
	for _, x := range m.sample(1, m.table.find(busy), isAlive) {
		return x.peer(), true
	}
	return Peer{}, false
}

// KnockDone tells how one of Output.Knocks has ended.
func (m *Machine) KnockDone(now time.Time, seq uint32, ok bool) {
	if m.observe(now) {
		m.probeKnocked(seq, ok)
	}
}

// UserPing pings a node. One Answer with the returned number follows within ProbeTimeout.
// Before Start it follows never, and the number is 0.
func (m *Machine) UserPing(now time.Time, to Peer) (seq uint32) {
	if !m.observe(now) {
		return 0
	}
	return m.pingForUser(to)
}

// SetPending says whether there are rumours to tell; without them gossip has no deadline.
func (m *Machine) SetPending(now time.Time, rumours bool) {
	if m.observe(now) {
		m.wantGossip(rumours)
	}
}

// Tick does what is due. Too early, it does nothing; too late, it does each thing once.
func (m *Machine) Tick(now time.Time) {
	if !m.observe(now) {
		return
	}
	for t := m.agenda.take(m.clock.now); t != nil; t = m.agenda.take(m.clock.now) {
		t.due(m)
	}
}

// Deadline returns when Tick is wanted next; ok is false if nothing is waited for.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	i, ok := m.agenda.next()
	if !ok {
		return time.Time{}, false
	}
	return m.clock.time(i), true
}

// Self returns ourselves; before Start a member without a name.
func (m *Machine) Self() Member {
	if m.self == nil {
		return Member{Identity: nobody, State: Dead}
	}
	return m.clock.snapshot(m.self)
}

// Lookup returns the member of that name, in whatever state it is.
func (m *Machine) Lookup(name string) (Member, bool) {
	x := m.table.find(name)
	if x == nil {
		return Member{Identity: nobody}, false
	}
	return m.clock.snapshot(x), true
}

// All yields every row of the table, ourselves included, in the table's order, which is
// random: for x := range m.All. The machine must not be given inputs meanwhile.
func (m *Machine) All(yield func(Member) bool) {
	for _, x := range m.table.order {
		if !yield(m.clock.snapshot(x)) {
			return
		}
	}
}

// Len returns how many rows the table has: alive, suspect, and dead or left ones that are not
// forgotten yet.
func (m *Machine) Len() int { return len(m.table.order) }

// NumAlive returns how many members are alive or suspect.
func (m *Machine) NumAlive() int { return m.table.present }

// Health returns our health score; 0 is well.
func (m *Machine) Health() int { return m.health.score }

// Version returns a number that grows with every change of the table that a user could see.
func (m *Machine) Version() uint64 { return m.table.version }
