package swim

import (
	"math/bits"
	"time"
)

// beat is something that the machine does again and again.
type beat struct {
	deadline
	period time.Duration         // 0: never
	scale  func(members int) int // how many periods lie between two beats; nil: one
	act    func(m *Machine)
}

// on says whether it is done at all.
func (b *beat) on() bool { return b.period > 0 }

// interval is the time from one beat to the next.
func (b *beat) interval(m *Machine) time.Duration {
	if b.scale == nil {
		return b.period
	}
	return multiply(b.period, b.scale(len(m.table.order)), 1)
}

// due acts and waits for the next beat. A beat that comes late moves those after it: what one
// beat begins has a full interval before the next, and nothing that was missed is made up for.
func (b *beat) due(m *Machine) {
	m.agenda.set(&b.deadline, b, m.clock.now.after(b.interval(m)))
	b.act(m)
}

// phase returns a random part of the period, so that nodes that start together do not act
// together for ever.
func (b *beat) phase(m *Machine) time.Duration {
	return time.Duration(m.rand.Int64N(int64(b.period)))
}

// begin starts the schedule.
func (m *Machine) begin() {
	now := m.clock.now
	m.probing = beat{period: m.params.ProbeInterval, act: (*Machine).probeNext}
	m.gossiping = beat{period: m.params.GossipInterval, act: (*Machine).gossip}
	m.syncing = beat{period: m.params.PushPullInterval, scale: syncScale, act: (*Machine).sync}
	if b := &m.probing; b.on() {
		m.agenda.set(&b.deadline, b, now.after(b.phase(m)))
	}
	if b := &m.gossiping; b.on() {
		b.at = now.after(b.phase(m))
	}
	if b := &m.syncing; b.on() {
		m.agenda.set(&b.deadline, b, now.after(b.phase(m)).after(b.interval(m)))
	}
}

// smallCluster is up to how many members the period of full state exchanges is not stretched.
const smallCluster = 32

// syncScale stretches that period, so that the load which exchanges of ever larger tables put
// on the network grows slowly: by one period for each doubling of the cluster.
func syncScale(members int) int {
	if members <= smallCluster {
		return 1
	}
	// bits.Len(n-1) is the logarithm of n to the base 2, rounded up.
	return bits.Len(uint(members-1)) - bits.Len(smallCluster-1) + 1
}

// wantGossip sets or clears the deadline for gossip. A node with nothing to tell has none;
// one that gets something to tell goes on in the rhythm that it had.
func (m *Machine) wantGossip(pending bool) {
	b := &m.gossiping
	if !b.on() || pending == b.isSet() {
		return
	}
	if !pending {
		m.agenda.clear(&b.deadline)
		return
	}
	ahead := b.period
	if late := time.Duration(m.clock.now - b.at); late < 0 {
		ahead = -late
	} else {
		ahead -= late % b.period
	}
	m.agenda.set(&b.deadline, b, m.clock.now.after(ahead))
}

// gossip chooses who hears the next rumours.
func (m *Machine) gossip() {
	for _, x := range m.sample(m.params.GossipNodes, nil, mayHear) {
		m.out.Gossip = append(m.out.Gossip, x.target())
	}
}

// mayHear says who is gossiped to: those present, and the dead, as long as they are remembered:
// if they hear it they are not dead, and refute.
func mayHear(_ *Machine, x *member) bool { return x.state != Left }

// sync chooses whom to exchange full state with.
func (m *Machine) sync() {
	for _, x := range m.sample(1, nil, isAlive) {
		m.out.Syncs = append(m.out.Syncs, x.peer())
	}
}
