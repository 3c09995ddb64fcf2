// Package ours puts this library behind the vocabulary of package bed.
//
// Package reference is made from the files of this package: only the import differs. So the two libraries are used
// by the same code, to the letter.
package ours

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/seed-f61b0479/memberlist"
	"github.com/seed-f61b0479/memberlist/compare/bed"
)

//go:generate go run ../generate

const kind = bed.Ours

// node is a bed.Node.
type node struct {
	list  *memberlist.Memberlist
	ring  *memberlist.Keyring
	queue *memberlist.TransmitLimitedQueue
	name  string
}

// New starts a node on real sockets.
func New(s bed.Settings) (bed.Node, error) {
	conf := configOf(s)
	if s.Links != nil {
		transport, err := newLinked(s)
		if err != nil {
			return nil, err
		}
		conf.Transport = transport
		conf.BindPort, conf.AdvertisePort = transport.GetAutoBindPort(), transport.GetAutoBindPort()
	}
	n := &node{name: s.Name}
	return n, n.start(s, conf)
}

// start creates the library's node.
func (n *node) start(s bed.Settings, conf *memberlist.Config) error {
	n.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: 10, NumNodes: few}
	switch {
	case s.App != nil:
		app := delegates{App: s.App, queue: n.queue}
		conf.Delegate, conf.Events, conf.Conflict = app, app, app
		conf.Merge, conf.Ping, conf.Alive = app, app, app
		conf.DisableTcpPings = s.NoStreamPings && s.Links == nil // else by member, to see when one is asked about
		conf.DisableTcpPingsForNode = func(name string) bool { s.App.Fallback(name); return s.NoStreamPings }
	case s.Hook != nil:
		hooks{s.Hook, n.queue}.into(conf)
	}
	list, err := memberlist.Create(conf)
	if err != nil {
		if conf.Transport != nil {
			err = errors.Join(err, conf.Transport.Shutdown())
		}
		return err
	}
	n.list, n.ring = list, conf.Keyring
	return nil
}

// configOf is the library's configuration for some settings.
func configOf(s bed.Settings) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name, c.BindAddr, c.BindPort, c.AdvertisePort, c.LogOutput = s.Name, s.Bind, s.Port, s.Port, io.Discard
	c.SecretKey, c.Label, c.EnableCompression = s.Key, s.Label, s.Compress
	c.GossipVerifyIncoming, c.GossipVerifyOutgoing = s.VerifyIncoming, s.VerifyOutgoing
	c.ProtocolVersion, c.UDPBufferSize = s.Protocol, s.PacketSize
	c.RequireNodeNames = s.NamesRequired
	c.ProbeInterval, c.ProbeTimeout = s.ProbeInterval, s.ProbeTimeout
	c.GossipInterval, c.PushPullInterval = s.GossipInterval, s.PushPullInterval
	c.GossipToTheDeadTime, c.TCPTimeout = s.GossipToTheDead, s.Stream
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = s.SuspicionMult, s.SuspicionMaxTimeoutMult
	return c
}

// few is how many members the queue believes in. There are never more, so that each broadcast is sent ten times,
// often enough to reach a handful of nodes although chance picks the receivers.
func few() int { return 9 }

func (n *node) Kind() bed.Kind                      { return kind }
func (n *node) Name() string                        { return n.name }
func (n *node) Addr() string                        { return n.list.LocalNode().Address() }
func (n *node) Port() int                           { return int(n.list.LocalNode().Port) }
func (n *node) Join(targets ...string) (int, error) { return n.list.Join(targets) }
func (n *node) Leave(timeout time.Duration) error   { return n.list.Leave(timeout) }
func (n *node) Shutdown() error                     { return n.list.Shutdown() }
func (n *node) Update(timeout time.Duration) error  { return n.list.UpdateNode(timeout) }
func (n *node) NumMembers() int                     { return n.list.NumMembers() }
func (n *node) Health() int                         { return n.list.GetHealthScore() }
func (n *node) AddKey(key []byte) error             { return n.ring.AddKey(key) }
func (n *node) UseKey(key []byte) error             { return n.ring.UseKey(key) }
func (n *node) RemoveKey(key []byte) error          { return n.ring.RemoveKey(key) }

func (n *node) Ping(name string, addr net.Addr) (time.Duration, error) {
	return n.list.Ping(name, addr)
}

func (n *node) Listed() int { return len(n.list.Members()) }
func (n *node) Queued() int { return n.queue.NumQueued() }

func (n *node) Broadcast(msg []byte) { n.queue.QueueBroadcast(broadcast(msg)) }

func (n *node) Members() []bed.Peer {
	var peers []bed.Peer
	for _, m := range n.list.Members() {
		peers = append(peers, peerOf(m))
	}
	return peers
}

func (n *node) Send(how bed.Method, to string, msg []byte) error {
	for _, m := range n.list.Members() {
		if m.Name != to {
			continue
		}
		switch how {
		case bed.SendBestEffort:
			return n.list.SendBestEffort(m, msg)
		case bed.SendToUDP:
			//lint:ignore SA1019 programs still use it
			return n.list.SendToUDP(m, msg)
		case bed.SendTo:
			//lint:ignore SA1019 programs still use it
			return n.list.SendTo(&net.UDPAddr{IP: m.Addr, Port: int(m.Port)}, msg)
		case bed.SendToAddress:
			return n.list.SendToAddress(m.FullAddress(), msg)
		case bed.SendReliable:
			return n.list.SendReliable(m, msg)
		case bed.SendToTCP:
			//lint:ignore SA1019 programs still use it
			return n.list.SendToTCP(m, msg)
		}
	}
	return fmt.Errorf("%s cannot send to %s by %s", n.name, to, how)
}

// peerOf copies what the library says about a member.
func peerOf(m *memberlist.Node) bed.Peer {
	return bed.Peer{
		Name: m.Name, Addr: m.Address(), Meta: string(m.Meta), State: bed.State(m.State),
		Versions: [6]uint8{m.PMin, m.PMax, m.PCur, m.DMin, m.DMax, m.DCur},
	}
}

// broadcast is a message that replaces no other.
type broadcast []byte

func (b broadcast) Invalidates(memberlist.Broadcast) bool { return false }
func (b broadcast) Message() []byte                       { return b }
func (b broadcast) Finished()                             {}
