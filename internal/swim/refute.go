package swim

// refute answers a claim about ourselves that is wrong: we announce ourselves with a higher
// incarnation than the claim has. Whoever is often accused should ask itself why.
func (m *Machine) refute(accused uint32, from string) {
	m.self.incarnation = next(max(m.self.incarnation, accused))
	m.announce(m.self, nil)
	m.tell(News{Kind: Refuted, From: m.nameOf(from)})
	m.strain(1)
}
