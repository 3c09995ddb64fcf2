package sim

import (
	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// tamper plants bugs at the borders of the machines, so that tests can show that the laws find
// them. Only tests of this package set one; every field may be nil.
type tamper struct {
	params func(n *Node, p *swim.Params)
	input  func(n *Node, msg any) (pass bool) // a *wire.Alive, *wire.Suspect, *wire.Dead
	rows   func(n *Node, rows []wire.Row)     // of another's table, before they are heard
	output func(n *Node, out *swim.Output)
	budget int // bytes by which packets are packed too large
}

// admits says whether a node hears a message.
func (s *Sim) admits(n *Node, msg any) bool {
	return s.tamper == nil || s.tamper.input == nil || s.tamper.input(n, msg)
}
