package memberlist_test

import (
	"io"
	"log"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/seed-f61b0479/memberlist"
)

// This file compiles only while every name that programs use is there with exactly its type.

// Functions.
var (
	_ func([]byte, string) ([]byte, error)                                   = memberlist.AddLabelHeaderToPacket
	_ func(net.Conn, string) error                                           = memberlist.AddLabelHeaderToStream
	_ func(net.Addr) string                                                  = memberlist.LogAddress
	_ func(net.Conn) string                                                  = memberlist.LogConn
	_ func(string) string                                                    = memberlist.LogStringAddress
	_ func([]string) ([]net.IPNet, error)                                    = memberlist.ParseCIDRs
	_ func([]byte) ([]byte, string, error)                                   = memberlist.RemoveLabelHeaderFromPacket
	_ func(net.Conn) (net.Conn, string, error)                               = memberlist.RemoveLabelHeaderFromStream
	_ func([]byte) error                                                     = memberlist.ValidateKey
	_ func() *memberlist.Config                                              = memberlist.DefaultLANConfig
	_ func() *memberlist.Config                                              = memberlist.DefaultLocalConfig
	_ func() *memberlist.Config                                              = memberlist.DefaultWANConfig
	_ func([][]byte, []byte) (*memberlist.Keyring, error)                    = memberlist.NewKeyring
	_ func(*memberlist.Config) (*memberlist.Memberlist, error)               = memberlist.Create
	_ func(*memberlist.NetTransportConfig) (*memberlist.NetTransport, error) = memberlist.NewNetTransport
)

// Methods, by value or by pointer as they are called.
var (
	_ func(*memberlist.Address) string                                                     = (*memberlist.Address).String
	_ func(*memberlist.ChannelEventDelegate, *memberlist.Node)                             = (*memberlist.ChannelEventDelegate).NotifyJoin
	_ func(*memberlist.ChannelEventDelegate, *memberlist.Node)                             = (*memberlist.ChannelEventDelegate).NotifyLeave
	_ func(*memberlist.ChannelEventDelegate, *memberlist.Node)                             = (*memberlist.ChannelEventDelegate).NotifyUpdate
	_ func(*memberlist.Config) []uint8                                                     = (*memberlist.Config).BuildVsnArray
	_ func(*memberlist.Config) bool                                                        = (*memberlist.Config).EncryptionEnabled
	_ func(*memberlist.Config, net.IP) error                                               = (*memberlist.Config).IPAllowed
	_ func(*memberlist.Config) bool                                                        = (*memberlist.Config).IPMustBeChecked
	_ func(*memberlist.Keyring, []byte) error                                              = (*memberlist.Keyring).AddKey
	_ func(*memberlist.Keyring) [][]byte                                                   = (*memberlist.Keyring).GetKeys
	_ func(*memberlist.Keyring) []byte                                                     = (*memberlist.Keyring).GetPrimaryKey
	_ func(*memberlist.Keyring, []byte) error                                              = (*memberlist.Keyring).RemoveKey
	_ func(*memberlist.Keyring, []byte) error                                              = (*memberlist.Keyring).UseKey
	_ func(*memberlist.Memberlist) int                                                     = (*memberlist.Memberlist).GetHealthScore
	_ func(*memberlist.Memberlist, []string) (int, error)                                  = (*memberlist.Memberlist).Join
	_ func(*memberlist.Memberlist, time.Duration) error                                    = (*memberlist.Memberlist).Leave
	_ func(*memberlist.Memberlist) *memberlist.Node                                        = (*memberlist.Memberlist).LocalNode
	_ func(*memberlist.Memberlist) []*memberlist.Node                                      = (*memberlist.Memberlist).Members
	_ func(*memberlist.Memberlist) int                                                     = (*memberlist.Memberlist).NumMembers
	_ func(*memberlist.Memberlist, string, net.Addr) (time.Duration, error)                = (*memberlist.Memberlist).Ping
	_ func(*memberlist.Memberlist) uint8                                                   = (*memberlist.Memberlist).ProtocolVersion
	_ func(*memberlist.Memberlist, *memberlist.Node, []byte) error                         = (*memberlist.Memberlist).SendBestEffort
	_ func(*memberlist.Memberlist, *memberlist.Node, []byte) error                         = (*memberlist.Memberlist).SendReliable
	_ func(*memberlist.Memberlist, net.Addr, []byte) error                                 = (*memberlist.Memberlist).SendTo
	_ func(*memberlist.Memberlist, memberlist.Address, []byte) error                       = (*memberlist.Memberlist).SendToAddress
	_ func(*memberlist.Memberlist, *memberlist.Node, []byte) error                         = (*memberlist.Memberlist).SendToTCP
	_ func(*memberlist.Memberlist, *memberlist.Node, []byte) error                         = (*memberlist.Memberlist).SendToUDP
	_ func(*memberlist.Memberlist) error                                                   = (*memberlist.Memberlist).Shutdown
	_ func(*memberlist.Memberlist, time.Duration) error                                    = (*memberlist.Memberlist).UpdateNode
	_ func(*memberlist.MockAddress) string                                                 = (*memberlist.MockAddress).Network
	_ func(*memberlist.MockAddress) string                                                 = (*memberlist.MockAddress).String
	_ func(*memberlist.MockNetwork, string) *memberlist.MockTransport                      = (*memberlist.MockNetwork).NewTransport
	_ func(*memberlist.MockTransport, memberlist.Address, time.Duration) (net.Conn, error) = (*memberlist.MockTransport).DialAddressTimeout
	_ func(*memberlist.MockTransport, string, time.Duration) (net.Conn, error)             = (*memberlist.MockTransport).DialTimeout
	_ func(*memberlist.MockTransport, string, int) (net.IP, int, error)                    = (*memberlist.MockTransport).FinalAdvertiseAddr
	_ func(*memberlist.MockTransport, net.Conn, net.Addr, time.Time, bool) error           = (*memberlist.MockTransport).IngestPacket
	_ func(*memberlist.MockTransport, net.Conn) error                                      = (*memberlist.MockTransport).IngestStream
	_ func(*memberlist.MockTransport) <-chan *memberlist.Packet                            = (*memberlist.MockTransport).PacketCh
	_ func(*memberlist.MockTransport) error                                                = (*memberlist.MockTransport).Shutdown
	_ func(*memberlist.MockTransport) <-chan net.Conn                                      = (*memberlist.MockTransport).StreamCh
	_ func(*memberlist.MockTransport, []byte, string) (time.Time, error)                   = (*memberlist.MockTransport).WriteTo
	_ func(*memberlist.MockTransport, []byte, memberlist.Address) (time.Time, error)       = (*memberlist.MockTransport).WriteToAddress
	_ func(*memberlist.NetTransport, memberlist.Address, time.Duration) (net.Conn, error)  = (*memberlist.NetTransport).DialAddressTimeout
	_ func(*memberlist.NetTransport, string, time.Duration) (net.Conn, error)              = (*memberlist.NetTransport).DialTimeout
	_ func(*memberlist.NetTransport, string, int) (net.IP, int, error)                     = (*memberlist.NetTransport).FinalAdvertiseAddr
	_ func(*memberlist.NetTransport) int                                                   = (*memberlist.NetTransport).GetAutoBindPort
	_ func(*memberlist.NetTransport, net.Conn, net.Addr, time.Time, bool) error            = (*memberlist.NetTransport).IngestPacket
	_ func(*memberlist.NetTransport, net.Conn) error                                       = (*memberlist.NetTransport).IngestStream
	_ func(*memberlist.NetTransport) <-chan *memberlist.Packet                             = (*memberlist.NetTransport).PacketCh
	_ func(*memberlist.NetTransport) error                                                 = (*memberlist.NetTransport).Shutdown
	_ func(*memberlist.NetTransport) <-chan net.Conn                                       = (*memberlist.NetTransport).StreamCh
	_ func(*memberlist.NetTransport, []byte, string) (time.Time, error)                    = (*memberlist.NetTransport).WriteTo
	_ func(*memberlist.NetTransport, []byte, memberlist.Address) (time.Time, error)        = (*memberlist.NetTransport).WriteToAddress
	_ func(memberlist.NoPingResponseError) string                                          = memberlist.NoPingResponseError.Error
	_ func(*memberlist.Node) string                                                        = (*memberlist.Node).Address
	_ func(*memberlist.Node) memberlist.Address                                            = (*memberlist.Node).FullAddress
	_ func(*memberlist.Node) string                                                        = (*memberlist.Node).String
	_ func(*memberlist.TransmitLimitedQueue, int, int) [][]byte                            = (*memberlist.TransmitLimitedQueue).GetBroadcasts
	_ func(*memberlist.TransmitLimitedQueue) int                                           = (*memberlist.TransmitLimitedQueue).NumQueued
	_ func(*memberlist.TransmitLimitedQueue, int)                                          = (*memberlist.TransmitLimitedQueue).Prune
	_ func(*memberlist.TransmitLimitedQueue, memberlist.Broadcast)                         = (*memberlist.TransmitLimitedQueue).QueueBroadcast
	_ func(*memberlist.TransmitLimitedQueue)                                               = (*memberlist.TransmitLimitedQueue).Reset
)

// Fields: the address of a field has exactly one type.
var (
	aAddress memberlist.Address
	_        *string = &aAddress.Addr
	_        *string = &aAddress.Name

	aChannelEventDelegate memberlist.ChannelEventDelegate
	_                     *(chan<- memberlist.NodeEvent) = &aChannelEventDelegate.Ch

	aConfig memberlist.Config
	_       *string                      = &aConfig.Name
	_       *memberlist.Transport        = &aConfig.Transport
	_       *string                      = &aConfig.Label
	_       *bool                        = &aConfig.SkipInboundLabelCheck
	_       *string                      = &aConfig.BindAddr
	_       *int                         = &aConfig.BindPort
	_       *string                      = &aConfig.AdvertiseAddr
	_       *int                         = &aConfig.AdvertisePort
	_       *uint8                       = &aConfig.ProtocolVersion
	_       *time.Duration               = &aConfig.TCPTimeout
	_       *int                         = &aConfig.IndirectChecks
	_       *int                         = &aConfig.RetransmitMult
	_       *int                         = &aConfig.SuspicionMult
	_       *int                         = &aConfig.SuspicionMaxTimeoutMult
	_       *time.Duration               = &aConfig.PushPullInterval
	_       *time.Duration               = &aConfig.ProbeInterval
	_       *time.Duration               = &aConfig.ProbeTimeout
	_       *bool                        = &aConfig.DisableTcpPings
	_       *(func(string) bool)         = &aConfig.DisableTcpPingsForNode
	_       *int                         = &aConfig.AwarenessMaxMultiplier
	_       *time.Duration               = &aConfig.GossipInterval
	_       *int                         = &aConfig.GossipNodes
	_       *time.Duration               = &aConfig.GossipToTheDeadTime
	_       *bool                        = &aConfig.GossipVerifyIncoming
	_       *bool                        = &aConfig.GossipVerifyOutgoing
	_       *bool                        = &aConfig.EnableCompression
	_       *[]byte                      = &aConfig.SecretKey
	_       **memberlist.Keyring         = &aConfig.Keyring
	_       *memberlist.Delegate         = &aConfig.Delegate
	_       *uint8                       = &aConfig.DelegateProtocolVersion
	_       *uint8                       = &aConfig.DelegateProtocolMin
	_       *uint8                       = &aConfig.DelegateProtocolMax
	_       *memberlist.EventDelegate    = &aConfig.Events
	_       *memberlist.ConflictDelegate = &aConfig.Conflict
	_       *memberlist.MergeDelegate    = &aConfig.Merge
	_       *memberlist.PingDelegate     = &aConfig.Ping
	_       *memberlist.AliveDelegate    = &aConfig.Alive
	_       *string                      = &aConfig.DNSConfigPath
	_       *io.Writer                   = &aConfig.LogOutput
	_       **log.Logger                 = &aConfig.Logger
	_       *int                         = &aConfig.HandoffQueueDepth
	_       *int                         = &aConfig.UDPBufferSize
	_       *time.Duration               = &aConfig.DeadNodeReclaimTime
	_       *bool                        = &aConfig.RequireNodeNames
	_       *[]net.IPNet                 = &aConfig.CIDRsAllowed
	_       *[]metrics.Label             = &aConfig.MetricLabels
	_       *time.Duration               = &aConfig.QueueCheckInterval
	_       *bool                        = &aConfig.MsgpackUseNewTimeFormat

	aNetTransportConfig memberlist.NetTransportConfig
	_                   *[]string        = &aNetTransportConfig.BindAddrs
	_                   *int             = &aNetTransportConfig.BindPort
	_                   **log.Logger     = &aNetTransportConfig.Logger
	_                   *[]metrics.Label = &aNetTransportConfig.MetricLabels

	aNode memberlist.Node
	_     *string                   = &aNode.Name
	_     *net.IP                   = &aNode.Addr
	_     *uint16                   = &aNode.Port
	_     *[]byte                   = &aNode.Meta
	_     *memberlist.NodeStateType = &aNode.State
	_     *uint8                    = &aNode.PMin
	_     *uint8                    = &aNode.PMax
	_     *uint8                    = &aNode.PCur
	_     *uint8                    = &aNode.DMin
	_     *uint8                    = &aNode.DMax
	_     *uint8                    = &aNode.DCur

	aNodeEvent memberlist.NodeEvent
	_          *memberlist.NodeEventType = &aNodeEvent.Event
	_          **memberlist.Node         = &aNodeEvent.Node

	aPacket memberlist.Packet
	_       *[]byte    = &aPacket.Buf
	_       *net.Addr  = &aPacket.From
	_       *time.Time = &aPacket.Timestamp

	aTransmitLimitedQueue memberlist.TransmitLimitedQueue
	_                     *(func() int) = &aTransmitLimitedQueue.NumNodes
	_                     *int          = &aTransmitLimitedQueue.RetransmitMult
)

// Interfaces: such a conversion compiles only if both have the same methods, so that what implements the one
// implements the other.
var (
	_ = (*interface {
		NotifyAlive(*memberlist.Node) error
	})((*memberlist.AliveDelegate)(nil))
	_ = (*interface {
		Invalidates(memberlist.Broadcast) bool
		Message() []byte
		Finished()
	})((*memberlist.Broadcast)(nil))
	_ = (*interface {
		NotifyConflict(*memberlist.Node, *memberlist.Node)
	})((*memberlist.ConflictDelegate)(nil))
	_ = (*interface {
		NodeMeta(int) []byte
		NotifyMsg([]byte)
		GetBroadcasts(int, int) [][]byte
		LocalState(bool) []byte
		MergeRemoteState([]byte, bool)
	})((*memberlist.Delegate)(nil))
	_ = (*interface {
		NotifyJoin(*memberlist.Node)
		NotifyLeave(*memberlist.Node)
		NotifyUpdate(*memberlist.Node)
	})((*memberlist.EventDelegate)(nil))
	_ = (*interface {
		IngestPacket(net.Conn, net.Addr, time.Time, bool) error
		IngestStream(net.Conn) error
	})((*memberlist.IngestionAwareTransport)(nil))
	_ = (*interface {
		NotifyMerge([]*memberlist.Node) error
	})((*memberlist.MergeDelegate)(nil))
	_ = (*interface {
		memberlist.Broadcast
		Name() string
	})((*memberlist.NamedBroadcast)(nil))
	_ = (*interface {
		memberlist.Transport
		WriteToAddress([]byte, memberlist.Address) (time.Time, error)
		DialAddressTimeout(memberlist.Address, time.Duration) (net.Conn, error)
	})((*memberlist.NodeAwareTransport)(nil))
	_ = (*interface {
		AckPayload() []byte
		NotifyPingComplete(*memberlist.Node, time.Duration, []byte)
	})((*memberlist.PingDelegate)(nil))
	_ = (*interface {
		FinalAdvertiseAddr(string, int) (net.IP, int, error)
		WriteTo([]byte, string) (time.Time, error)
		PacketCh() <-chan *memberlist.Packet
		DialTimeout(string, time.Duration) (net.Conn, error)
		StreamCh() <-chan net.Conn
		Shutdown() error
	})((*memberlist.Transport)(nil))
	_ = (*interface {
		memberlist.Broadcast
		UniqueBroadcast()
	})((*memberlist.UniqueBroadcast)(nil))
)

func TestConstantsKeepTheirValues(t *testing.T) {
	for name, c := range map[string]struct{ got, want int }{
		"ProtocolVersionMin":         {int(memberlist.ProtocolVersionMin), 1},
		"ProtocolVersion2Compatible": {memberlist.ProtocolVersion2Compatible, 2},
		"ProtocolVersionMax":         {memberlist.ProtocolVersionMax, 5},
		"LabelMaxSize":               {memberlist.LabelMaxSize, 255},
		"MetaMaxSize":                {memberlist.MetaMaxSize, 512},
		"NodeJoin":                   {int(memberlist.NodeJoin), 0},
		"NodeLeave":                  {int(memberlist.NodeLeave), 1},
		"NodeUpdate":                 {int(memberlist.NodeUpdate), 2},
		"StateAlive":                 {int(memberlist.StateAlive), 0},
		"StateSuspect":               {int(memberlist.StateSuspect), 1},
		"StateDead":                  {int(memberlist.StateDead), 2},
		"StateLeft":                  {int(memberlist.StateLeft), 3},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, want %d", name, c.got, c.want)
		}
	}
}
