package sim

import (
	"fmt"
	"strings"
	"time"
)

// Violation is a law that was broken, and all that is needed to see it happen again.
type Violation struct {
	Law   *Law
	Seed  uint64
	At    time.Duration
	Node  string // where it was noticed; "" for the whole cluster
	About string // the member that it is about, if it is about another
	Text  string
	Trace []string // the last steps that touched either, if the run was traced
}

// Error tells all of it.
func (v *Violation) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: law %q broken", v.Seed, v.Law.Name)
	fmt.Fprintf(&b, " at %.6fs", v.At.Seconds())
	if v.Node != "" {
		fmt.Fprintf(&b, " by %s", v.Node)
	}
	if v.About != "" {
		fmt.Fprintf(&b, " about %s", v.About)
	}
	fmt.Fprintf(&b, ": %s\n  the law: %s", v.Text, v.Law.Says)
	for _, line := range v.Trace {
		b.WriteString("\n  ")
		b.WriteString(line)
	}
	return b.String()
}

// violate stops the simulation. Only the first violation counts: what follows may follow from it.
// The name may still belong to a packet.
func (s *Sim) violate(n *Node, about string, law *Law, format string, args ...any) {
	if s.broken != nil {
		return
	}
	s.broken = &Violation{Law: law, Seed: s.opt.Seed, At: s.now, About: strings.Clone(about), Text: fmt.Sprintf(format, args...)}
	if n != nil {
		s.broken.Node = n.String()
		n.trace("breaks the law %q", law.Name)
	}
}

// Law is something that must always hold.
type Law struct {
	Name string
	Says string
}

var (
	lawFrames   = &Law{"messages can be read", "what a node packs, another one can unpack and decode"}
	lawGrow     = &Law{"incarnations grow", "in one life, each announcement of a node has a higher incarnation than the one before"}
	lawIssued   = &Law{"incarnations come from their owner", "nobody knows an incarnation that its owner has not reached"}
	lawClaims   = &Law{"claims are the owner's", "whoever is alive somewhere is known there as its owner announced itself under that incarnation"}
	lawReturn   = &Law{"nobody returns by itself", "whoever is suspect, dead or left is alive again only with a newer incarnation; an address taken over and a name forgotten begin anew"}
	lawRefute   = &Law{"accusations are refuted", "whoever hears something wrong about itself has a higher incarnation after that step"}
	lawHeard    = &Law{"what was heard counts", "at one incarnation dead beats suspect beats alive, and a higher incarnation beats a lower one"}
	lawHearsay  = &Law{"hearsay is only suspicion", "whoever is dead in another's table is suspect here, not dead"}
	lawStale    = &Law{"probes accuse nobody else", "whoever has shown a newer incarnation since a probe began is not accused by it"}
	lawMove     = &Law{"names are not stolen", "a name goes to another address only from a member that has left, or was dead or silent for as long as the settings say"}
	lawSpread   = &Law{"what changes is told on", "every change of a view that the user is told of is broadcast as well"}
	lawAlone    = &Law{"nobody talks to itself", "no packet, gossip or exchange goes to the node that sends it"}
	lawLiving   = &Law{"only the living answer", "no probe succeeds that began after its target had ended"}
	lawHealth   = &Law{"nodes recover", "after enough answered probes a node trusts itself again"}
	lawSelf     = &Law{"one is a member to oneself", "a node is alive in its own table, or left if it has left"}
	lawCalm     = &Law{"no suspicion without a fault", "while nothing goes wrong nobody is suspected"}
	lawNews     = &Law{"news alternate", "of each member a node tells join, then updates and suspicions, then leave, then join again"}
	lawBudget   = &Law{"packets keep the budget", "no packed datagram is larger than PacketSize"}
	lawOnce     = &Law{"broadcasts end once", "every broadcast is queued and ends exactly once: told, replaced, pruned or reset"}
	lawBounds   = &Law{"queues are bounded", "a node queues at most one rumour for each name there ever was"}
	lawForget   = &Law{"the dead are forgotten on time", "no row is dead or left for longer than GossipToTheDeadTime, and no other row is forgotten"}
	lawPatience = &Law{"suspects have their time", "a suspicion lasts at least the shortest time that the settings give"}
	lawVerdict  = &Law{"suspicions end", "a suspicion lasts at most the longest time that the settings give"}
	lawDeadline = &Law{"deadlines neither starve nor spin", "a node that is driven wants to be woken within a ProbeInterval, and not again and again at one instant"}
	lawOneProbe = &Law{"one probe at a time", "a node begins at most one probe in each ProbeInterval"}
	lawProbing  = &Law{"probing goes on", "a node that knows others probes, however unwell it is"}
	lawCounts   = &Law{"counts are right", "what a node counts is what stands in its table"}
	lawAgree    = &Law{"after calm all agree", "some time after the last fault, all nodes know the same living members with the same incarnation, address and meta, and no others"}
	lawDrain    = &Law{"queues run dry", "some time after the last change nobody has anything left to tell"}
	lawFaults   = &Law{"faults were injected", "a run in which nothing went wrong shows nothing"}
)

// Laws returns all laws.
func Laws() []*Law {
	return []*Law{lawFrames, lawGrow, lawIssued, lawClaims, lawReturn, lawRefute,
		lawHeard, lawHearsay, lawStale, lawMove, lawSpread, lawAlone, lawLiving, lawHealth, lawSelf, lawCalm, lawNews,
		lawBudget, lawOnce, lawBounds, lawForget, lawPatience, lawVerdict, lawDeadline, lawOneProbe, lawProbing,
		lawCounts, lawAgree, lawDrain, lawFaults}
}
