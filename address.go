package memberlist

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// longestHost is more than any host name has, and than any IP address with its zone.
const longestHost = 255

// AddressError says that a text given to Join is no address: trying again will not help.
// Join wraps it in a *JoinError.
type AddressError struct {
	Text   string // as it was given
	Reason string
}

// Error quotes the text and says what is wrong with it.
func (e *AddressError) Error() string {
	return fmt.Sprintf("address %q: %s", e.Text, e.Reason)
}

// target is an address as people write it for Join, "[name/]host[:port]", taken apart.
type target struct {
	name string // who should be there; empty if anybody may
	host string // a host name, or an IP address without brackets
	port uint16
}

// parseTarget takes an address apart. An IPv6 address with a port stands in brackets, without one
// it may stand alone; a text without port means the given one.
func parseTarget(text string, port uint16) (target, error) {
	refuse := func(reason string) (target, error) {
		return target{}, &AddressError{Text: text, Reason: reason}
	}
	name, place, named := strings.Cut(text, "/")
	if !named {
		name, place = "", text
	} else if name == "" {
		return refuse("the name before the slash is empty")
	}
	host, digits, ported, ok := cutPort(place)
	switch {
	case !ok:
		return refuse("it is neither host, host:port, nor an IPv6 address, which with a port needs brackets")
	case host == "":
		return refuse("there is no host")
	case len(host) > longestHost:
		return refuse("the host name is too long")
	case strings.ContainsAny(host, "[]/ \t\r\n\x00"):
		return refuse("the host name contains what no host name can")
	}
	if ported {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return refuse("the port is not a number between 1 and 65535")
		}
		port = uint16(n)
	}
	return target{name: name, host: host, port: port}, nil
}

// cutPort separates host and port; ok is false where it is not clear which is which.
func cutPort(place string) (host, port string, ported, ok bool) {
	if inner, bracketed := strings.CutPrefix(place, "["); bracketed {
		host, rest, closed := strings.Cut(inner, "]")
		port, ported = strings.CutPrefix(rest, ":")
		return host, port, ported, closed && (rest == "" || ported)
	}
	switch strings.Count(place, ":") {
	case 0:
		return place, "", false, true
	case 1:
		host, port, _ = strings.Cut(place, ":")
		return host, port, true, true
	default:
		_, err := netip.ParseAddr(place)
		return place, "", false, err == nil
	}
}

// addrPortOf gives an address in the form that we compute with; invalid if it is not an IP address
// and port, or if it is one in a spelling of its own: what a foreign transport calls a node must
// come back to it letter for letter.
func addrPortOf(addr net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := addr.(type) {
	case nil:
		return netip.AddrPort{}
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		text := a.String()
		parsed, err := netip.ParseAddrPort(text)
		if err != nil || parsed.String() != text {
			return netip.AddrPort{}
		}
		ap = parsed
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
