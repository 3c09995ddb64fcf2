package sim

import "fmt"

// Fault is a kind of thing that went wrong because the simulation wanted it to.
type Fault int

// The kinds of faults.
const (
	Lost        Fault = iota // a packet vanished
	Duplicated               // a packet arrived twice
	Reordered                // a packet was overtaken
	Late                     // something was under way for more than half of a ProbeTimeout
	Overflowed               // a packet found the inbox of a stalled process full
	DialFailed               // nobody accepted a stream
	Broken                   // a stream broke in the middle
	Cut                      // a line was cut in one direction
	Partitioned              // a host came to another side
	Held                     // a node was held
	Frozen                   // a node was frozen
	Crashed                  // a process ended without a word
	Restarted                // a name began another life
	Moved                    // and that at another address
	Slandered                // a living member was removed by force
	numFaults
)

var faultNames = [numFaults]string{"lost", "duplicated", "reordered", "late", "overflowed", "dial failed",
	"broken", "cut", "partitioned", "held", "frozen", "crashed", "restarted", "moved", "slandered"}

// String returns the kind in a word or two.
func (f Fault) String() string { return faultNames[f] }

// Counts says how often each kind of fault happened.
type Counts [numFaults]int

// Total returns how many faults there were.
func (c *Counts) Total() int {
	total := 0
	for _, n := range c {
		total += n
	}
	return total
}

// String lists the kinds that happened.
func (c *Counts) String() string {
	text := ""
	for f, n := range c {
		if n > 0 {
			text += fmt.Sprintf(", %d %v", n, Fault(f))
		}
	}
	if text == "" {
		return "no faults"
	}
	return text[2:]
}

// Faults returns what has gone wrong so far.
func (s *Sim) Faults() Counts { return s.faults }

// Crash ends the process without a word. With the machine itself gone, whoever dials waits in vain.
func (n *Node) Crash() { n.end(false) }

// Kill ends the process without a word, on a machine that goes on and refuses whoever dials.
func (n *Node) Kill() { n.end(true) }

func (n *Node) end(refuses bool) {
	if n.gone {
		return
	}
	n.trace("crashes")
	n.sim.faults[Crashed]++
	n.gone, n.life.ended = true, n.sim.now
	h := n.place()
	h.node, h.refuses = nil, refuses
	for _, what := range n.stalls.in {
		if p, ok := what.(*packet); ok {
			n.sim.spare(p)
		}
	}
	n.stalls = stalls{}
	n.rumours, n.mail = outgoing{}, outgoing{}
	n.heard, n.machine = nil, nil
}

// Restart begins another life under the name of a node that is gone, at its address. It knows
// nothing of the life before, unless meta is what that one had.
func (s *Sim) Restart(old *Node, meta []byte) *Node {
	s.faults[Restarted]++
	return s.startAt(old.host, old.Name, meta)
}

// Move is Restart at an address where nobody was before.
func (s *Sim) Move(old *Node, meta []byte) *Node {
	s.faults[Restarted]++
	s.faults[Moved]++
	return s.startAt(s.newHost(), old.Name, meta)
}

// Leave has the node say goodbye; the process goes on.
func (n *Node) Leave() {
	n.trace("leaves")
	n.machine.Leave(n.sim.time(), nil)
	n.act()
}

// Rejoin brings a node back that has left.
func (n *Node) Rejoin() {
	n.trace("comes back")
	n.machine.Rejoin(n.sim.time())
	n.act()
}

// Update gives the node other meta.
func (n *Node) Update(meta []byte) {
	n.trace("updates its meta to %q", meta)
	n.machine.Update(n.sim.time(), meta, nil)
	n.act()
}

// Remove has the node remove another member by force.
func (n *Node) Remove(name string) {
	n.trace("removes %s", name)
	n.sim.faults[Slandered]++
	n.machine.ForceRemove(n.sim.time(), name)
	n.act()
}
