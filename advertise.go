package memberlist

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// FinalAdvertiseAddr finds what others are told. An ip that is given is taken, with its port.
// Otherwise the port is the one listened on, and the address is the first one that is bound or,
// if that is every address of the machine, a private one, else a public one, else loopback;
// of two that are equally good the one by which the machine reaches the outside.
//
// IPv4 comes in 4 bytes, except where it was chosen because of "0.0.0.0", where it has always
// been 16, and other implementations compare the bytes.
func (t *NetTransport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if ip != "" {
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			return nil, 0, fmt.Errorf("advertise address %q is not an IP address", ip)
		}
		return addr.Unmap().AsSlice(), port, nil
	}
	bound := t.bindAddr
	if !bound.IsUnspecified() {
		return bound.AsSlice(), t.GetAutoBindPort(), nil
	}
	own, err := ownAddrs()
	if err != nil {
		return nil, 0, fmt.Errorf("advertise address: %w", err)
	}
	chosen, ok := mostReachable(own, bound)
	if !ok {
		return nil, 0, errors.New("advertise address: this machine has none; set AdvertiseAddr")
	}
	if reach := reachOf(chosen); reach != reachPrivate {
		t.log.Warn("this machine has no private address, advertising another", "address", chosen.String(), "reach", reach.String())
	}
	if bound.Is4() {
		form := chosen.As16()
		return form[:], t.GetAutoBindPort(), nil
	}
	return chosen.AsSlice(), t.GetAutoBindPort(), nil
}

// reach says from where an address can be reached; a higher one is better to advertise.
type reach int

const (
	reachNobody   reach = iota // link-local, multicast: of no use to others
	reachLoopback              // this machine
	reachPublic                // everybody
	reachPrivate               // the network that the cluster most likely lives in
)

func (r reach) String() string {
	return [...]string{"unreachable", "loopback", "public", "private"}[r]
}

// sharedNetworks are private in the sense of RFC 6890, though netip does not count them:
// carrier-grade and overlay networks, protocol assignments, benchmarks.
var sharedNetworks = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
}

func reachOf(addr netip.Addr) reach {
	switch {
	case addr.IsLoopback():
		return reachLoopback
	case !addr.IsGlobalUnicast():
		return reachNobody
	case addr.IsPrivate():
		return reachPrivate
	}
	for _, shared := range sharedNetworks {
		if shared.Contains(addr) {
			return reachPrivate
		}
	}
	return reachPublic
}

// ownAddr is an address of this machine.
type ownAddr struct {
	addr    netip.Addr
	outward bool // the system would use it to reach the outside
}

// rank orders addresses by how well they serve to be advertised; 0 is not at all. Whoever listens
// on "0.0.0.0" means IPv4, and gets IPv6 only where there is nothing else but loopback; "::" means
// both, with IPv6 before IPv4 where both reach equally far.
func (o ownAddr) rank(bound netip.Addr) int {
	far := reachOf(o.addr)
	rank := int(far) * 4
	if bound.Is4() && o.addr.Is4() && far > reachLoopback {
		rank += int(reachPrivate) * 4
	}
	if rank > 0 && bound.Is4() == o.addr.Is4() {
		rank += 2
	}
	if rank > 0 && o.outward {
		rank++
	}
	return rank
}

// mostReachable picks the address to advertise; the first of equals wins.
func mostReachable(own []ownAddr, bound netip.Addr) (netip.Addr, bool) {
	var best netip.Addr
	most := 0
	for _, o := range own {
		if rank := o.rank(bound); rank > most {
			best, most = o.addr, rank
		}
	}
	return best, most > 0
}

// ownAddrs lists the addresses of all interfaces that are up.
func ownAddrs() ([]ownAddr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	outward4, outward6 := outwardAddr("udp4", "192.0.2.1:9"), outwardAddr("udp6", "[2001:db8::1]:9")
	var own []ownAddr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue // not an IP network
			}
			addr := prefix.Addr().Unmap()
			own = append(own, ownAddr{addr, addr == outward4 || addr == outward6})
		}
	}
	return own, nil
}

// outwardAddr asks the system which address it would use to reach the outside. To connect a UDP
// socket sends nothing; the destination is reserved for documentation.
func outwardAddr(network, to string) netip.Addr {
	conn, err := net.Dial(network, to)
	if err != nil {
		return netip.Addr{} // no way out, which is no error here
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
