// Package bed is what a test needs to treat nodes of this library and of the reference alike: one vocabulary for
// both (Settings, Node, Peer), an application that records what it is asked and told (App), and a network
// whose links can be cut (Links). It knows neither library; the packages below side do.
package bed

import (
	"net"
	"time"
)

// Settings is the configuration of one node, as far as tests vary it. The zero value of a duration switches the
// loop off, as it does in either library.
type Settings struct {
	Name string
	Bind string // IP address to listen on
	Port int    // 0: any
	App  *App   // the whole of the delegates
	Hook *Hook  // or just a few of them, which cost nothing

	Key                            []byte // nil: no encryption
	VerifyIncoming, VerifyOutgoing bool
	Label                          string
	Compress                       bool
	Protocol                       uint8
	PacketSize                     int
	NoStreamPings                  bool
	NamesRequired                  bool

	// Links, if not nil, stands between the node and its sockets. The node then takes its transport for
	// a foreign one.
	Links *Links

	Timers
}

// Timers is how fast a node lives.
type Timers struct {
	ProbeInterval, ProbeTimeout time.Duration
	GossipInterval              time.Duration
	PushPullInterval            time.Duration
	GossipToTheDead             time.Duration
	Stream                      time.Duration
	SuspicionMult               int
	SuspicionMaxTimeoutMult     int
}

// Quick are timers with which a cell of the matrix takes seconds, and which a busy machine still keeps.
func Quick() Timers {
	return Timers{
		ProbeInterval: 300 * time.Millisecond, ProbeTimeout: 100 * time.Millisecond,
		GossipInterval: 20 * time.Millisecond, PushPullInterval: 700 * time.Millisecond,
		GossipToTheDead: 20 * time.Second, Stream: 5 * time.Second,
		SuspicionMult: 6, SuspicionMaxTimeoutMult: 2,
	}
}

// LAN are the timers that either library calls the default.
func LAN() Timers {
	return Timers{
		ProbeInterval: time.Second, ProbeTimeout: 500 * time.Millisecond,
		GossipInterval: 200 * time.Millisecond, PushPullInterval: 30 * time.Second,
		GossipToTheDead: 30 * time.Second, Stream: 10 * time.Second,
		SuspicionMult: 4, SuspicionMaxTimeoutMult: 6,
	}
}

// State is a member's state, with the numbers of the wire.
type State int

// The states of a member.
const (
	Alive State = iota
	Suspect
	Dead
	Left
)

// String is the state's name.
func (s State) String() string { return [...]string{"alive", "suspect", "dead", "left"}[s] }

// Peer is a member as one node sees it.
type Peer struct {
	Name, Addr, Meta string
	State            State
	Versions         [6]uint8 // lowest, highest and current of the protocol, then of the delegate
}

// Kind says which library a node is made of.
type Kind string

// The kinds.
const (
	Ours      Kind = "ours"
	Reference Kind = "reference"
)

// Node is a running node of either kind. Its methods are those of Memberlist, in neutral words. To address
// a member it must be known to the node.
type Node interface {
	Kind() Kind
	Name() string
	Addr() string // "ip:port"
	Port() int

	Join(targets ...string) (int, error)
	Leave(timeout time.Duration) error
	Shutdown() error
	Update(timeout time.Duration) error

	Members() []Peer
	NumMembers() int
	Listed() int // len(Members()), without a copy
	Health() int
	Ping(name string, addr net.Addr) (time.Duration, error)

	// Send sends by the method of that name.
	Send(how Method, to string, msg []byte) error
	// Broadcast puts a message into the node's TransmitLimitedQueue, which the node empties.
	Broadcast(msg []byte)
	// Queued is how many wait there.
	Queued() int

	AddKey(key []byte) error
	UseKey(key []byte) error
	RemoveKey(key []byte) error
}

// Method is one of the ways in which an application sends a message.
type Method string

// The ways to send.
const (
	SendBestEffort Method = "SendBestEffort"
	SendToUDP      Method = "SendToUDP"
	SendTo         Method = "SendTo"
	SendToAddress  Method = "SendToAddress"
	SendReliable   Method = "SendReliable"
	SendToTCP      Method = "SendToTCP"
)

// Packets are the methods that use one packet, Streams those that use a stream.
var (
	Packets = []Method{SendBestEffort, SendToUDP, SendTo, SendToAddress}
	Streams = []Method{SendReliable, SendToTCP}
)
