package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// The four nodes of a cell. The built-in transport of the first two is their own; that of the others stands behind
// links that can be cut, so the library takes it for a foreign one.
const (
	ours1, ours2 = "ours-1", "ours-2"
	ref1, ref2   = "reference-1", "reference-2"
)

var (
	four    = []string{ref1, ours1, ref2, ours2}
	secrets = map[string][]byte{
		"aes128": []byte("0123456789abcdef"), "aes256": []byte("0123456789abcdef0123456789abcdef"),
		"rotation": []byte("0123456789abcdef01234567"),
	}
	nextKey = []byte("fedcba9876543210fedcba9876543210")
)

// trial is a cell with its cluster.
type trial struct {
	*cluster
	cell  cell
	at    int // number of the cell, which makes its addresses its own
	hosts int // addresses given out
	links map[string]*bed.Links
}

// run takes a cluster with the settings of a cell through its whole life.
func (c cell) run(t *testing.T, at int) {
	x := &trial{cluster: newCluster(t), cell: c, at: at, links: make(map[string]*bed.Links)}
	x.found()
	if c.security == "upshift" {
		x.nobodyDies("while encryption is introduced", "", x.upshift)
	}
	if c.security == "rotation" {
		x.nobodyDies("while keys are changed", "", x.rotate)
	}
	x.nobodyDies("in peace", "", func() {
		x.exchangesState()
		x.updatesMeta()
		x.pings()
		x.messages()
		x.broadcasts()
		x.vetoes()
		x.conflicts()
	})
	x.nobodyDies("while links are cut", "", func() {
		x.relays(ours2, ours1, ref1)
		x.relays(ref2, ours1, ref1)
		if c.streamPings {
			x.fallsBack(ours2)
			x.fallsBack(ref2)
		}
	})
	// A node that left and comes back at another address does so with a low incarnation, so that a late word about
	// its leaving is believed until it contradicts. So are the rules, and the reference's are no different.
	x.nobodyDies("while nodes come and go", ours2, func() {
		x.leavesAndReturns(ours2, ref1, true)
		x.leavesAndReturns(ref2, ours1, false)
	})
	x.crashesAndReturns(ours1, ref1)
	x.crashesAndReturns(ref1, ours1)
}

// found starts the four and has them join one another, kinds mixed.
func (x *trial) found() {
	for _, name := range four {
		x.define(x.kindOf(name), x.describe(name))
		x.up(name)
	}
	if x.cell.names {
		for _, name := range four {
			if n, err := x.running[name].Join(x.running[ref1].Addr()); n != 0 || err == nil {
				x.t.Errorf("%s joined an address without a name: %d, %v", name, n, err)
			}
		}
	}
	x.join(ours1, ref1)
	x.join(ref2, ours1)
	x.join(ours2, ref2)
	x.agree("the join")
}

func (x *trial) kindOf(name string) bed.Kind {
	if name == ours1 || name == ours2 {
		return bed.Ours
	}
	return bed.Reference
}

// describe is how a node of the cell is configured.
func (x *trial) describe(name string) bed.Settings {
	s := bed.Settings{
		Name: name, Bind: "127.0.0.1", Timers: bed.Quick(),
		Key: secrets[x.cell.security], VerifyIncoming: true, VerifyOutgoing: true,
		Protocol: uint8(x.cell.protocol), PacketSize: x.cell.packet,
		NoStreamPings: !x.cell.streamPings, NamesRequired: x.cell.names,
	}
	s.Compress = x.cell.compression == "on" || x.cell.compression == "mixed" && (name == ours1 || name == ref2)
	if x.cell.label {
		s.Label = "a label"
	}
	switch {
	case x.cell.ipv6:
		s.Bind = "::1"
	case x.cell.protocol == 1: // such a node believes that all have its own port
		x.hosts++
		s.Bind, s.Port = fmt.Sprintf("127.%d.%d.%d", 1+process()%250, x.at, x.hosts), 7946
	}
	if name == ours2 || name == ref2 {
		x.links[name] = new(bed.Links)
		s.Links = x.links[name]
	}
	return s
}

// pinned keeps the address of a node for its next start.
func (x *trial) pinned(name string) {
	s := x.settings[name]
	s.Port = x.running[name].Port()
	x.define(x.kinds[name], s)
}

// upshift takes a cluster from plain text to encryption: in three rounds all nodes are restarted with settings that
// still understand the round before.
func (x *trial) upshift() {
	for _, round := range []struct{ in, out bool }{{false, false}, {false, true}, {true, true}} {
		for _, name := range four {
			x.pinned(name)
			s := x.settings[name]
			s.Key, s.VerifyIncoming, s.VerifyOutgoing = nextKey, round.in, round.out
			x.define(x.kinds[name], s)
			x.leave(name)
			x.agree(name + " left to be restarted")
			x.up(name)
			x.join(name, x.alive()[(1+index(x.alive(), name))%4])
			x.agree("restart of " + name)
		}
		x.pings()
	}
}

// rotate changes the key of a running cluster: first all must know the new one, then all use it, then the
// old one goes.
func (x *trial) rotate() {
	for _, change := range []struct {
		what string
		do   func(bed.Node) error
	}{
		{"AddKey", func(n bed.Node) error { return n.AddKey(nextKey) }},
		{"UseKey", func(n bed.Node) error { return n.UseKey(nextKey) }},
		{"RemoveKey", func(n bed.Node) error { return n.RemoveKey(secrets["rotation"]) }},
	} {
		for _, name := range four {
			if err := change.do(x.running[name]); err != nil {
				x.t.Fatalf("%s at %s: %v", change.what, name, err)
			}
			x.pings()
		}
	}
	for _, name := range four {
		s := x.settings[name]
		s.Key = nextKey
		x.define(x.kinds[name], s)
	}
}

func index(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

// pad makes text as long as a test wants it.
func pad(text string, n int) string {
	return text + strings.Repeat(".", max(0, n-len(text)))
}
