package memberlist

import (
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// Members returns the members that are alive or suspect, ourselves included.
// The slice is the caller's own. The nodes are snapshots of one instant, shared between callers, who
// must not change them. Safe from any goroutine and any delegate. After Shutdown it tells what was known last.
func (m *Memberlist) Members() []*Node { return m.cluster.members() }

// NumMembers returns the number of members that are alive or suspect, ourselves included.
func (m *Memberlist) NumMembers() (alive int) {
	m.cluster.view(func(c *swim.Machine) { alive = c.NumAlive() })
	return alive
}

// LocalNode returns a snapshot of ourselves. It is never nil; after Leave its State is StateLeft, and after
// Shutdown it is what it was last.
func (m *Memberlist) LocalNode() (n *Node) {
	m.cluster.view(func(c *swim.Machine) {
		self := c.Self()
		if self.State <= swim.Suspect {
			n = publicNode(self, false)
		} else {
			n = departedNode(self)
		}
	})
	return n
}

// GetHealthScore returns how little this node trusts itself: 0 is healthy, and each missed ack of a
// probe or refuted accusation adds to it, up to AwarenessMaxMultiplier-1. Timeouts of probes grow
// with it (Lifeguard, section IV-A).
func (m *Memberlist) GetHealthScore() (score int) {
	m.cluster.view(func(c *swim.Machine) { score = c.Health() })
	return score
}

// ProtocolVersion returns the protocol version that this node speaks.
func (m *Memberlist) ProtocolVersion() uint8 { return m.conf.ProtocolVersion }

// Departed is a member that has died or left and is not forgotten yet: see Memberlist.Departed.
type Departed struct {
	Node  *Node     // its State says whether it died or left
	Since time.Time // when we learnt of it
}

// Departed returns the members that have died or left within the last Config.GossipToTheDeadTime, in no
// particular order. Older ones have been forgotten.
func (m *Memberlist) Departed() (gone []Departed) {
	m.cluster.view(func(c *swim.Machine) {
		for row := range c.All {
			if row.State > swim.Suspect {
				gone = append(gone, Departed{departedNode(row), row.Since})
			}
		}
	})
	return gone
}

// gauges returns a function that reports the sizes of things, once every QueueCheckInterval.
func (m *Memberlist) gauges() func(now time.Time) {
	last := time.Now()
	return func(now time.Time) {
		if every := m.conf.QueueCheckInterval; every <= 0 || now.Sub(last) < every {
			return
		}
		last = now
		m.metrics.queueBroadcasts(m.cluster.rumours.NumQueued())
		m.metrics.queueEvents(m.herald.length())
		counts := [4]int{}
		m.cluster.view(func(c *swim.Machine) {
			for row := range c.All {
				counts[row.State]++
			}
		})
		for state, n := range counts {
			m.metrics.nodeInstances(NodeStateType(state), n)
		}
	}
}
