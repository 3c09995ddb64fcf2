package memberlist

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestAddressesAsPeopleWriteThem(t *testing.T) {
	long := strings.Repeat("a", longestHost)
	for _, test := range []struct {
		text string
		want target // the zero target: refused
	}{
		{"10.0.0.7", target{"", "10.0.0.7", 7946}},
		{"10.0.0.7:80", target{"", "10.0.0.7", 80}},
		{"10.0.0.7:0080", target{"", "10.0.0.7", 80}},
		{"alpha/10.0.0.7:80", target{"alpha", "10.0.0.7", 80}},
		{"alpha/10.0.0.7", target{"alpha", "10.0.0.7", 7946}},
		{"node one/host", target{"node one", "host", 7946}},
		{"host", target{"", "host", 7946}},
		{"host.example.", target{"", "host.example.", 7946}},
		{"host:80", target{"", "host", 80}},
		{"[host]:80", target{"", "host", 80}},
		{"::1", target{"", "::1", 7946}},
		{"[::1]", target{"", "::1", 7946}},
		{"[::1]:80", target{"", "::1", 80}},
		{"alpha/::1", target{"alpha", "::1", 7946}},
		{"alpha/[::1]:80", target{"alpha", "::1", 80}},
		{"fe80::1%eth0", target{"", "fe80::1%eth0", 7946}},
		{"[fe80::1%eth0]:80", target{"", "fe80::1%eth0", 80}},
		{"::ffff:10.0.0.7", target{"", "::ffff:10.0.0.7", 7946}},
		{"1:2:3:4:5:6:7:8", target{"", "1:2:3:4:5:6:7:8", 7946}},
		{long, target{"", long, 7946}},

		{"", target{}},
		{"/", target{}},
		{"/host", target{}},
		{"alpha/", target{}},
		{"alpha/beta/host", target{}},
		{":80", target{}},
		{"[]:80", target{}},
		{"host:", target{}},
		{"[::1]:", target{}},
		{"host:http", target{}},
		{"host:0", target{}},
		{"host:-1", target{}},
		{"host:+80", target{}},
		{"host:65536", target{}},
		{"host:80:80", target{}},
		{"1:2:3:4:5:6:7:8:80", target{}},
		{"[::1", target{}},
		{"::1]", target{}},
		{"[::1]80", target{}},
		{"[[::1]]:80", target{}},
		{"two hosts", target{}},
		{"host\n", target{}},
		{"a" + long, target{}},
	} {
		got, err := parseTarget(test.text, 7946)
		if got != test.want {
			t.Errorf("%q: got %+v, want %+v (%v)", test.text, got, test.want, err)
		}
		var refused *AddressError
		switch isRefused := errors.As(err, &refused); {
		case isRefused != (test.want == target{}):
			t.Errorf("%q: error %v", test.text, err)
		case isRefused && (refused.Text != test.text || refused.Reason == ""):
			t.Errorf("%q: the error says %+v", test.text, refused)
		}
	}
}

// String writes the target so that parseTarget gives it back.
func (t target) String() string {
	text := net.JoinHostPort(t.host, strconv.Itoa(int(t.port)))
	if t.name == "" {
		return text
	}
	return t.name + "/" + text
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"10.0.0.7", "alpha/[::1]:80", "::1", "host:1", "[a]b:1", "a/b/c", "%:%", "[::1%a]:1"} {
		f.Add(text, uint16(7946))
	}
	f.Fuzz(func(t *testing.T, text string, port uint16) {
		first, err := parseTarget(text, port)
		if err != nil {
			if (first != target{}) {
				t.Errorf("%q gave an error and %+v", text, first)
			}
			return
		}
		if first.host == "" || len(first.host) > longestHost {
			t.Errorf("%q gave the host %q", text, first.host)
		}
		if first.port == 0 {
			return // nobody has said one: that is for whoever configured it
		}
		if again, err := parseTarget(first.String(), 1); err != nil || again != first {
			t.Errorf("%q became %q and then %+v, %v", text, first, again, err)
		}
	})
}

// spelled is an address of a foreign transport.
type spelled string

func (spelled) Network() string  { return "foreign" }
func (s spelled) String() string { return string(s) }

func TestAddressesOfTransportsBecomeOurs(t *testing.T) {
	for _, test := range []struct {
		says string
		addr net.Addr
		want string
	}{
		{"UDP", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 80}, "10.0.0.7:80"},
		{"TCP", &net.TCPAddr{IP: net.IP{10, 0, 0, 7}, Port: 80}, "10.0.0.7:80"},
		{"IPv6 with a zone", &net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: 80, Zone: "eth0"}, "[fe80::1%eth0]:80"},
		{"a foreign one that reads like ours", spelled("10.0.0.7:80"), "10.0.0.7:80"},
		{"one in a spelling of its own", spelled("[0:0::1]:80"), "invalid AddrPort"},
		{"a name", spelled("alpha"), "invalid AddrPort"},
		{"none", nil, "invalid AddrPort"},
		{"none with a type", (*net.UDPAddr)(nil), "invalid AddrPort"},
		{"one without an IP", &net.TCPAddr{Port: 80}, "invalid AddrPort"},
	} {
		got := addrPortOf(test.addr)
		if got.String() != test.want || got.IsValid() == strings.HasPrefix(test.want, "invalid") {
			t.Errorf("%s: got %v, want %s", test.says, got, test.want)
		}
	}
	udp := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 80}
	if n := testing.AllocsPerRun(100, func() { addrPortOf(udp) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
