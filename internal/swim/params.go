package swim

import "time"

// Params is what can be set. A machine keeps a copy; nothing in it changes later.
type Params struct {
	// Name is our own.
	Name string
	// FirstSeq is the number before that of the first ping. Drawn by chance, it keeps strangers who cannot
	// see our packets from making up acks.
	FirstSeq uint32

	// ProbeInterval is the time from one probe to the next; 0 switches probing off.
	ProbeInterval time.Duration
	// ProbeTimeout is how long a ping waits for its ack before others are asked for help.
	ProbeTimeout time.Duration
	// IndirectChecks is how many others are asked.
	IndirectChecks int
	// DisableStreamPings switches off the knock by stream beside the indirect pings.
	DisableStreamPings bool
	// ProbeByStream makes a probe one knock by stream and nothing else, for networks that
	// let no datagrams through.
	ProbeByStream bool

	// SuspicionMult scales the shortest time that a suspicion waits.
	SuspicionMult int
	// SuspicionMaxTimeoutMult is how many times the shortest wait the longest one is.
	SuspicionMaxTimeoutMult int
	// AwarenessMax is one more than the worst health score.
	AwarenessMax int
	// WithoutBuddy leaves out the suspicion that otherwise rides on a ping to the suspect. It is
	// for experiments only, which show what each part of Lifeguard is good for; the other two
	// parts end with an AwarenessMax of 1 and a SuspicionMaxTimeoutMult of 1.
	WithoutBuddy bool

	// GossipInterval is the time from one round of gossip to the next; 0 switches it off.
	GossipInterval time.Duration
	// GossipNodes is how many members hear one round.
	GossipNodes int
	// GossipToTheDeadTime is how long a dead or left member is remembered, and how long the
	// dead are still gossiped to, in case they are not.
	GossipToTheDeadTime time.Duration

	// PushPullInterval is the time between two full state exchanges in a cluster of up to
	// 32 members, more in larger ones; 0 switches them off.
	PushPullInterval time.Duration

	// DeadNodeReclaimTime is how long a member must be dead before its name may be claimed
	// from another address; 0: never.
	DeadNodeReclaimTime time.Duration
	// ReclaimUnreachable lets another address claim the name of a member that is suspect or
	// dead as soon as a probe of ours proves that the holder is silent.
	ReclaimUnreachable bool

	// BindPort is what port 0 in a claim means.
	BindPort uint16
	// PortFixed makes every port in a claim mean BindPort, as protocol version 1 has it.
	PortFixed bool

	// Intern, unless nil, is given every new identity and returns an equal one to be kept in its
	// stead. Where thousands of machines share a process, they can share what they know about
	// one member; a node on its own has nothing to share.
	Intern func(*Identity) *Identity
}
