package swim

// health is how little a node should trust its own network and clock: 0 is well.
// A slow node that does not doubt itself calls its healthy peers dead
// (Lifeguard, section IV-A; there the "local health multiplier").
type health struct {
	score int
	limit int // the score stays below it
}

// add worsens the score by n, or betters it when n is negative, within 0 and the limit.
// It says whether the score has changed.
func (h *health) add(n int) bool {
	was := h.score
	h.score = max(0, min(h.score+n, h.limit-1))
	return h.score != was
}

// strain changes the health score and tells when that makes a difference.
func (m *Machine) strain(n int) {
	if m.health.add(n) {
		m.tell(News{Kind: HealthChanged})
	}
}
