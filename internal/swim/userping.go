package swim

// maxUserPings is how many pings of the user may be under way; each holds a caller up for a
// ProbeTimeout, so more than this is a program out of control, and its pings fail at once.
const maxUserPings = 4096

// userPing is a ping that the user asked for.
type userPing struct {
	deadline
	seq   uint32
	began instant
}

// userPings are those under way.
type userPings struct {
	bySeq map[uint32]*userPing
}

// pingForUser pings a node because the user wants to know how far it is.
func (m *Machine) pingForUser(to Peer) (seq uint32) {
	seq = m.nextSeq()
	if len(m.userPings.bySeq) >= maxUserPings {
		m.out.Answers = append(m.out.Answers, Answer{Seq: seq})
		return seq
	}
	u := &userPing{seq: seq, began: m.clock.now}
	m.userPings.bySeq[seq] = u
	m.agenda.set(&u.deadline, u, u.began.after(m.params.ProbeTimeout))

	target := Target{Peer: to}
	if known := m.named(to.Name); known != nil && sameAddress(known.Addr, to.Addr) {
		target.Checksum = understandsChecksum(known.Versions)
	}
	m.out.Packets = append(m.out.Packets, Packet{To: target, Body: m.ping(seq, to.Name)})
	return seq
}

// userPingAcked answers the user.
func (m *Machine) userPingAcked(u *userPing, at instant) {
	m.agenda.clear(&u.deadline)
	delete(m.userPings.bySeq, u.seq)
	m.out.Answers = append(m.out.Answers, Answer{Seq: u.seq, OK: true, RTT: m.clock.between(u.began, at)})
}

// due answers the user: nobody was there.
func (u *userPing) due(m *Machine) {
	delete(m.userPings.bySeq, u.seq)
	m.out.Answers = append(m.out.Answers, Answer{Seq: u.seq})
}
