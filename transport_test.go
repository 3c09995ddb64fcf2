package memberlist

import (
	"net"
	"testing"
	"time"
)

func TestAddressReadsAsNameAndPlace(t *testing.T) {
	for _, test := range []struct {
		says string
		addr Address
		want string
	}{
		{"an address alone is itself", Address{Addr: "10.0.0.7:7946"}, "10.0.0.7:7946"},
		{"a name comes first", Address{Addr: "10.0.0.7:7946", Name: "alpha"}, "alpha (10.0.0.7:7946)"},
		{"nothing is nothing", Address{}, ""},
	} {
		if got := test.addr.String(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.says, got, test.want)
		}
	}
}

// plainTransport knows addresses only, and remembers the last one.
type plainTransport struct {
	Transport
	written, dialled string
}

func (p *plainTransport) WriteTo(_ []byte, addr string) (time.Time, error) {
	p.written = addr
	return time.Time{}, nil
}

func (p *plainTransport) DialTimeout(addr string, _ time.Duration) (net.Conn, error) {
	p.dialled = addr
	return nil, nil
}

func TestTransportWithoutNamesIsGivenTheAddress(t *testing.T) {
	plain := &plainTransport{}
	aware := nodeAware(plain)
	to := Address{Addr: "10.0.0.7:7946", Name: "alpha"}
	if _, err := aware.WriteToAddress(nil, to); err != nil {
		t.Fatal(err)
	}
	if _, err := aware.DialAddressTimeout(to, time.Second); err != nil {
		t.Fatal(err)
	}
	if plain.written != to.Addr || plain.dialled != to.Addr {
		t.Errorf("written to %q and dialled %q, want %q", plain.written, plain.dialled, to.Addr)
	}
	if again := nodeAware(aware); again != aware {
		t.Error("a transport that knows names was wrapped")
	}
}
