package swim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// State is what is believed about a member, numbered as on the wire.
type State uint8

// The states of a member.
const (
	Alive   State = 0 // it answers, as far as we know
	Suspect State = 1 // somebody got no answer; it may refute
	Dead    State = 2 // it had its time to refute
	Left    State = 3 // it said so itself, or was removed by force
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case Alive:
		return "alive"
	case Suspect:
		return "suspect"
	case Dead:
		return "dead"
	case Left:
		return "left"
	}
	return "unknown"
}

// present says whether the member counts as one of the cluster.
func (s State) present() bool { return s == Alive || s == Suspect }

// Identity is what the cluster knows about who a member is. It is immutable once made: a
// change makes a new one, so that it can be handed out without a copy.
type Identity struct {
	Name     string
	Addr     netip.AddrPort // the 4- or 16-byte form is kept as received; compare with Unmap
	Meta     []byte         // never changed; nil stays nil
	Versions wire.Versions
	Face     any // the caller's rendering, made under the caller's lock; never looked at here
}

// Member is one row of the table, by value. Its Identity is shared and never nil.
type Member struct {
	*Identity
	State       State
	Incarnation uint32
	Since       time.Time // of the last change of State
}

// member is one row of the table. Ten thousand of them are no exception, so what only few
// of them need (suspicion, grave) stands outside, and what every claim must be compared with
// stands together, at the beginning.
type member struct {
	*Identity
	incarnation uint32
	slot        int32  // position in table.order
	mark        uint32 // the last sample that took this member
	state       State
	since       instant    // of the last change of state
	suspicion   *suspicion // while suspect
	grave       *grave     // while dead or left, unless it is ourselves
}

// intern returns the identity to be kept instead of an equal one.
func (m *Machine) intern(id *Identity) *Identity {
	if m.params.Intern == nil {
		return id
	}
	return m.params.Intern(id)
}

// snapshot returns the member as others may see it.
func (c *clock) snapshot(x *member) Member {
	return Member{Identity: x.Identity, State: x.state, Incarnation: x.incarnation, Since: c.time(x.since)}
}

// peer returns where packets to the member go.
func (x *member) peer() Peer { return Peer{Name: x.Name, Addr: x.Addr} }

// target is peer, and what the member is known to understand.
func (x *member) target() Target {
	return Target{Peer: x.peer(), Checksum: understandsChecksum(x.Versions)}
}

// table is all members: a map to find one and a slice for everything that depends on order.
// The slice is the probe order at the same time: those before cursor have had their turn.
type table struct {
	byName  map[string]*member
	order   []*member
	cursor  int
	present int    // members alive or suspect
	version uint64 // grows with every visible change
	samples uint32 // number of the latest sample, see member.mark
	picked  []*member
}

func newTable() table { return table{byName: make(map[string]*member)} }

// find returns the member of that name, or nil.
func (t *table) find(name string) *member { return t.byName[name] }

// add makes a row for a new member, dead until it is said to be alive. It is put at a random
// place among those that still wait for their turn to be probed, so that it gets its turn in
// this round and takes it from nobody.
func (t *table) add(id *Identity, now instant, r *rand.Rand) *member {
	x := &member{Identity: id, state: Dead, since: now, slot: int32(len(t.order))}
	t.byName[id.Name] = x
	t.order = append(t.order, x)
	t.swap(t.cursor+r.IntN(len(t.order)-t.cursor), len(t.order)-1)
	t.version++
	return x
}

// remove forgets a member; the rest of the round goes on as if it had never been there.
func (t *table) remove(x *member) {
	if x.state.present() {
		t.present--
	}
	delete(t.byName, x.Name)
	hole, last := int(x.slot), len(t.order)-1
	if hole < t.cursor {
		t.cursor--
		t.swap(hole, t.cursor)
		hole = t.cursor
	}
	t.swap(hole, last)
	t.order[last] = nil
	t.order = t.order[:last]
	t.version++
}

func (t *table) swap(i, j int) {
	t.order[i], t.order[j] = t.order[j], t.order[i]
	t.order[i].slot, t.order[j].slot = int32(i), int32(j)
}

// turn moves a member to another state and keeps the count; it says whether that is a change.
func (t *table) turn(x *member, to State, now instant) bool {
	if x.state == to {
		return false
	}
	if x.state.present() {
		t.present--
	}
	if to.present() {
		t.present++
	}
	x.state, x.since = to, now
	t.version++
	return true
}

// identify gives a member a new identity.
func (t *table) identify(x *member, id *Identity) {
	x.Identity = id
	t.version++
}

// nextToProbe walks the probe order to the next member, other than ourselves, that is alive
// or suspect, and returns nil if there is none. A round that ends begins anew, reshuffled.
func (t *table) nextToProbe(self *member, r *rand.Rand) *member {
	if t.present == 0 || t.present == 1 && self.state.present() {
		return nil
	}
	for range 2 * len(t.order) {
		if t.cursor >= len(t.order) {
			t.cursor = 0
			r.Shuffle(len(t.order), t.swap)
		}
		x := t.order[t.cursor]
		t.cursor++
		if x != self && x.state.present() {
			return x
		}
	}
	return nil
}

// spareDraws is how often a sample tries its luck beyond three draws for each member wanted.
const spareDraws = 8

// sample returns up to k different members that fit, at random, neither ourselves nor except.
// A few draws find them in a large healthy cluster; when they do not, the table is searched
// from a random place on, so that the only member that fits is never missed. The result is
// valid until the next sample.
func (m *Machine) sample(k int, except *member, fit func(*Machine, *member) bool) []*member {
	t := &m.table
	n := len(t.order)
	t.picked = t.picked[:0]
	t.samples++
	take := func(x *member) {
		if x != m.self && x != except && x.mark != t.samples && fit(m, x) {
			x.mark = t.samples
			t.picked = append(t.picked, x)
		}
	}
	k = min(k, n)
	for draws := 3*k + spareDraws; draws > 0 && len(t.picked) < k; draws-- {
		take(t.order[m.rand.IntN(n)])
	}
	if len(t.picked) < k {
		start := m.rand.IntN(n)
		for i := 0; i < n && len(t.picked) < k; i++ {
			take(t.order[(start+i)%n])
		}
	}
	return t.picked
}
