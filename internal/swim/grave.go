package swim

// grave is the memory of a member that is dead or left, until it is forgotten.
type grave struct {
	deadline
	of *member
}

// due forgets the member. All that it may still have to do with ends with it.
func (g *grave) due(m *Machine) {
	m.reclaims.drop(g.of)
	m.table.remove(g.of)
}

// bury sets the day on which a member is forgotten. Our own row stays: it is what a node that
// has left is asked about, and what it comes back with.
func (m *Machine) bury(x *member) {
	if x == m.self {
		return
	}
	x.grave = &grave{of: x}
	m.agenda.set(&x.grave.deadline, x.grave, m.clock.now.after(m.params.GossipToTheDeadTime))
}

// unbury forgets that day.
func (m *Machine) unbury(x *member) {
	if x.grave != nil {
		m.agenda.clear(&x.grave.deadline)
		x.grave = nil
	}
}
