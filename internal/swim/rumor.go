package swim

import (
	"bytes"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// verdict is what is to be done about a claim.
type verdict uint8

const (
	pass     verdict = iota // old news
	refuse                  // its incarnation cannot be honest
	dispute                 // two addresses claim one name: told, not believed
	verify                  // likewise, but the holder may be gone: a probe decides
	answer                  // it is about us and wrong
	accept                  // it is news
	confirms                // one more says so (of a suspicion)
	remember                // nothing changes, but an older claim must not undo it any more
)

// judgeAlive decides about an alive claim. Before it, the claim was found to make sense.
func (m *Machine) judgeAlive(known *member, c *claim, joining bool) verdict {
	us := known == m.self
	switch {
	case us && m.HasLeft():
		return pass
	case m.dishonest(known, c.incarnation, joining):
		return refuse
	case !sameAddress(known.Addr, c.addr):
		return m.judgeMove(known)
	case us && c.incarnation < known.incarnation:
		return pass
	case us && c.incarnation == known.incarnation && c.says(known.Identity):
		return pass
	case us:
		return answer
	case c.incarnation <= known.incarnation:
		return pass
	}
	return accept
}

// judgeMove decides about a claim to a known name from another address. Never while the
// holder is alive: the newcomer may be a misconfigured twin.
func (m *Machine) judgeMove(known *member) verdict {
	age, patience := m.clock.since(known.since), m.params.DeadNodeReclaimTime
	switch {
	case known == m.self || known.state == Alive:
		return dispute
	case known.state == Left:
		return accept
	case known.state == Dead && patience > 0 && age > patience:
		return accept
	case m.params.ReclaimUnreachable && m.probing.on():
		return verify
	}
	return dispute
}

// judgeSuspect decides about a suspicion.
func (m *Machine) judgeSuspect(known *member, incarnation uint32, joining bool) verdict {
	switch {
	case known == nil || incarnation < known.incarnation:
		return pass
	case m.dishonest(known, incarnation, joining):
		return refuse
	case known.state == Suspect:
		return confirms
	case known.state != Alive:
		return pass
	case known == m.self:
		return answer
	}
	return accept
}

// judgeDead decides about a claim that a member has failed or left.
func (m *Machine) judgeDead(known *member, incarnation uint32, joining bool) verdict {
	switch {
	case known == nil || incarnation < known.incarnation:
		return pass
	case m.dishonest(known, incarnation, joining):
		return refuse
	case !known.state.present():
		return remember
	case known == m.self:
		return answer
	}
	return accept
}

// dishonest says whether a claim's incarnation is too far ahead to be believed. The rows that
// answer our own join are believed about ourselves, however far ahead they are: they tell what
// an earlier life of ours left behind.
func (m *Machine) dishonest(known *member, incarnation uint32, joining bool) bool {
	return tooFar(incarnation, known.incarnation) && !(joining && known == m.self)
}

// hearAlive handles an alive claim.
func (m *Machine) hearAlive(a *wire.Alive, joining bool) {
	known := m.table.find(a.Node)
	err := hopeless(a.Vsn)
	if err == nil && known != m.self {
		err = Absurd(a)
	}
	if err != nil {
		m.ignore(a.Node, ReasonAbsurd, err)
		return
	}
	c := m.params.read(a)
	if known == nil {
		m.adopt(&c)
		return
	}
	switch m.judgeAlive(known, &c, joining) {
	case refuse:
		m.ignore(known.Name, ReasonTooFar, nil)
	case dispute:
		m.tellOf(known, News{Kind: Conflict, Other: c.identity()})
	case verify:
		m.reclaims.add(known, &c)
	case answer:
		m.refute(c.incarnation, "")
	case accept:
		m.believe(known, &c)
	}
}

// adopt adds an unknown member. A claim with incarnation 0 beats nothing, not even ignorance:
// it leaves a dead row behind, as it does on every other node.
func (m *Machine) adopt(c *claim) {
	x := m.table.add(m.intern(c.identity()), m.clock.now, m.rand)
	if c.incarnation == 0 {
		m.bury(x)
		return
	}
	m.believe(x, c)
}

// believe takes over what a claim says about another member, and tells it on.
func (m *Machine) believe(x *member, c *claim) {
	was, meta := x.state, x.Meta
	m.endSuspicion(x)
	m.reclaims.drop(x)
	if c.addr != x.Addr || !c.says(x.Identity) {
		m.table.identify(x, m.intern(c.identity()))
	}
	x.incarnation = c.incarnation
	m.become(x, Alive)
	m.announce(x, nil)
	if was == Suspect {
		m.tellOf(x, News{Kind: Recovered})
	}
	switch {
	case !was.present():
		m.tellOf(x, News{Kind: Joined})
	case !bytes.Equal(meta, x.Meta):
		m.tellOf(x, News{Kind: Updated})
	}
}

// become moves a member to another state. Whoever is dead or left has a day on which it is
// forgotten; we ourselves never have.
func (m *Machine) become(x *member, to State) {
	if !m.table.turn(x, to, m.clock.now) {
		return
	}
	m.unbury(x)
	if !to.present() {
		m.bury(x)
	}
}

// hearSuspect handles a suspicion, others' or our own.
func (m *Machine) hearSuspect(s *wire.Suspect, joining bool) {
	known := m.table.find(s.Node)
	switch m.judgeSuspect(known, s.Incarnation, joining) {
	case refuse:
		m.ignore(known.Name, ReasonTooFar, nil)
	case confirms:
		m.confirm(known, s)
	case answer:
		m.refute(s.Incarnation, s.From)
	case accept:
		m.doubt(known, s)
	}
}

// hearDead handles a claim that a member has failed or left.
func (m *Machine) hearDead(d *wire.Dead, joining bool) {
	known := m.table.find(d.Node)
	switch m.judgeDead(known, d.Incarnation, joining) {
	case refuse:
		m.ignore(known.Name, ReasonTooFar, nil)
	case remember:
		known.incarnation = d.Incarnation
	case answer:
		m.refute(d.Incarnation, d.From)
	case accept:
		m.lose(known, d, 0)
	}
}

// lose takes a member, other than ourselves, out of the cluster, and tells it on. missing is how
// many confirmations its suspicion had to do without.
func (m *Machine) lose(x *member, d *wire.Dead, missing int) {
	confirmations := x.suspicion.confirmations()
	m.endSuspicion(x)
	x.incarnation = d.Incarnation
	to := Dead
	if d.From == d.Node {
		to = Left
	}
	m.become(x, to)
	m.broadcastDead(x, d.From, nil)
	m.tellOf(x, News{Kind: Departed, From: m.nameOf(d.From), Confirmations: confirmations, Missing: missing})
}

// announce broadcasts that a member is alive, and who it is.
func (m *Machine) announce(x *member, done chan struct{}) {
	var ip [16]byte
	var vsn [6]byte
	a := wire.Alive{
		Incarnation: x.incarnation,
		Node:        x.Name,
		Addr:        ipBytes(x.Addr.Addr(), &ip),
		Port:        x.Addr.Port(),
		Meta:        x.Meta,
		Vsn:         x.Versions.Append(vsn[:0]),
	}
	m.broadcast(x, a.Append(bodyFor(x, len(x.Meta))), done)
}

// broadcastDead broadcasts that a member has failed, or, on its own word, that it has left.
func (m *Machine) broadcastDead(x *member, from string, done chan struct{}) {
	d := wire.Dead{Incarnation: x.incarnation, Node: x.Name, From: from}
	m.broadcast(x, d.Append(bodyFor(x, len(from))), done)
}

// broadcast queues a message under the member's name, where it replaces an older one.
func (m *Machine) broadcast(x *member, body []byte, done chan struct{}) {
	m.out.Broadcasts = append(m.out.Broadcasts, Broadcast{Name: x.Name, Body: body, Done: done})
}

// messageFrame is what an encoded membership message has besides its name and its longest
// field: keys, numbers, an address.
const messageFrame = 88

func bodyFor(x *member, field int) []byte {
	return make([]byte, 0, messageFrame+len(x.Name)+field)
}

// nameOf returns a name out of a message such that it can be kept: the table's own spelling,
// or a copy.
func (m *Machine) nameOf(name string) string {
	if x := m.table.find(name); x != nil {
		return x.Name
	}
	return cloned(name)
}
