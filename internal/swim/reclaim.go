package swim

import "slices"

// maxReclaims is how many newcomers may wait for a verdict about the holder of their name.
// One is decided in each probe interval at best, and a claim that finds no room comes again.
const maxReclaims = 16

// reclaim is a newcomer that claims the name of a member which may be gone.
type reclaim struct {
	claim  claim     // its slices belong to wants
	wants  *Identity // the newcomer
	holder *member
}

// reclaims are those that wait, in the order in which they came.
type reclaims struct {
	waiting []*reclaim
	served  bool // the last probe was for one of them: now it is the others' turn
}

// add lets a newcomer wait; the first to come is the one that is considered.
func (r *reclaims) add(holder *member, c *claim) {
	if len(r.waiting) >= maxReclaims {
		return
	}
	for _, w := range r.waiting {
		if w.holder == holder {
			return
		}
	}
	wants := c.identity()
	own := *c
	own.name, own.meta = wants.Name, wants.Meta
	r.waiting = append(r.waiting, &reclaim{claim: own, wants: wants, holder: holder})
}

// drop ends all claims to a member's name: it is decided otherwise.
func (r *reclaims) drop(holder *member) {
	if len(r.waiting) > 0 {
		r.waiting = slices.DeleteFunc(r.waiting, func(w *reclaim) bool { return w.holder == holder })
	}
}

// next returns the first holder to be probed, or nil. Every second probe at most is spent so:
// claims must not keep us from watching the others.
func (r *reclaims) next(m *Machine) (holder *member, w *reclaim) {
	for len(r.waiting) > 0 && !r.served {
		w = r.waiting[0]
		r.waiting = slices.Delete(r.waiting, 0, 1)
		if m.open(w) {
			r.served = true
			return w.holder, w
		}
	}
	r.served = false
	return nil, nil
}

// open says whether the claim may still be granted: the holder is in the table, and neither
// alive nor at the address of the newcomer.
func (m *Machine) open(w *reclaim) bool {
	return m.table.find(w.wants.Name) == w.holder &&
		(w.holder.state == Suspect || w.holder.state == Dead) &&
		!sameAddress(w.holder.Addr, w.wants.Addr)
}

// upheld ends a claim: the holder has answered.
func (m *Machine) upheld(p *probe) {
	if m.open(p.reclaim) {
		m.tellOf(p.target, News{Kind: Conflict, Other: p.reclaim.wants})
	}
}

// handOver grants a claim: the holder has not answered, neither us nor others. To the user it
// leaves before the newcomer joins.
func (m *Machine) handOver(p *probe) {
	holder := p.reclaim.holder
	if !m.open(p.reclaim) {
		return
	}
	if holder.state == Suspect {
		m.endSuspicion(holder)
		m.become(holder, Dead)
		m.tellOf(holder, News{Kind: Departed, From: m.self.Name})
	}
	m.believe(holder, &p.reclaim.claim)
}
