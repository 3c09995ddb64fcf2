package swim

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestAbsurdClaimsAreNeitherStoredNorToldOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.Alive)
		err    error
	}{
		{"no versions at all", func(a *wire.Alive) { a.Vsn = nil }, errVersionsShort},
		{"five version bytes", func(a *wire.Alive) { a.Vsn = a.Vsn[:5] }, errVersionsShort},
		{"versions of zero", func(a *wire.Alive) { a.Vsn = make([]byte, 6) }, errVersionsZero},
		{"a minimum of zero", func(a *wire.Alive) { a.Vsn = []byte{0, 5, 2, 0, 0, 0} }, errVersionsZero},
		{"a maximum of zero", func(a *wire.Alive) { a.Vsn = []byte{1, 0, 2, 0, 0, 0} }, errVersionsZero},
		{"the minimum above the maximum", func(a *wire.Alive) { a.Vsn = []byte{5, 4, 4, 0, 0, 0} }, errVersionsOrder},
		{"the current version outside", func(a *wire.Alive) { a.Vsn = []byte{1, 4, 9, 0, 0, 0} }, errVersionsCurrent},
		{"a minimum from the future", func(a *wire.Alive) { a.Vsn = []byte{200, 201, 200, 0, 0, 0} }, errVersionsTooNew},
		{"delegate versions in disorder", func(a *wire.Alive) { a.Vsn = []byte{1, 5, 2, 9, 1, 5} }, errDelegateOrder},
		{"the delegate version outside", func(a *wire.Alive) { a.Vsn = []byte{1, 5, 2, 1, 2, 3} }, errDelegateVersions},
		{"no address", func(a *wire.Alive) { a.Addr = nil }, errAddress},
		{"an address of five bytes", func(a *wire.Alive) { a.Addr = make([]byte, 5) }, errAddress},
		{"a name that no packet carries", func(a *wire.Alive) { a.Node = strings.Repeat("n", 65536) }, errTooLong},
		{"meta that no packet carries", func(a *wire.Alive) { a.Meta = make([]byte, 65536) }, errTooLong},
		{"nothing but zeros", func(a *wire.Alive) { *a = wire.Alive{} }, errAddress},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			a := aliveOf("b", 2, 1)
			c.change(a)
			b.Alive(b.now, a)
			out := b.take()
			if n := newsOf(out, Ignored); len(n) != 1 || !errors.Is(n[0].Err, c.err) || n[0].Reason != ReasonAbsurd {
				t.Errorf("news %+v, want it ignored because of %v", out.News, c.err)
			}
			if b.Len() != 1 || len(out.Broadcasts) != 0 {
				t.Errorf("%d members, %d rumours", b.Len(), len(out.Broadcasts))
			}
			row := wire.Row{Name: a.Node, Addr: a.Addr, Port: a.Port, Meta: a.Meta, Incarnation: 1, Vsn: a.Vsn}
			good := b.rowOf("c", 3, 1)
			b.Merge(b.now, []wire.Row{row, good})
			if b.Len() != 2 || b.state("c") != "alive" {
				t.Error("the absurd row is stored, or has spoiled the good one")
			}
		})
	}
}

// rowOf is a row that says that the node of that name and number is alive.
func (b *bench) rowOf(name string, n int, inc uint32) wire.Row {
	a := aliveOf(name, n, inc)
	return wire.Row{Name: a.Node, Addr: a.Addr, Port: a.Port, Meta: a.Meta, Incarnation: inc, Vsn: a.Vsn}
}

func TestOddButHarmlessClaimsAreAccepted(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.Alive)
	}{
		{"an empty name", func(a *wire.Alive) { a.Node = "" }},
		{"600 bytes of meta", func(a *wire.Alive) { a.Meta = make([]byte, 600) }},
		{"a name of 1500 bytes", func(a *wire.Alive) { a.Node = strings.Repeat("n", 1500) }},
		{"seven version bytes", func(a *wire.Alive) { a.Vsn = append(a.Vsn, 77) }},
		{"the oldest versions", func(a *wire.Alive) { a.Vsn = []byte{1, 1, 1, 0, 0, 0} }},
		{"versions newer than ours that we overlap with", func(a *wire.Alive) { a.Vsn = []byte{1, 9, 9, 0, 0, 0} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			a := aliveOf("b", 2, 1)
			c.change(a)
			b.Alive(b.now, a)
			if out := b.take(); len(newsOf(out, Joined)) != 1 || len(out.Broadcasts) != 1 {
				t.Errorf("output %+v", out)
			}
		})
	}
}

func TestAnAbsurdClaimAboutUsIsRefuted(t *testing.T) {
	for _, c := range []struct {
		name    string
		vsn     []byte
		inc     uint32
		refuted bool
	}{
		{"no versions", nil, 1, true},
		{"the current version outside", []byte{1, 5, 9, 0, 0, 0}, 1, true},
		{"other versions", []byte{1, 4, 2, 0, 0, 0}, 1, true},
		{"the same versions with a higher incarnation", current.Append(nil), 2, true},
		{"an older incarnation", nil, 0, false},
		{"versions that every node refuses", make([]byte, 6), 1, false},
		{"what we said ourselves", current.Append(nil), 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			a := aliveOf("a", 1, c.inc)
			a.Vsn = c.vsn
			b.Alive(b.now, a)
			if got := len(newsOf(b.take(), Refuted)) == 1; got != c.refuted {
				t.Errorf("refuted: %v, want %v", got, c.refuted)
			}
		})
	}
}

func TestTheTwoFormsOfAnAddressAreOneAddress(t *testing.T) {
	b := newBench(t)
	b.know("b")
	long := aliveOf("b", 2, 2)
	ip := netip.AddrFrom4([4]byte(long.Addr)).As16()
	long.Addr = ip[:]
	b.Alive(b.now, long)
	out := b.take()
	if n := newsOf(out, Conflict); len(n) != 0 {
		t.Fatal("a conflict between two forms of one address")
	}
	var told wire.Alive
	if err := told.Decode(out.Broadcasts[0].Body[1:]); err != nil || len(told.Addr) != 16 {
		t.Errorf("told on with %d bytes, want the form in which it came; %v", len(told.Addr), err)
	}
	for _, r := range b.Rows(nil) {
		if want := map[string]int{"a": 4, "b": 16}[r.Name]; len(r.Addr) != want {
			t.Errorf("the row of %s has %d bytes of address, want %d", r.Name, len(r.Addr), want)
		}
	}
}

func TestPortZeroMeansOurs(t *testing.T) {
	for _, c := range []struct {
		name  string
		fixed bool
		port  uint16
		want  uint16
	}{
		{"no port", false, 0, 7946},
		{"a port", false, 99, 99},
		{"a port, for a node of the first protocol version", true, 99, 7946},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(p *Params) { p.PortFixed = c.fixed })
			a := aliveOf("b", 2, 1)
			a.Port = c.port
			b.Alive(b.now, a)
			if x, _ := b.Lookup("b"); x.Addr.Port() != c.want {
				t.Errorf("port %d, want %d", x.Addr.Port(), c.want)
			}
		})
	}
}

func TestAnotherAddressForAKnownName(t *testing.T) {
	const reclaim = 10 * time.Second
	for _, c := range []struct {
		name     string
		claim    *wire.Dead // about b, before the newcomer
		after    time.Duration
		suspect  bool
		reclaim  time.Duration
		inc      uint32
		conflict bool
	}{
		{name: "is refused while the holder is alive", inc: 9, conflict: true},
		{name: "is refused while the holder is suspect", suspect: true, inc: 9, conflict: true},
		{name: "is refused while the holder is dead, if names are never reclaimed", claim: &wire.Dead{Incarnation: 5, Node: "b", From: "x"}, after: 29 * time.Second, inc: 9, conflict: true},
		{name: "is refused while the holder is freshly dead", claim: &wire.Dead{Incarnation: 5, Node: "b", From: "x"}, after: reclaim, reclaim: reclaim, inc: 9, conflict: true},
		{name: "is accepted once the holder is dead for long", claim: &wire.Dead{Incarnation: 5, Node: "b", From: "x"}, after: reclaim + 1, reclaim: reclaim, inc: 9},
		{name: "is then accepted with a lower incarnation too", claim: &wire.Dead{Incarnation: 5, Node: "b", From: "x"}, after: reclaim + 1, reclaim: reclaim, inc: 1},
		{name: "is accepted when the holder has left", claim: &wire.Dead{Incarnation: 5, Node: "b", From: "b"}, inc: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(p *Params) { p.DeadNodeReclaimTime = c.reclaim })
			b.Alive(b.now, aliveOf("b", 2, 5))
			if c.claim != nil {
				b.Dead(b.now, c.claim)
			}
			if c.suspect {
				b.Suspect(b.now, &wire.Suspect{Incarnation: 5, Node: "b", From: "x"})
			}
			was := b.state("b")
			b.take()
			b.pass(c.after)
			b.Alive(b.now, aliveOf("b", 3, c.inc))
			out := b.take()
			got, _ := b.Lookup("b")
			if c.conflict {
				n := newsOf(out, Conflict)
				if len(n) != 1 || n[0].Other.Addr != addrOf(3) || n[0].Member.Addr != addrOf(2) || len(out.Broadcasts) != 0 {
					t.Errorf("output %+v, want a conflict", out)
				}
				if got.Addr != addrOf(2) || got.State.String() != was {
					t.Errorf("b is %v at %v", got.State, got.Addr)
				}
				return
			}
			if len(newsOf(out, Joined)) != 1 || got.Addr != addrOf(3) || got.State != Alive || got.Incarnation != c.inc {
				t.Errorf("b is %v@%d at %v, news %+v", got.State, got.Incarnation, got.Addr, out.News)
			}
		})
	}
}

func TestAnotherAddressForOurNameIsAConflict(t *testing.T) {
	b := newBench(t)
	b.Alive(b.now, aliveOf("a", 9, 7))
	if out := b.take(); len(newsOf(out, Conflict)) != 1 || len(out.Broadcasts) != 0 {
		t.Errorf("output %+v", out)
	}
}
