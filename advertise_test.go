package memberlist

import (
	"net/netip"
	"testing"
)

func TestAdvertisedAddressAndItsForm(t *testing.T) {
	for _, test := range []struct {
		says string
		bind string
		ip   string
		port int
		want string // empty: whatever the machine has
		form int
	}{
		{"a bound IPv4 address comes in four bytes", "127.0.0.1", "", 9, "127.0.0.1", 4},
		{"a bound IPv6 address", "::1", "", 9, "::1", 16},
		{"a given address wins, with its port", "127.0.0.1", "10.1.2.3", 9, "10.1.2.3", 4},
		{"a given IPv6 address", "127.0.0.1", "fd00::7", 9, "fd00::7", 16},
		{"a given address in the long form is IPv4", "0.0.0.0", "::ffff:10.1.2.3", 9, "10.1.2.3", 4},
		{"every IPv4 address is the one case of sixteen bytes", "0.0.0.0", "", 9, "", 16},
		{"no bind address is every address", "", "", 9, "", 16},
	} {
		t.Run(test.says, func(t *testing.T) {
			tr := listenLocal(t, test.bind)
			ip, port, err := tr.FinalAdvertiseAddr(test.ip, test.port)
			if err != nil {
				t.Fatal(err)
			}
			if want := tr.GetAutoBindPort(); test.ip == "" && port != want || test.ip != "" && port != test.port {
				t.Errorf("port %d", port)
			}
			if len(ip) != test.form {
				t.Errorf("%v has %d bytes, want %d", ip, len(ip), test.form)
			}
			if test.want != "" && ip.String() != test.want {
				t.Errorf("got %v, want %v", ip, test.want)
			}
			if ip.IsUnspecified() {
				t.Error("the unspecified address is advertised")
			}
		})
	}
}

func TestAdvertisedAddressMustBeOne(t *testing.T) {
	tr := listenLocal(t)
	for _, ip := range []string{"alpha.example", "10.0.0", "10.0.0.1:7946"} {
		if got, _, err := tr.FinalAdvertiseAddr(ip, 1); err == nil {
			t.Errorf("%q became %v", ip, got)
		}
	}
}

func TestDefectB24EveryIPv6AddressIsNotAdvertised(t *testing.T) {
	tr := listenLocal(t, "::")
	ip, port, err := tr.FinalAdvertiseAddr("", 1)
	if err != nil {
		t.Fatal(err)
	}
	if ip.IsUnspecified() || port != tr.GetAutoBindPort() {
		t.Errorf("advertised %v port %d", ip, port)
	}
	if _, err := tr.WriteTo([]byte("x"), netip.AddrPortFrom(mustFromIP(t, ip), uint16(port)).String()); err != nil {
		t.Fatal(err)
	}
	receivePacket(t, tr.packets)
}

func mustFromIP(t *testing.T, ip []byte) netip.Addr {
	t.Helper()
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		t.Fatalf("%v is no address", ip)
	}
	return addr
}

func TestTheAddressThatReachesMostIsAdvertised(t *testing.T) {
	const any4, any6 = "0.0.0.0", "::"
	for _, test := range []struct {
		says  string
		bound string
		own   []string // a leading > marks the way out
		want  string
	}{
		{"private before public before loopback", any4, []string{"127.0.0.1", ">8.8.8.8", "10.0.0.1"}, "10.0.0.1"},
		{"public where nothing is private", any4, []string{"127.0.0.1", "8.8.8.8"}, "8.8.8.8"},
		{"loopback where nothing else is", any4, []string{"127.0.0.1", "169.254.1.1", "fe80::1"}, "127.0.0.1"},
		{"of private ones the way out", any4, []string{"172.17.0.1", ">10.0.0.5"}, "10.0.0.5"},
		{"the first of equals", any4, []string{"10.0.0.5", "10.0.0.6"}, "10.0.0.5"},
		{"an overlay network is private", any4, []string{">8.8.8.8", "100.64.1.1"}, "100.64.1.1"},
		{"IPv4 before IPv6 for 0.0.0.0, even if public", any4, []string{"fd00::1", "8.8.8.8"}, "8.8.8.8"},
		{"IPv6 for 0.0.0.0 before loopback", any4, []string{"127.0.0.1", "2600::1"}, "2600::1"},
		{"IPv6 before IPv4 for ::", any6, []string{">10.0.0.1", "fd00::1"}, "fd00::1"},
		{"but private before public for ::", any6, []string{"10.0.0.1", ">2600::1"}, "10.0.0.1"},
		{"loopback of IPv6 for ::", any6, []string{"127.0.0.1", "::1"}, "::1"},
		{"nothing where nothing is of use", any6, []string{"fe80::1", "224.0.0.1"}, "invalid IP"},
	} {
		var own []ownAddr
		for _, text := range test.own {
			outward := text[0] == '>'
			if outward {
				text = text[1:]
			}
			own = append(own, ownAddr{netip.MustParseAddr(text), outward})
		}
		got, ok := mostReachable(own, netip.MustParseAddr(test.bound))
		if got.String() != test.want || ok != got.IsValid() {
			t.Errorf("%s: got %v, want %s", test.says, got, test.want)
		}
	}
}
