package memberlist

import (
	"fmt"
	"net"
	"net/netip"
)

const (
	// bindAttempts is how often a port is tried that the system picked for TCP, until one is
	// found that is also free for UDP and on all other addresses.
	bindAttempts = 32

	// receiveBuffer is how much a UDP socket asks the system to hold while the packet loop is
	// busy. A join of many nodes at once comes as a burst.
	receiveBuffer = 2 << 20

	// leastReceiveBuffer is where asking for less and less ends.
	leastReceiveBuffer = 64 << 10
)

// udpSocket is a UDP socket and whom it can reach.
type udpSocket struct {
	conn *net.UDPConn
	at   netip.Addr // where it is bound, unmapped
}

// fit says how well a socket serves to reach an address; a higher number is better.
func (s *udpSocket) fit(to netip.Addr) int {
	switch {
	case s.at.Is6() && s.at.IsUnspecified(): // every address of both families
		return 2
	case s.at.Is4() != to.Is4():
		return 0
	case s.at.IsUnspecified():
		return 2
	case s.at.IsLoopback() != to.IsLoopback():
		return 1
	default:
		return 3
	}
}

// sockets are what a transport listens on: for each address one of each kind.
type sockets struct {
	udp []udpSocket
	tcp []*net.TCPListener
}

func (s *sockets) close() {
	for i := range s.udp {
		_ = s.udp[i].conn.Close() // given up
	}
	for _, l := range s.tcp {
		_ = l.Close()
	}
}

// parseBindAddr reads an address to listen on. A host name is refused, because what it names
// may change, and because a mistyped address must not end in listening everywhere.
func parseBindAddr(text string) (netip.Addr, error) {
	if text == "" {
		return netip.IPv4Unspecified(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("bind address %q is not an IP address", text)
	}
	return addr.Unmap(), nil
}

// bind opens all sockets on one port; with port 0 on one that is free everywhere.
func bind(addrs []netip.Addr, port int) (sockets, error) {
	if port < 0 || port > 65535 {
		return sockets{}, fmt.Errorf("port %d is not between 0 and 65535", port)
	}
	attempts := 1
	if port == 0 {
		attempts = bindAttempts
	}
	for {
		bound, err := bindPort(addrs, uint16(port))
		attempts--
		if err == nil || attempts == 0 {
			return bound, err
		}
	}
}

// bindPort opens all sockets on one port, or none. With port 0 the first socket has the choice.
func bindPort(addrs []netip.Addr, port uint16) (bound sockets, err error) {
	defer func() {
		if err != nil {
			bound.close()
			bound = sockets{}
		}
	}()
	for _, addr := range addrs {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
		if err != nil {
			return bound, err
		}
		bound.tcp = append(bound.tcp, l)
		port = uint16(l.Addr().(*net.TCPAddr).Port)

		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
		if err != nil {
			return bound, err
		}
		at := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		bound.udp = append(bound.udp, udpSocket{conn: conn, at: at})
	}
	return bound, nil
}

// widen gives a socket as large a receive buffer as the system allows.
func (t *NetTransport) widen(s *udpSocket) {
	var err error
	for size := receiveBuffer; size >= leastReceiveBuffer; size /= 2 {
		if err = s.conn.SetReadBuffer(size); err == nil {
			return
		}
	}
	t.log.Warn("the UDP receive buffer stays as it is", "error", err)
}
