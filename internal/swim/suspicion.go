package swim

import (
	"math"
	"slices"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// suspicion is the time that a suspect has to refute. It begins long and is shortened by each
// further accuser: one node that sees nobody is more likely ill itself than surrounded by the
// dead (Lifeguard, section IV-B).
type suspicion struct {
	deadline
	about     *member
	began     instant
	min, max  time.Duration
	need      int      // how many confirmations bring the wait down to min
	accusers  []string // the first is the one that began it
	confirmed int
}

// timeout is how long the suspicion lasts, all in all, with the confirmations it has.
func (s *suspicion) timeout() time.Duration {
	if s.need < 1 {
		return s.min
	}
	share := math.Log(float64(s.confirmed)+1) / math.Log(float64(s.need)+1)
	return max(s.min, s.max-time.Duration(share*float64(s.max-s.min)))
}

// needs says whether an accuser is new, and shortens the wait.
func (s *suspicion) needs(from string) bool {
	return s.confirmed < s.need && !slices.Contains(s.accusers, from)
}

// confirm counts an accuser, of whom needs was true.
func (s *suspicion) confirm(from string) {
	s.accusers = append(s.accusers, from)
	s.confirmed++
}

// confirmations is how many accusers there are beyond the first; none without a suspicion.
func (s *suspicion) confirmations() int {
	if s == nil {
		return 0
	}
	return s.confirmed
}

// fallbackUnit stands for the probe interval where probing is switched off: others' suspicions
// are heard even so, and a wait of nothing would give the suspect no time to refute.
const fallbackUnit = time.Second

// maxSuspicion keeps absurd settings within what floating point can say exactly enough.
const maxSuspicion = time.Duration(1) << 60

// suspicionBounds returns the shortest and the longest wait in a table of n members, and how
// many confirmations lead from one to the other.
func (p *Params) suspicionBounds(n int) (shortest, longest time.Duration, need int) {
	unit := p.ProbeInterval
	if unit <= 0 {
		unit = fallbackUnit
	}
	scale := max(1, math.Log10(max(1, float64(n))))
	// The factor is cut to three decimals, as on every other node.
	shortest = multiply(multiply(unit, p.SuspicionMult, 1), int(scale*1000), 1000)
	longest = min(multiply(shortest, p.SuspicionMaxTimeoutMult, 1), maxSuspicion)
	need = p.SuspicionMult - 2
	if n-2 < need {
		need = 0
	}
	return shortest, longest, need
}

// doubt begins a suspicion of a member other than ourselves, and tells it on.
func (m *Machine) doubt(x *member, s *wire.Suspect) {
	from := m.nameOf(s.From)
	x.incarnation = s.Incarnation
	m.become(x, Suspect)
	sus := &suspicion{about: x, began: m.clock.now, accusers: []string{from}}
	sus.min, sus.max, sus.need = m.params.suspicionBounds(len(m.table.order))
	x.suspicion = sus
	m.agenda.set(&sus.deadline, sus, sus.began.after(sus.timeout()))
	m.broadcastSuspect(x, s)
	m.tellOf(x, News{Kind: Suspected, From: from})
}

// confirm counts a further accuser: the wait gets shorter, by what has gone by already too.
func (m *Machine) confirm(x *member, s *wire.Suspect) {
	sus := x.suspicion
	if !sus.needs(s.From) {
		return
	}
	from := m.nameOf(s.From)
	sus.confirm(from)
	m.agenda.set(&sus.deadline, sus, sus.began.after(sus.timeout()))
	m.broadcastSuspect(x, s)
	m.tellOf(x, News{Kind: Confirmed, From: from, Confirmations: sus.confirmed})
}

// due declares the suspect dead: it has not refuted in time.
func (s *suspicion) due(m *Machine) {
	x := s.about
	d := wire.Dead{Incarnation: x.incarnation, Node: x.Name, From: m.self.Name}
	m.lose(x, &d, max(0, s.need-s.confirmed))
}

// endSuspicion drops the suspicion of a member, if there is one.
func (m *Machine) endSuspicion(x *member) {
	if x.suspicion != nil {
		m.agenda.clear(&x.suspicion.deadline)
		x.suspicion = nil
	}
}

// broadcastSuspect tells a suspicion on in the words in which it was heard: the name of the
// accuser and the incarnation are evidence.
func (m *Machine) broadcastSuspect(x *member, s *wire.Suspect) {
	m.broadcast(x, s.Append(bodyFor(x, len(s.From))), nil)
}
