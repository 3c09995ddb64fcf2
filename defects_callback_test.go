package memberlist

import (
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// calls are all public methods of a node, called in some sensible way.
var calls = map[string]func(m *Memberlist, other *Node){
	"Members":         func(m *Memberlist, _ *Node) { m.Members() },
	"NumMembers":      func(m *Memberlist, _ *Node) { m.NumMembers() },
	"LocalNode":       func(m *Memberlist, _ *Node) { m.LocalNode() },
	"GetHealthScore":  func(m *Memberlist, _ *Node) { m.GetHealthScore() },
	"ProtocolVersion": func(m *Memberlist, _ *Node) { m.ProtocolVersion() },
	"Departed":        func(m *Memberlist, _ *Node) { m.Departed() },
	"ForceRemove":     func(m *Memberlist, to *Node) { _ = m.ForceRemove(to.Name) },
	"Ping":            func(m *Memberlist, to *Node) { _, _ = m.Ping(to.Name, addressIn(to)) },
	"PingContext":     func(m *Memberlist, to *Node) { _, _ = m.PingContext(context.Background(), to.Name, addressIn(to)) },
	"SendBestEffort":  func(m *Memberlist, to *Node) { _ = m.SendBestEffort(to, []byte("x")) },
	"SendToAddress":   func(m *Memberlist, to *Node) { _ = m.SendToAddress(to.FullAddress(), []byte("x")) },
	"SendTo":          func(m *Memberlist, to *Node) { _ = m.SendTo(addressIn(to), []byte("x")) },
	"SendToUDP":       func(m *Memberlist, to *Node) { _ = m.SendToUDP(to, []byte("x")) },
	"SendToTCP":       func(m *Memberlist, to *Node) { _ = m.SendToTCP(to, []byte("x")) },
	"SendReliable":    func(m *Memberlist, to *Node) { _ = m.SendReliable(to, []byte("x")) },
	"SendReliableContext": func(m *Memberlist, to *Node) {
		_ = m.SendReliableContext(context.Background(), to, []byte("x"))
	},
	"Join":              func(m *Memberlist, to *Node) { _, _ = m.Join([]string{to.Address()}) },
	"JoinContext":       func(m *Memberlist, to *Node) { _, _ = m.JoinContext(context.Background(), []string{to.Address()}) },
	"UpdateNode":        func(m *Memberlist, _ *Node) { _ = m.UpdateNode(0) },
	"UpdateNodeContext": func(m *Memberlist, _ *Node) { _ = m.UpdateNodeContext(context.Background()) },
	"UpdateMeta":        func(m *Memberlist, _ *Node) { _ = m.UpdateMeta(context.Background(), []byte("m")) },
	"Leave":             func(m *Memberlist, _ *Node) { _ = m.Leave(0) },
	"LeaveContext":      func(m *Memberlist, _ *Node) { _ = m.LeaveContext(context.Background()) },
	"Shutdown":          func(m *Memberlist, _ *Node) { _ = m.Shutdown() },
}

func addressIn(n *Node) net.Addr { return &net.UDPAddr{IP: n.Addr, Port: int(n.Port)} }

// notAwaitedInEvents are the methods that wait for the news that they cause.
var notAwaitedInEvents = []string{
	"Join", "JoinContext", "Leave", "LeaveContext", "UpdateNode", "UpdateNodeContext", "UpdateMeta", "Shutdown",
}

// callbacks are all methods of the delegates, and the one function of a Config; events are told news.
var callbacks = []string{
	"NodeMeta", "NotifyMsg", "GetBroadcasts", "LocalState", "MergeRemoteState", "NotifyAlive", "NotifyMerge",
	"AckPayload", "DisableTcpPingsForNode",
	"NotifyJoin", "NotifyLeave", "NotifyUpdate", "NotifyConflict", "NotifyPingComplete",
}

var events = callbacks[9:]

// meddler is every delegate at once. From the callback of a name it calls do, once.
type meddler struct {
	from     string
	do       func()
	armed    atomic.Bool
	called   atomic.Bool
	returned atomic.Bool
}

func (d *meddler) in(name string) {
	if name != d.from || !d.armed.CompareAndSwap(true, false) {
		return
	}
	d.called.Store(true)
	d.do()
	d.returned.Store(true)
}

func (d *meddler) NodeMeta(int) []byte             { d.in("NodeMeta"); return []byte("meta") }
func (d *meddler) NotifyMsg([]byte)                { d.in("NotifyMsg") }
func (d *meddler) GetBroadcasts(_, _ int) [][]byte { d.in("GetBroadcasts"); return nil }
func (d *meddler) LocalState(bool) []byte          { d.in("LocalState"); return []byte("state") }
func (d *meddler) MergeRemoteState([]byte, bool)   { d.in("MergeRemoteState") }
func (d *meddler) NotifyAlive(*Node) error         { d.in("NotifyAlive"); return nil }
func (d *meddler) NotifyMerge([]*Node) error       { d.in("NotifyMerge"); return nil }
func (d *meddler) AckPayload() []byte              { d.in("AckPayload"); return nil }
func (d *meddler) NotifyJoin(*Node)                { d.in("NotifyJoin") }
func (d *meddler) NotifyLeave(*Node)               { d.in("NotifyLeave") }
func (d *meddler) NotifyUpdate(*Node)              { d.in("NotifyUpdate") }
func (d *meddler) NotifyConflict(_, _ *Node)       { d.in("NotifyConflict") }
func (d *meddler) NotifyPingComplete(*Node, time.Duration, []byte) {
	d.in("NotifyPingComplete")
}

func (d *meddler) DisableTcpPingsForNode(string) bool {
	d.in("DisableTcpPingsForNode")
	return false
}

func (d *meddler) everywhere(c *Config) {
	c.Delegate, c.Events, c.Alive, c.Merge, c.Conflict, c.Ping = d, d, d, d, d, d
	c.DisableTcpPingsForNode = d.DisableTcpPingsForNode
}

func TestDefectB18NoMethodDeadlocksInsideACallback(t *testing.T) {
	all := reflect.TypeFor[*Memberlist]()
	for i := range all.NumMethod() {
		if name := all.Method(i).Name; calls[name] == nil {
			t.Errorf("the public method %s is not in the table", name)
		}
	}
	for _, callback := range callbacks {
		t.Run(callback, func(t *testing.T) {
			for method := range calls {
				t.Run(method, func(t *testing.T) {
					bubble(t, func(t *testing.T, b *lab) { meddle(t, b, callback, method) })
				})
			}
		})
	}
}

// meddle has a callback of a node call a method of that node, and expects the call to return.
func meddle(t *testing.T, b *lab, callback, method string) {
	d := &meddler{from: callback}
	m := b.create("m", d.everywhere)
	z, gone := b.create("z", func(c *Config) { c.Delegate = &inbox{state: []byte("state")} }), b.stranger("gone")
	b.join(z, m)
	m.learn(*gone.alive(1))
	time.Sleep(time.Second)
	returned := make(chan struct{})
	call := func() {
		calls[method](m, z.LocalNode())
		close(returned)
	}
	d.do = call
	if slices.Contains(events, callback) && slices.Contains(notAwaitedInEvents, method) {
		d.do = func() { go call() }
	}
	d.armed.Store(true)
	stir(m, z, b.stranger("new"))
	b.eventually(2*time.Minute, "the callback is called", d.called.Load)
	b.eventually(2*time.Minute, "the method returns", func() bool {
		select {
		case <-returned:
			return true
		default:
			return false
		}
	})
	b.eventually(time.Minute, "the callback returns", d.returned.Load)
	_ = m.Shutdown()
}

// stir makes everything happen at m that delegates are asked about or told of, besides what
// happens by itself.
func stir(m, z *Memberlist, s *stranger) {
	go m.UpdateNode(time.Second)
	go z.Join([]string{m.LocalNode().Address()})
	go z.SendReliable(m.LocalNode(), []byte("by stream"))
	go m.Join([]string{z.LocalNode().Address()})
	m.learn(*s.alive(1))
	changed := s.alive(2)
	changed.Meta = []byte("changed")
	m.learn(*changed)
	elsewhere := s.alive(3)
	elsewhere.Port++
	m.learn(*elsewhere)
	dead := &wire.Dead{Incarnation: 4, Node: "new", From: "new"}
	for _, msg := range []message{s.alive(4), dead} {
		_, _ = s.WriteTo(msg.Append(nil), m.LocalNode().Address()) // m may have been shut down by now
	}
}

// TestAMethodThatIsNotToBeAwaitedInAnEventEndsAllTheSame shows how far the restriction goes: with a
// limit, even an awaited call returns.
func TestAMethodThatIsNotToBeAwaitedInAnEventEndsAllTheSame(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		d := &meddler{from: "NotifyJoin"}
		m, s := b.create("m", d.everywhere), b.stranger("s")
		var err error
		d.do = func() { err = m.UpdateNode(time.Second) }
		d.armed.Store(true)
		s.say(m, s.alive(1))
		b.eventually(time.Minute, "the callback returns", d.returned.Load)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if !strings.Contains(names(m), "s") {
			t.Error("the member that was told is not there")
		}
	})
}
