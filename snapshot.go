package memberlist

import (
	"bytes"
	"errors"
	"net"
	"strings"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// The core's words become the application's here, one way, and nowhere else.

// newNode renders an identity. The metadata is shared: nobody changes it.
func newNode(id *swim.Identity, state NodeStateType) *Node {
	v := id.Versions
	return &Node{
		Name: id.Name, Addr: net.IP(id.Addr.Addr().AsSlice()), Port: id.Addr.Port(), Meta: id.Meta, State: state,
		PMin: v.PMin, PMax: v.PMax, PCur: v.PCur, DMin: v.DMin, DMax: v.DMax, DCur: v.DCur,
	}
}

// publicNode is what the application sees of a living member: the same node each time, until
// something about the member changes. A suspect is shown as alive unless suspects are reported.
// It is called under the lock of the cluster.
func publicNode(row swim.Member, suspects bool) *Node {
	if suspects && row.State == swim.Suspect {
		return newNode(row.Identity, StateSuspect)
	}
	if n, ok := row.Face.(*Node); ok {
		return n
	}
	n := newNode(row.Identity, StateAlive)
	row.Face = n
	return n
}

// departedNode is what the application sees of a member that has gone.
func departedNode(row swim.Member) *Node {
	return newNode(row.Identity, NodeStateType(row.State))
}

// claimedNode renders what a message says of a node, for a delegate that judges it and may keep it.
func claimedNode(a *wire.Alive, conf *Config) *Node {
	v, _ := wire.ParseVersions(a.Vsn)
	port := a.Port
	if port == 0 || conf.ProtocolVersion == 1 {
		port = uint16(conf.BindPort)
	}
	return &Node{
		Name: strings.Clone(a.Node), Addr: bytes.Clone(a.Addr), Port: port, Meta: bytes.Clone(a.Meta), State: StateAlive,
		PMin: v.PMin, PMax: v.PMax, PCur: v.PCur, DMin: v.DMin, DMax: v.DMax, DCur: v.DCur,
	}
}

// rowNode renders a row of another node's state for the Merge delegate.
func rowNode(r *wire.Row, conf *Config) *Node {
	n := claimedNode(&wire.Alive{Node: r.Name, Addr: r.Addr, Port: r.Port, Meta: r.Meta, Vsn: r.Vsn}, conf)
	n.State = NodeStateType(r.State)
	return n
}

// publicVersionError gives a version error of the core its public type.
func publicVersionError(err error) error {
	var v *swim.VersionError
	if !errors.As(err, &v) {
		return err
	}
	return &VersionError{Name: v.Name, Delegate: v.Delegate, Version: v.Current, Min: v.Min, Max: v.Max, Err: v.Err}
}
