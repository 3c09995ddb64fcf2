package memberlist

import (
	"fmt"
	"net"
	"strconv"
)

// Node is what the cluster knows about one member, as of one instant. It is a snapshot: nothing in it follows
// later changes. Nodes are shared between all who are handed them (Members, the delegates, NodeEvent),
// so nobody changes one or what its Addr and Meta point to; copy what you want to change.
type Node struct {
	Name  string        // the member's identity, unique in the cluster
	Addr  net.IP        // where it is reached; 4 or 16 bytes, as the member announced it
	Port  uint16        // for packets and streams alike
	Meta  []byte        // what the member's application says about itself; nil if nothing. Ours has at most MetaMaxSize bytes
	State NodeStateType // see NodeStateType for which states are shown where
	PMin  uint8         // the lowest protocol version that the member understands
	PMax  uint8         // the highest protocol version that the member understands
	PCur  uint8         // the protocol version that the member speaks
	DMin  uint8         // the lowest version of the delegates' own protocol that the member understands
	DMax  uint8         // the highest version of the delegates' own protocol that the member understands
	DCur  uint8         // the version of the delegates' own protocol that the member speaks
}

// Address returns host and port as one string, an IPv6 host in brackets.
func (n *Node) Address() string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

// FullAddress returns the address together with the name, for transports that check whom they reach.
func (n *Node) FullAddress() Address {
	return Address{Addr: n.Address(), Name: n.Name}
}

// String returns the name.
func (n *Node) String() string { return n.Name }

// NodeStateType is the state in which a member is. Members, NotifyJoin, NotifyUpdate and NotifyMerge show a
// suspect as alive unless Config.ReportSuspects is set; NotifyLeave shows whether a member died or left.
// The numbers are those of the wire.
type NodeStateType int

// The states of a member.
const (
	StateAlive   NodeStateType = iota // it answers
	StateSuspect                      // it did not answer, and may still refute that
	StateDead                         // it did not answer and did not refute in time
	StateLeft                         // it said good-bye
)

// String returns the state as one lower-case word.
func (t NodeStateType) String() string {
	switch t {
	case StateAlive:
		return "alive"
	case StateSuspect:
		return "suspect"
	case StateDead:
		return "dead"
	case StateLeft:
		return "left"
	default:
		return fmt.Sprintf("NodeStateType(%d)", int(t))
	}
}
