package memberlisttest_test

import (
	"io"
	"log"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist"
	"github.com/seed-f61b0479/memberlist/memberlisttest"
)

func TestNetTransportConforms(t *testing.T) {
	memberlisttest.TestTransport(t, func(t *testing.T) (a, b memberlist.Transport) {
		listen := func() memberlist.Transport {
			tr, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
				BindAddrs: []string{"127.0.0.1"},
				Logger:    log.New(io.Discard, "", 0),
			})
			if err != nil {
				t.Fatal(err)
			}
			return tr
		}
		return listen(), listen()
	})
}

func TestMockTransportConforms(t *testing.T) {
	memberlisttest.TestTransport(t, func(*testing.T) (a, b memberlist.Transport) {
		var n memberlist.MockNetwork
		return n.NewTransport("a"), n.NewTransport("b")
	})
}

func TestTheTransportOfThisPackageConforms(t *testing.T) {
	for name, c := range map[string]memberlisttest.Conditions{
		"perfect": {},
		"slow":    {Latency: time.Millisecond, Jitter: time.Millisecond},
		"lossy":   {Loss: 0.2, Duplicate: 0.2},
	} {
		t.Run(name, func(t *testing.T) {
			memberlisttest.TestTransport(t, func(t *testing.T) (a, b memberlist.Transport) {
				n := memberlisttest.NewNetwork(t)
				n.SetAll(c)
				return n.Transport("a"), n.Transport("b")
			})
		})
	}
}
