package sim

import (
	"bytes"
	"math"
	"net/netip"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// judge holds every step against the laws. It looks only at what the step touched, and once in a
// virtual second at everything.
type judge struct {
	sim    *Sim
	owners map[string]*owner
	quiet  bool // nothing goes wrong any more, and what went wrong before has been dealt with
}

// owner is what all lives of one name have announced.
type owner struct {
	highest uint32
	claims  map[announcement]struct{}
	latest  *Node // the life under way, or the last one
}

// announcement is who a node said to be under an incarnation.
type announcement struct {
	incarnation uint32
	addr        netip.AddrPort
	meta        string
}

// life is what the judge remembers about a node.
type life struct {
	ticking  bool          // the step is that of an alarm
	thawed   time.Duration // when it was frozen last
	ended    time.Duration
	isAlone  bool          // it knows nobody else
	alone    time.Duration // until when it was so
	probed   time.Duration // when it began its last probe
	hasProbe bool
	rang     time.Duration
	rings    int // how often it rang at that instant
	self     uint32
	told     uint32  // highest incarnation announced
	heard    []heard // in this step
	merging  bool    // the step takes over another's table
	suspect  string  // who is being probed
	known    uint32  // that one's incarnation when the probe began
	size     int     // rows after the last step
	rows     map[string]*memory
}

// memory is one row of a node's table as the judge saw it last.
type memory struct {
	swim.Member
	seen      bool // there was a row
	present   bool // joined and not departed, as the user was told
	suspected time.Duration
	patience  time.Duration
}

func newJudge(s *Sim) *judge {
	j := &judge{sim: s, owners: make(map[string]*owner)}
	s.agenda.add(auditPeriod, j)
	return j
}

func newLife(now time.Duration) life {
	return life{thawed: now, isAlone: true, rows: make(map[string]*memory)}
}

// Quiet tells the judge that from now on nothing goes wrong and nobody may be suspected.
func (s *Sim) Quiet() {
	if s.judge != nil {
		s.judge.quiet = true
	}
}

// Disquiet takes Quiet back.
func (s *Sim) Disquiet() {
	if s.judge != nil {
		s.judge.quiet = false
	}
}

// remembered returns what is remembered about a row.
func (l *life) remembered(name string) *memory {
	m := l.rows[name]
	if m == nil {
		m = &memory{}
		l.rows[name] = m
	}
	return m
}

// step judges one step of a node, before its packets leave.
func (j *judge) step(n *Node, out *swim.Output) {
	j.own(n, out)
	j.obeys(n)
	j.news(n, out)
	j.spreads(n, out)
	for i := range out.Broadcasts {
		j.row(n, out.Broadcasts[i].Name)
	}
	for i := range out.News {
		j.row(n, out.News[i].Member.Name)
	}
	j.probes(n, out)
	j.deadline(n)
	j.queues(n)
	n.life.size = n.machine.Len()
	j.company(n)
}

// company notes since when a node knows somebody whom it could probe.
func (j *judge) company(n *Node) {
	if n.life.isAlone {
		n.life.alone = j.sim.now
	}
	others := n.machine.NumAlive()
	if !n.machine.HasLeft() {
		others--
	}
	n.life.isAlone = others < 1
}

// own judges what a node says about itself.
func (j *judge) own(n *Node, out *swim.Output) {
	s, l := j.sim, &n.life
	self := n.machine.Self()
	o := j.owners[n.Name]
	if o == nil {
		o = &owner{claims: make(map[announcement]struct{})}
		j.owners[n.Name] = o
	}
	o.latest = n
	for i := range out.Broadcasts {
		b := &out.Broadcasts[i]
		if b.Name != n.Name || wire.Type(b.Body[0]) != wire.TypeAlive {
			continue
		}
		var a wire.Alive
		if err := a.Decode(b.Body[1:]); err != nil {
			s.violate(n, "", lawFrames, "%v", err)
			return
		}
		if a.Incarnation <= l.told {
			s.violate(n, "", lawGrow, "announced %d after %d", a.Incarnation, l.told)
		}
		l.told = a.Incarnation
		o.highest = max(o.highest, a.Incarnation)
		ip, _ := netip.AddrFromSlice(a.Addr)
		o.claims[announcement{a.Incarnation, netip.AddrPortFrom(ip, a.Port), string(a.Meta)}] = struct{}{}
	}
	if self.Incarnation < l.self {
		s.violate(n, "", lawGrow, "went from %d to %d", l.self, self.Incarnation)
	}
	l.self = self.Incarnation
	o.highest = max(o.highest, self.Incarnation)
	if n.machine.HasLeft() != (self.State == swim.Left) || self.State != swim.Alive && self.State != swim.Left {
		s.violate(n, "", lawSelf, "is %v", self.State)
	}
}

// news judges what a node tells its user.
func (j *judge) news(n *Node, out *swim.Output) {
	s := j.sim
	for i := range out.News {
		x := &out.News[i]
		m := n.life.remembered(x.Member.Name)
		switch x.Kind {
		case swim.Joined:
			if m.present {
				s.violate(n, x.Member.Name, lawNews, "joined while it was there")
			}
			m.present = true
		case swim.Departed:
			if !m.present {
				s.violate(n, x.Member.Name, lawNews, "departed while it was not there")
			}
			m.present = false
			j.verdict(n, x, m)
			if n.life.merging && x.Member.State == swim.Dead {
				s.violate(n, x.Member.Name, lawHearsay, "declared dead because %s says so", x.From)
			}
		case swim.ProbeDone:
			j.probed(n, x)
		case swim.Suspected:
			j.suspected(n, x, m)
			fallthrough
		case swim.Updated, swim.Confirmed, swim.Recovered:
			if !m.present {
				s.violate(n, x.Member.Name, lawNews, "%v while it was not there", x.Kind)
			}
		}
	}
}

// suspected judges the beginning of a suspicion.
func (j *judge) suspected(n *Node, x *swim.News, m *memory) {
	if j.quiet || j.sim.faults.Total() == 0 {
		j.sim.violate(n, x.Member.Name, lawCalm, "suspected by %s", x.From)
	}
	if l := &n.life; l.ticking && x.Member.Name == l.suspect && x.Member.Incarnation > l.known {
		j.sim.violate(n, x.Member.Name, lawStale, "accused under %d, was probed under %d", x.Member.Incarnation, l.known)
	}
	size := n.machine.Len()
	if n.life.size > 0 {
		size = min(size, n.life.size)
	}
	m.suspected, m.patience = j.sim.now, j.sim.opt.Settings.shortestSuspicion(size)
}

// probed judges an answered probe.
func (j *judge) probed(n *Node, x *swim.News) {
	o := j.owners[x.Member.Name]
	if !x.OK || o == nil || o.latest == nil || !o.latest.gone {
		return
	}
	if o.latest.life.ended < n.life.probed {
		j.sim.violate(n, x.Member.Name, lawLiving, "answered at %v, and ended at %v", j.sim.now, o.latest.life.ended)
	}
}

// verdict judges the end of a member whose time the node itself has measured.
func (j *judge) verdict(n *Node, x *swim.News, m *memory) {
	if !n.life.ticking || x.Member.State != swim.Dead || j.sim.opt.Settings.ReclaimUnreachable {
		return
	}
	if waited := j.sim.now - m.suspected; waited < m.patience {
		j.sim.violate(n, x.Member.Name, lawPatience, "declared dead after %v, not %v", waited, m.patience)
	}
}

// shortestSuspicion is the shortest wait in a table of n rows, after Lifeguard's section on LHA-Suspicion.
func (s *Settings) shortestSuspicion(n int) time.Duration {
	scale := math.Floor(max(1, math.Log10(max(1, float64(n))))*1000) / 1000
	return time.Duration(scale * float64(s.SuspicionMult) * float64(s.ProbeInterval)).Truncate(time.Microsecond)
}

// longestSuspicion is the longest one.
func (s *Settings) longestSuspicion(n int) time.Duration {
	return time.Duration(s.SuspicionMaxTimeoutMult) * s.shortestSuspicion(n)
}

// row judges what a node believes about one member, by comparison with what it believed before.
func (j *judge) row(n *Node, name string) {
	if name == n.Name || name == "" {
		return
	}
	now, ok := n.machine.Lookup(name)
	m := n.life.remembered(name)
	forgotten := !present(m.State) && j.sim.time().Sub(m.Since) >= j.sim.opt.Settings.GossipToTheDeadTime
	switch {
	case !ok && m.seen && !forgotten:
		j.sim.violate(n, name, lawForget, "a row was forgotten that was %v since %v", m.State, since(m.Since))
	case ok && m.seen && !forgotten && m.Addr == now.Addr:
		j.changed(n, &m.Member, &now)
	case ok && m.seen && !forgotten:
		j.moved(n, &m.Member, &now)
	}
	if m.seen = ok; ok {
		m.Member = now
		j.claim(n, &now)
	}
}

func present(s swim.State) bool { return s == swim.Alive || s == swim.Suspect }

// changed judges a change of a row that is about the same member as before.
func (j *judge) changed(n *Node, was, now *swim.Member) {
	newer := now.Incarnation > was.Incarnation
	better := !present(was.State) && present(now.State) || was.State == swim.Suspect && now.State == swim.Alive
	if now.Incarnation < was.Incarnation || better && !newer {
		j.sim.violate(n, now.Name, lawReturn, "went from %v %d to %v %d", was.State, was.Incarnation, now.State, now.Incarnation)
	}
}

// moved judges whether a name may have gone to another address.
func (j *judge) moved(n *Node, was, now *swim.Member) {
	p := &j.sim.opt.Settings.Params
	age := j.sim.time().Sub(was.Since)
	switch {
	case was.State == swim.Left:
	case was.State == swim.Dead && p.DeadNodeReclaimTime > 0 && age > p.DeadNodeReclaimTime:
	case was.State != swim.Alive && p.ReclaimUnreachable:
	default:
		j.sim.violate(n, now.Name, lawMove, "went from %v, %v for %v, to %v", was.Addr, was.State, age, now.Addr)
	}
}

// claim judges whether a row is what its owner has said.
func (j *judge) claim(n *Node, row *swim.Member) {
	o := j.owners[row.Name]
	if o == nil {
		j.sim.violate(n, row.Name, lawIssued, "nobody of that name was ever started")
		return
	}
	if row.Incarnation > o.highest {
		j.sim.violate(n, row.Name, lawIssued, "is known with %d, has reached %d", row.Incarnation, o.highest)
	}
	if row.State != swim.Alive {
		return // whoever accuses raises the incarnation, but does not know what comes with it
	}
	if _, ok := o.claims[announcement{row.Incarnation, row.Addr, string(row.Meta)}]; !ok {
		j.sim.violate(n, row.Name, lawClaims, "never said to be at %v with %q under %d", row.Addr, bytes.Clone(row.Meta), row.Incarnation)
	}
}
