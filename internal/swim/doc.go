// Package swim is one node's view of the cluster and the rules by which it changes.
//
// A [Machine] is a value that is stepped: an input (a decoded message, the rows of a full
// state exchange, a call of the user, the passing of time) comes with the time at which it
// happens, and what the world must do about it is collected in an [Output] that the caller
// takes. The machine opens nothing, reads no clock, takes no lock, logs nothing, calls nobody.
// Chance is a *rand.Rand given to it and no decision depends on the order of a map:
// one seed and one list of inputs give the same outputs, always.
//
// # How a node is known
//
// A member is alive, suspect, dead or left. Who it is (an [Identity]: name, address, meta,
// versions) is immutable and shared; a change makes a new one. Claims about a member carry an
// incarnation, which only the member itself raises: at one incarnation dead beats suspect
// beats alive, and a higher incarnation beats a lower one (SWIM, section 4.2). Incarnations
// saturate instead of wrapping, and a claim that is more than 2^20 ahead of what is known is
// refused, so that no single message can put a node out of reach of its own refutations.
//
// # How a failure is found
//
// One member is probed at a time, in a shuffled order that is walked to its end and then
// shuffled again (SWIM, section 4.3), one every ProbeInterval:
//
//	direct    ping the target; if it is suspect, the same packet carries the suspicion, so that
//	          the target can refute it at once (Lifeguard, section IV-C, Buddy System)
//	          │ no ack after ProbeTimeout
//	indirect  a few others are asked to ping it (SWIM, section 3.1) and to say nack if they get
//	          no answer either; besides, a stream to it is knocked at
//	          │ no ack until ProbeInterval × (health + 1) after the beginning
//	accused   the target is suspect
//
// Health is how much the node mistrusts itself: missing nacks, failed probes and the need to
// refute worsen it, answered probes better it (Lifeguard, section IV-A, LHA-Probe).
//
// A suspicion waits between a minimum and a maximum; each further accuser, up to K, shortens
// the wait on a logarithmic scale (Lifeguard, section IV-B, LHA-Suspicion):
//
//	timeout(C) = max(min, max - (max-min) * ln(C+1) / ln(K+1))
//
// A member whose suspicion runs out is dead, and is forgotten GossipToTheDeadTime later.
// A node that hears itself accused refutes: it announces itself with a higher incarnation.
//
// # How news spread
//
// What changes the view is told on: Output.Broadcasts go into the caller's queue, whose
// contents ride on every packet that leaves (SWIM, section 4.1) and are gossiped to a few
// random members every GossipInterval. Now and then whole tables are exchanged with one
// random member: Output.Syncs begins that, Rows and Merge are its two ends.
//
// # Where things are
//
// machine.go routes inputs. member.go is the table with the probe order; deadline.go the one
// heap in which everything that is delayed or periodic waits, each entry moved and removed
// with its owner; clock.go the time of a machine; schedule.go the periodic part. probe.go,
// relay.go and userping.go are the three reasons to wait for an ack. rumor.go judges claims,
// claim.go and versions.go say which claims make sense, refute.go answers accusations,
// suspicion.go waits them out, merge.go takes whole tables, reclaim.go gives a name to a
// newcomer when its holder is provably silent. answer.go decides where a reply may go.
//
// Literature: A. Das, I. Gupta, A. Motivala, "SWIM: Scalable Weakly-consistent
// Infection-style Process Group Membership Protocol", DSN 2002. A. Dadgar, J. Phillips,
// J. Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2017.
package swim
