package sim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// Disagreement is one difference between what is and what a node believes.
type Disagreement struct {
	Node  *Node // who believes
	About string
	Text  string
}

// Error tells it.
func (d *Disagreement) Error() string {
	return fmt.Sprintf("%v about %s: %s", d.Node, d.About, d.Text)
}

// Agreed returns nil if every running node that has not left knows all of these as alive, as they
// are, and nobody else; or else the first difference.
func (s *Sim) Agreed() *Disagreement {
	members := make(map[string]swim.Member)
	var nodes []*Node
	for _, n := range s.Running() {
		if !n.machine.HasLeft() {
			members[n.Name] = n.machine.Self()
			nodes = append(nodes, n)
		}
	}
	for _, n := range nodes {
		if d := n.agrees(nodes, members); d != nil {
			return d
		}
	}
	return nil
}

func (n *Node) agrees(nodes []*Node, members map[string]swim.Member) *Disagreement {
	for _, o := range nodes {
		is := members[o.Name]
		row, ok := n.machine.Lookup(o.Name)
		switch {
		case !ok:
			return &Disagreement{n, o.Name, "is not known"}
		case row.State != swim.Alive:
			return &Disagreement{n, o.Name, fmt.Sprintf("is alive, not %v", row.State)}
		case row.Incarnation != is.Incarnation:
			return &Disagreement{n, o.Name, fmt.Sprintf("has incarnation %d, not %d", is.Incarnation, row.Incarnation)}
		case row.Addr != is.Addr:
			return &Disagreement{n, o.Name, fmt.Sprintf("is at %v, not %v", is.Addr, row.Addr)}
		case !bytes.Equal(row.Meta, is.Meta):
			return &Disagreement{n, o.Name, fmt.Sprintf("has meta %q, not %q", is.Meta, row.Meta)}
		}
	}
	if n.machine.NumAlive() == len(nodes) {
		return nil
	}
	for row := range n.machine.All {
		if _, ok := members[row.Name]; !ok && present(row.State) {
			return &Disagreement{n, row.Name, fmt.Sprintf("is gone, not %v", row.State)}
		}
	}
	return &Disagreement{n, "", "has rows twice"}
}

// Await runs until the cluster agrees, looking every pause, and returns how long that took. When it
// takes longer than the bound that law is broken.
func (s *Sim) Await(bound, pause time.Duration) (time.Duration, error) {
	begun := s.now
	for {
		d := s.Agreed()
		if d == nil {
			return s.now - begun, nil
		}
		if s.now-begun > bound {
			s.violate(d.Node, d.About, lawAgree, "after %v: %s", bound, d.Text)
			return s.now - begun, s.broken
		}
		if err := s.Run(s.now + pause); err != nil {
			return s.now - begun, err
		}
	}
}

// Patience returns how long a cluster of n nodes may take, after the last fault, until all agree.
// A dead member is found by whoever probes it last, in the worst case after two rounds; the probes
// of a node that mistrusts itself take longer; a suspicion nobody else shares lasts its longest;
// what is known of the dead must be forgotten before a name can begin anew; and full state
// exchanges have the last word. Twice the sum leaves room for what is lost on the way.
func (s *Settings) Patience(n int) time.Duration {
	rounds := time.Duration(2*n+s.AwarenessMax) * s.ProbeInterval
	return 2 * (rounds + s.longestSuspicion(n) + s.GossipToTheDeadTime + s.DeadNodeReclaimTime +
		2*s.PushPullInterval + 2*s.StreamTimeout)
}
