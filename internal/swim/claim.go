package swim

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// window is how far ahead of what is known an incarnation may be. A node raises its own by
// one for each update and each refutation; nobody gets a million ahead of all others by that.
const window = 1 << 20

// maxField is the longest name and the most meta that a claim may have: what one part of a
// packet can carry. More could never be told on.
const maxField = 65535

var (
	errAddress = errors.New("an address that is neither 4 nor 16 bytes long")
	errTooLong = errors.New("a name or meta that no packet can carry")
)

// Absurd says why a claim makes no sense whatever is known about its member, or nil. Such a
// claim must not be stored or told on. A claim about ourselves is better given to
// Machine.Alive even so, to be refuted: it would stand on other nodes otherwise.
func Absurd(a *wire.Alive) error {
	switch {
	case len(a.Addr) != 4 && len(a.Addr) != 16:
		return errAddress
	case len(a.Node) > maxField || len(a.Meta) > maxField:
		return errTooLong
	}
	return absurdVersions(a.Vsn)
}

// claim is an alive message, or an alive row, as this node understands it. What it points to
// belongs to the packet.
type claim struct {
	name        string
	addr        netip.AddrPort
	meta        []byte
	versions    wire.Versions
	whole       bool // the versions were complete
	incarnation uint32
}

// read makes a claim of a message; the address of an absurd one is invalid.
func (p *Params) read(a *wire.Alive) claim {
	c := claim{name: a.Node, addr: p.address(a.Addr, a.Port), meta: a.Meta, incarnation: a.Incarnation}
	c.versions, c.whole = wire.ParseVersions(a.Vsn)
	return c
}

// address is what an address in a message means. Nodes of the first protocol version had one
// port for all, so no port, and every port for a node that speaks that version, means ours.
func (p *Params) address(ip []byte, port uint16) netip.AddrPort {
	if port == 0 || p.PortFixed {
		port = p.BindPort
	}
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr, port)
}

// identity returns what the claim says, in memory of its own.
func (c *claim) identity() *Identity {
	return &Identity{Name: cloned(c.name), Addr: c.addr, Meta: bytes.Clone(c.meta), Versions: c.versions}
}

// says reports whether the claim has nothing new to say about who the member is.
func (c *claim) says(id *Identity) bool {
	return c.whole && c.versions == id.Versions && bytes.Equal(c.meta, id.Meta)
}

// sameAddress compares addresses whose IPv4 part may have either form.
func sameAddress(a, b netip.AddrPort) bool {
	return a == b || a.Port() == b.Port() && a.Addr().Unmap() == b.Addr().Unmap()
}

// tooFar says whether a claim's incarnation is so far ahead that it cannot be honest.
func tooFar(claimed, known uint32) bool {
	return claimed > known && claimed-known > window
}

// next returns the incarnation after the given one; at the end of the range it stays.
func next(incarnation uint32) uint32 {
	return max(incarnation, incarnation+1)
}

// cloned returns a string that does not keep a packet alive.
func cloned(s string) string { return strings.Clone(s) }

// maxShown is how much of a foreign name, which may be of any length, news repeats.
const maxShown = 128

// shown is a copy of what a stranger said, cut to what a reader can bear.
func shown(s string) string {
	if len(s) > maxShown {
		return fmt.Sprintf("%s... (%d bytes)", s[:maxShown], len(s))
	}
	return cloned(s)
}

// ipBytes returns the bytes of an address in its own form, in memory of the caller's.
func ipBytes(ip netip.Addr, scratch *[16]byte) []byte {
	switch {
	case ip.Is4():
		b := ip.As4()
		return append(scratch[:0], b[:]...)
	case ip.Is6():
		*scratch = ip.As16()
		return scratch[:]
	}
	return nil
}
