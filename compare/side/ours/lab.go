package ours

import (
	"errors"
	"net"
	"time"

	"github.com/seed-f61b0479/memberlist"
	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// hooks are the few delegates that a measurement needs.
type hooks struct {
	*bed.Hook
	queue *memberlist.TransmitLimitedQueue
}

// into sets those that are wanted.
func (h hooks) into(conf *memberlist.Config) {
	if h.Joined != nil || h.Departed != nil {
		conf.Events = h
	}
	if h.Merged != nil || h.Message != nil {
		conf.Delegate = h
	}
	if h.Asked != nil {
		conf.Alive = h
	}
}

func (h hooks) NodeMeta(int) []byte                { return nil }
func (h hooks) LocalState(bool) []byte             { return nil }
func (h hooks) NotifyUpdate(*memberlist.Node)      {}
func (h hooks) NotifyJoin(*memberlist.Node)        { call(h.Joined) }
func (h hooks) MergeRemoteState([]byte, bool)      { call(h.Merged) }
func (h hooks) NotifyAlive(*memberlist.Node) error { call(h.Asked); return nil }
func (h hooks) GetBroadcasts(overhead, limit int) [][]byte {
	return h.queue.GetBroadcasts(overhead, limit)
}

func (h hooks) NotifyLeave(n *memberlist.Node) {
	if h.Departed != nil {
		h.Departed(n.Name)
	}
}

func (h hooks) NotifyMsg(msg []byte) {
	if h.Message != nil {
		h.Message(msg)
	}
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// tube is a transport without a network. It allocates nothing.
type tube struct {
	sink    *bed.Sink
	packets chan *memberlist.Packet
	streams chan net.Conn
}

// NewLab starts a node on a transport that belongs to a test. sink counts the packets that it sends.
func NewLab(s bed.Settings, sink *bed.Sink) (bed.Lab, error) {
	conf := configOf(s)
	t := &tube{sink: sink, packets: make(chan *memberlist.Packet, 64), streams: make(chan net.Conn, 1)}
	conf.Transport = t
	n := &lab{node{name: s.Name}, t}
	return n, n.start(s, conf)
}

func (t *tube) PacketCh() <-chan *memberlist.Packet { return t.packets }
func (t *tube) StreamCh() <-chan net.Conn           { return t.streams }
func (t *tube) Shutdown() error                     { return nil }

func (t *tube) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IPv4(127, 0, 0, 1).To4(), 7946, nil
}

func (t *tube) WriteTo([]byte, string) (time.Time, error) {
	t.sink.Count()
	return time.Time{}, nil
}

func (t *tube) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

func (t *tube) DialTimeout(string, time.Duration) (net.Conn, error) {
	return nil, errors.New("nobody there")
}

func (t *tube) DialAddressTimeout(a memberlist.Address, limit time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, limit)
}

// lab is a bed.Lab.
type lab struct {
	node
	tube *tube
}

// peer is whom packets come from.
var peer = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9).To4(), Port: 7946}

func (n *lab) Packet(buf []byte) any {
	return &memberlist.Packet{Buf: buf, From: peer, Timestamp: time.Now()}
}

func (n *lab) Feed(packet any)       { n.tube.packets <- packet.(*memberlist.Packet) }
func (n *lab) Connect(conn net.Conn) { n.tube.streams <- conn }

// queue is a bed.Queue.
type queue struct {
	memberlist.TransmitLimitedQueue
}

// NewQueue makes a queue that forgets a message as soon as it was taken.
func NewQueue() bed.Queue {
	return &queue{memberlist.TransmitLimitedQueue{RetransmitMult: 1, NumNodes: few}}
}

func (q *queue) Add(name string, msg []byte)  { q.QueueBroadcast(&named{name, msg}) }
func (q *queue) Take(overhead, limit int) int { return len(q.GetBroadcasts(overhead, limit)) }
func (q *queue) Len() int                     { return q.NumQueued() }

// named is a message that replaces the one before of its name.
type named struct {
	name string
	msg  []byte
}

func (b *named) Name() string                          { return b.name }
func (b *named) Invalidates(memberlist.Broadcast) bool { return false }
func (b *named) Message() []byte                       { return b.msg }
func (b *named) Finished()                             {}
