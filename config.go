package memberlist

import (
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/go-metrics"
)

// The protocol versions that this package understands.
const (
	ProtocolVersionMin uint8 = 1

	// ProtocolVersion2Compatible is what DefaultLANConfig speaks: every node since version 2 understands it.
	ProtocolVersion2Compatible = 2

	ProtocolVersionMax = 5
)

// MetaMaxSize is the largest number of bytes of metadata that a node may have.
const (
	MetaMaxSize = 512
)

// Config is everything that can be set about a node. Start from DefaultLANConfig, DefaultWANConfig or
// DefaultLocalConfig and change what differs; Validate says what is unwise about the result.
// Create copies the struct and writes back into it exactly Keyring (made from SecretKey) and, for BindPort 0,
// BindPort and AdvertisePort. Of what is changed later only Ping is looked up again, which lets one Ping delegate
// take the place of another: so make a Config for each node. All members of a cluster should have the same
// settings, apart from names, addresses and delegates.
type Config struct {
	// Name is this node's identity, unique in the cluster, and the same after a restart.
	// The defaults take the host's name, so set it where several nodes share a host. Of two nodes with one name
	// the cluster keeps the first, as long as it lives; the second is not told, but ConflictDelegate is.
	// An empty name is unwise: others cannot tell us apart.
	Name string

	// Transport carries packets and streams. nil makes a NetTransport from BindAddr and BindPort.
	Transport Transport

	// Label keeps clusters apart that can reach each other: every packet and stream bears it, and those
	// with another label are dropped. With encryption it is authenticated. At most LabelMaxSize bytes,
	// each of which every packet pays. Empty means no label.
	Label string

	// SkipInboundLabelCheck accepts packets and streams whatever their label, for a transport that has
	// checked it already or while a label is being introduced.
	SkipInboundLabelCheck bool

	// BindAddr is the IP address to listen on, 0.0.0.0 for all of the host. BindPort is the port for packets
	// (UDP) and streams (TCP) alike, and what a join means that names no port; 0 takes a free one.
	BindAddr string
	BindPort int

	// AdvertiseAddr and AdvertisePort are where the others reach us, when address translation or a proxy
	// stands in between. An empty address means BindAddr or, when that is unspecified, an address of this
	// host, a private one first; a NetTransport then advertises the port that it listens on, whatever
	// AdvertisePort says.
	AdvertiseAddr string
	AdvertisePort int

	// ProtocolVersion is the protocol version to speak, ProtocolVersionMin to ProtocolVersionMax.
	// Raise it only when every member understands the new one.
	ProtocolVersion uint8

	// TCPTimeout bounds dialling and each whole conversation by stream: joins, state exchanges, reliable
	// messages. 0 means 10 seconds.
	TCPTimeout time.Duration

	// IndirectChecks is how many members are asked to ping a member that did not answer us. More make
	// false alarms by a bad path of ours rarer. 0 asks nobody.
	IndirectChecks int

	// RetransmitMult makes each message go out RetransmitMult * ceil(log10(N+1)) times, N being the number
	// of members. More spread a message more surely and use more of the network. With 0, once. News of members
	// of small clusters go out more often, up to ten times: the formula alone would now and then leave one
	// member without the word that another has died.
	RetransmitMult int

	// SuspicionMult makes a suspect wait at least SuspicionMult * max(1, log10(N)) * ProbeInterval before it is
	// declared dead. More gives slow members more time to refute, and makes real failures known later.
	// It also asks for SuspicionMult-2 confirmations by others. With 0, a suspect is dead at once.
	SuspicionMult int

	// SuspicionMaxTimeoutMult makes the wait start at that many times the minimum of SuspicionMult;
	// each confirmation by another accuser shortens it towards the minimum. With 0 or 1 it is the minimum.
	SuspicionMaxTimeoutMult int

	// PushPullInterval is how often the full state is exchanged with a random member, over a stream. Above
	// 32 members it is stretched by ceil(log2(N)-5)+1. It mends what gossip has lost. 0 switches it off.
	PushPullInterval time.Duration

	// ProbeInterval is how often a member is probed. Shorter finds failures sooner and costs more packets.
	// 0 switches probing off: no failure is found. ProbeTimeout is how long a direct answer may take before
	// others are asked; choose it above the 99th percentile of the round trip, and below ProbeInterval.
	ProbeInterval time.Duration
	ProbeTimeout  time.Duration

	// DisableTcpPings switches off the ping by stream that accompanies the indirect ones. That ping keeps
	// members alive whose UDP is broken, and says so in the log. Without effect if ProbeByStream is set.
	DisableTcpPings bool

	// DisableTcpPingsForNode does the same for the members that it returns true for. It is asked while a
	// probe is under way, so it must return at once, and from any goroutine. nil means none. It is not asked if
	// ProbeByStream is set.
	DisableTcpPingsForNode func(nodeName string) bool

	// AwarenessMaxMultiplier bounds the health score to 0 ... AwarenessMaxMultiplier-1. A node that misses
	// answers suspects itself as well, and waits (score+1) * ProbeInterval for an answer. With 0 or 1 the score
	// stays 0.
	AwarenessMaxMultiplier int

	// GossipInterval is how often queued messages are sent on, GossipNodes to how many random members each
	// time, in one packet each. Shorter and more spread news faster and cost more packets. 0 of either
	// leaves the spreading to probes and their answers. GossipToTheDeadTime is how long a dead member is still
	// told (so that it can refute), and after which dead and left members are forgotten.
	GossipInterval      time.Duration
	GossipNodes         int
	GossipToTheDeadTime time.Duration

	// GossipVerifyIncoming refuses what is not encrypted, GossipVerifyOutgoing encrypts what is sent. Both are
	// for introducing encryption into a running cluster (first off and off, then outgoing on everywhere, then
	// incoming), and without effect while there are no keys.
	GossipVerifyIncoming bool
	GossipVerifyOutgoing bool

	// EnableCompression compresses (LZW) packets and streams where that makes them shorter. It costs
	// processor time. What comes in compressed is understood in any case.
	EnableCompression bool

	// SecretKey encrypts everything with AES-128, -192 or -256: 16, 24 or 32 random bytes. Create adds it to
	// Keyring, or makes one of it, and makes it the primary key. Never log a Config that has a SecretKey.
	SecretKey []byte

	// Keyring holds the keys: everything is sent with the primary one, and what comes may use any of them,
	// so that keys can be changed while the cluster runs. nil and no SecretKey: no encryption.
	Keyring *Keyring

	// Delegate and the others say how the application takes part; nil ones do not. The three numbers are the
	// version of the delegates' own protocol that we speak and the lowest and highest that we understand;
	// a state exchange with members that speak something else is refused.
	//
	// A Ping delegate may be replaced in the Config that was given to Create while the node runs, as some
	// programs do: it is looked up there each time. Nothing orders such a change with the use of the old one.
	Delegate                Delegate
	DelegateProtocolVersion uint8
	DelegateProtocolMin     uint8
	DelegateProtocolMax     uint8
	Events                  EventDelegate
	Conflict                ConflictDelegate
	Merge                   MergeDelegate
	Ping                    PingDelegate
	Alive                   AliveDelegate

	// DNSConfigPath is the resolver configuration whose first server is asked by TCP for names given to Join
	// that have a dot; TCP carries larger answers. The system's resolver is asked otherwise.
	DNSConfigPath string

	// LogOutput or Logger, but not both, take lines such as "[WARN] memberlist: text key=value".
	// They take all levels, DEBUG too. Without them and without Slog, the lines go to os.Stderr.
	LogOutput io.Writer
	Logger    *log.Logger

	// HandoffQueueDepth is how many user messages that came in packets may wait for Delegate.NotifyMsg, and
	// how many claims for Alive.NotifyAlive; the rest is dropped and counted. 0 means 1024.
	HandoffQueueDepth int

	// UDPBufferSize is the largest packet in bytes that we put together, every header included; below the
	// path's MTU nothing is fragmented. What others send may be larger. 0 means 1400.
	UDPBufferSize int

	// DeadNodeReclaimTime is how long a member must have been dead before its name may come back from another
	// address. 0 means never, unless it left.
	DeadNodeReclaimTime time.Duration

	// RequireNodeNames refuses to talk to an address without knowing the name that is expected there
	// (ErrNameRequired): for transports that authenticate names.
	RequireNodeNames bool

	// CIDRsAllowed are the networks that members may be in and may send claims from; ParseCIDRs makes them
	// from text. nil or empty allows all.
	CIDRsAllowed []net.IPNet

	// MetricLabels are put on every metric. The slice is copied.
	MetricLabels []metrics.Label

	// QueueCheckInterval is how often the lengths of the queues and the number of members in each state are
	// measured, while the node has anything to do. 0 switches that off.
	QueueCheckInterval time.Duration

	// MsgpackUseNewTimeFormat is without effect: no message of the protocol bears a time.
	MsgpackUseNewTimeFormat bool

	// Slog takes structured records, with levels and stable attributes, instead of Logger and LogOutput.
	Slog *slog.Logger

	// Meta is this node's metadata, at most MetaMaxSize bytes, for applications without a Delegate; when it
	// is not nil, Delegate.NodeMeta is not asked. It is copied; UpdateMeta changes it.
	Meta []byte

	// ReportSuspects lets Members, NotifyJoin and NotifyUpdate show a suspect as StateSuspect. Off, it is
	// shown as StateAlive, which programs that filter on the state rely on.
	ReportSuspects bool

	// ReclaimUnreachable lets a node take over a name from another address when the holder is suspect, or
	// dead for less than DeadNodeReclaimTime, and a full probe of the holder fails. For nodes that restart
	// under a new address.
	ReclaimUnreachable bool

	// ProbeByStream probes by stream alone, for networks that block UDP. It costs one connection per probe;
	// state exchanges then have to spread what packets cannot. DisableTcpPings and DisableTcpPingsForNode are
	// without effect then.
	ProbeByStream bool
}

// defaultPort is the port that all defaults name.
const defaultPort = 7946

// The values that zeros of a Config stand for where a zero would make no sense.
const (
	defaultTCPTimeout        = 10 * time.Second
	defaultHandoffQueueDepth = 1024
	defaultUDPBufferSize     = 1400
)

// DefaultLANConfig returns a new configuration for members on one local network, named after the host.
// It is what most clusters want, in data centres too. The three sets of defaults:
//
//	                               LAN          WAN         Local
//	BindAddr, BindPort             0.0.0.0, 7946 (AdvertisePort likewise)
//	ProbeInterval, ProbeTimeout    1s, 500ms    5s, 3s      1s, 200ms
//	SuspicionMult, MaxTimeoutMult  4, 6         6, 6        3, 6
//	IndirectChecks                 3            3           1
//	GossipInterval, GossipNodes    200ms, 3     500ms, 4    100ms, 3
//	RetransmitMult                 4            4           2
//	PushPullInterval               30s          60s         15s
//	GossipToTheDeadTime            30s          60s         15s
//	TCPTimeout                     10s          30s         1s
//
// In all of them AwarenessMaxMultiplier is 8, UDPBufferSize 1400, HandoffQueueDepth 1024, QueueCheckInterval 30s,
// ProtocolVersion 2, compression is on, and so are GossipVerifyIncoming and GossipVerifyOutgoing.
func DefaultLANConfig() *Config {
	hostname, _ := os.Hostname() // a host without a name is left to Validate, which asks for one
	return &Config{
		Name:                    hostname,
		BindAddr:                "0.0.0.0",
		BindPort:                defaultPort,
		AdvertisePort:           defaultPort,
		ProtocolVersion:         ProtocolVersion2Compatible,
		TCPTimeout:              defaultTCPTimeout,
		IndirectChecks:          3,
		RetransmitMult:          4,
		SuspicionMult:           4,
		SuspicionMaxTimeoutMult: 6,
		PushPullInterval:        30 * time.Second,
		ProbeInterval:           time.Second,
		ProbeTimeout:            500 * time.Millisecond,
		AwarenessMaxMultiplier:  8,
		GossipInterval:          200 * time.Millisecond,
		GossipNodes:             3,
		GossipToTheDeadTime:     30 * time.Second,
		GossipVerifyIncoming:    true,
		GossipVerifyOutgoing:    true,
		EnableCompression:       true,
		DNSConfigPath:           "/etc/resolv.conf",
		HandoffQueueDepth:       defaultHandoffQueueDepth,
		UDPBufferSize:           defaultUDPBufferSize,
		QueueCheckInterval:      30 * time.Second,
	}
}

// DefaultWANConfig returns DefaultLANConfig with longer times, for members far from each other.
func DefaultWANConfig() *Config {
	c := DefaultLANConfig()
	c.TCPTimeout = 30 * time.Second
	c.SuspicionMult = 6
	c.PushPullInterval = 60 * time.Second
	c.ProbeInterval = 5 * time.Second
	c.ProbeTimeout = 3 * time.Second
	c.GossipInterval = 500 * time.Millisecond
	c.GossipNodes = 4
	c.GossipToTheDeadTime = 60 * time.Second
	return c
}

// DefaultLocalConfig returns DefaultLANConfig with shorter times, for members on one host, as in tests.
func DefaultLocalConfig() *Config {
	c := DefaultLANConfig()
	c.TCPTimeout = time.Second
	c.IndirectChecks = 1
	c.RetransmitMult = 2
	c.SuspicionMult = 3
	c.PushPullInterval = 15 * time.Second
	c.ProbeTimeout = 200 * time.Millisecond
	c.GossipInterval = 100 * time.Millisecond
	c.GossipToTheDeadTime = 15 * time.Second
	return c
}

// BuildVsnArray returns the six version bytes by which this node is announced: the lowest, the highest and
// the current version, of the protocol and then of the delegates.
func (conf *Config) BuildVsnArray() []uint8 {
	return []uint8{
		ProtocolVersionMin, ProtocolVersionMax, conf.ProtocolVersion,
		conf.DelegateProtocolMin, conf.DelegateProtocolMax, conf.DelegateProtocolVersion,
	}
}

// EncryptionEnabled says whether there is a key ring with at least one key. Before Create has made a ring of
// it, SecretKey does not count.
func (c *Config) EncryptionEnabled() bool {
	return c.Keyring != nil && len(c.Keyring.GetKeys()) > 0
}

// IPMustBeChecked says whether CIDRsAllowed restricts anything.
func (c *Config) IPMustBeChecked() bool {
	return len(c.CIDRsAllowed) > 0
}

// withDefaults returns a copy, slices included, in which the zeros that stand for a default are filled in.
func (c *Config) withDefaults() *Config {
	filled := *c
	filled.Meta, filled.CIDRsAllowed = slices.Clone(c.Meta), slices.Clone(c.CIDRsAllowed)
	if filled.TCPTimeout == 0 {
		filled.TCPTimeout = defaultTCPTimeout
	}
	if filled.HandoffQueueDepth == 0 {
		filled.HandoffQueueDepth = defaultHandoffQueueDepth
	}
	if filled.UDPBufferSize == 0 {
		filled.UDPBufferSize = defaultUDPBufferSize
	}
	return &filled
}
