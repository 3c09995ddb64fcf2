package swim

import "net/netip"

// origin is whom a ping says it comes from.
type origin struct {
	addr []byte
	port uint16
	node string
}

// replyTo decides where the reply to a ping goes, and whether rumours may ride along.
//
// A ping may state another source than that of its packet: that is how nodes behind gateways
// are reached. In plain text anybody may state anything, and would have us send packets, fat
// with rumours, to a victim. So a stated source is believed if there is reason for trust, if
// it is the packet's own, or if it is where that member is known to be; else the reply goes
// back to where the packet came from. Rumours go to untrusted ones only where members are.
func (m *Machine) replyTo(from *Source, stated origin) (to Target, bare bool) {
	known := m.named(stated.node)
	to.Peer = from.Peer
	if claimed, ok := stated.address(); ok {
		switch {
		case from.Trusted, sameAddress(claimed, from.Addr), known != nil && sameAddress(claimed, known.Addr):
			to.Peer = Peer{Addr: claimed}
		}
	}
	if from.Trusted && to.Name == "" {
		to.Name = m.peerName(known, stated.node)
	}
	if known != nil && sameAddress(to.Addr, known.Addr) {
		to.Name, to.Checksum = known.Name, understandsChecksum(known.Versions)
		return to, false
	}
	return to, !from.Trusted
}

// address returns the stated source, if one is stated and makes sense.
func (o origin) address() (netip.AddrPort, bool) {
	addr, ok := netip.AddrFromSlice(o.addr)
	return netip.AddrPortFrom(addr, o.port), ok && o.port != 0
}

// named returns the member of that name; the empty one means that none was stated.
func (m *Machine) named(name string) *member {
	if name == "" {
		return nil
	}
	return m.table.find(name)
}

// peerName returns the name to address a peer by: a transport that requires names needs even
// those that are not members yet.
func (m *Machine) peerName(known *member, stated string) string {
	if known != nil {
		return known.Name
	}
	return cloned(stated)
}

// targetAt returns what is known about who is at an address under a name; ok says that it is
// that very member.
func (m *Machine) targetAt(name string, addr netip.AddrPort) (to Target, ok bool) {
	known := m.named(name)
	if known != nil && sameAddress(addr, known.Addr) {
		return Target{Peer: Peer{Name: known.Name, Addr: addr}, Checksum: understandsChecksum(known.Versions)}, true
	}
	return Target{Peer: Peer{Name: m.peerName(known, name), Addr: addr}}, false
}
