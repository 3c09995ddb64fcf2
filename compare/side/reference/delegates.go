// Code generated from ../ours/delegates.go; DO NOT EDIT.

package reference

import (
	"io"
	"log"
	"net"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// delegates puts an application behind all of the library's delegates.
type delegates struct {
	*bed.App
	queue *memberlist.TransmitLimitedQueue
}

var (
	_ memberlist.Delegate         = delegates{}
	_ memberlist.EventDelegate    = delegates{}
	_ memberlist.ConflictDelegate = delegates{}
	_ memberlist.MergeDelegate    = delegates{}
	_ memberlist.PingDelegate     = delegates{}
	_ memberlist.AliveDelegate    = delegates{}
)

func (d delegates) GetBroadcasts(overhead, limit int) [][]byte {
	return d.queue.GetBroadcasts(overhead, limit)
}

func (d delegates) NotifyJoin(n *memberlist.Node)        { d.Joined(peerOf(n)) }
func (d delegates) NotifyLeave(n *memberlist.Node)       { d.Departed(peerOf(n)) }
func (d delegates) NotifyUpdate(n *memberlist.Node)      { d.Updated(peerOf(n)) }
func (d delegates) NotifyAlive(n *memberlist.Node) error { return d.Admit(peerOf(n)) }

func (d delegates) NotifyConflict(existing, other *memberlist.Node) {
	d.Conflict(peerOf(existing), peerOf(other))
}

func (d delegates) NotifyMerge(nodes []*memberlist.Node) error {
	var peers []bed.Peer
	for _, n := range nodes {
		peers = append(peers, peerOf(n))
	}
	return d.Merge(peers)
}

func (d delegates) NotifyPingComplete(n *memberlist.Node, _ time.Duration, payload []byte) {
	d.Pinged(peerOf(n), payload)
}

// linked is the library's own transport behind links that can be cut.
type linked struct {
	*memberlist.NetTransport
	links *bed.Links
}

var _ memberlist.NodeAwareTransport = linked{}

func newLinked(s bed.Settings) (linked, error) {
	t, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{s.Bind}, BindPort: s.Port, Logger: silent,
	})
	return linked{t, s.Links}, err
}

func (t linked) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.links.Write(addr, func() (time.Time, error) { return t.NetTransport.WriteTo(b, addr) })
}

func (t linked) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.links.Write(a.Addr, func() (time.Time, error) { return t.NetTransport.WriteToAddress(b, a) })
}

func (t linked) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.links.Dial(addr, func() (net.Conn, error) { return t.NetTransport.DialTimeout(addr, timeout) })
}

func (t linked) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.links.Dial(a.Addr, func() (net.Conn, error) { return t.NetTransport.DialAddressTimeout(a, timeout) })
}

// silent is for loggers that a test has no use for.
var silent = log.New(io.Discard, "", 0)
