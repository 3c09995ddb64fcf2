package memberlist

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSection5CreateAsksAndTellsInOrderBeforeItReturns(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{meta: func() []byte { return []byte("blue") }}
		m := b.create("a", h.all)
		if got, want := h.told(), "NodeMeta 512, NotifyAlive a, NotifyJoin a"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		self := m.LocalNode()
		if string(self.Meta) != "blue" || self.State != StateAlive || self.Name != "a" {
			t.Errorf("local node %+v", self)
		}
		if got := incarnation(m, "a"); got != 1 {
			t.Errorf("incarnation %d after Create, want 1", got)
		}
	})
}

func TestSection5CreateWritesBackOnlyTheKeyringWithATransport(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		conf := b.config("a")
		conf.SecretKey = bytes.Repeat([]byte{7}, 16)
		conf.BindPort, conf.AdvertisePort = 0, 0
		conf.UDPBufferSize, conf.TCPTimeout, conf.HandoffQueueDepth = 0, 0, 0
		before := *conf
		m, err := Create(conf)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Shutdown()
		if conf.Keyring == nil || !bytes.Equal(conf.Keyring.GetPrimaryKey(), conf.SecretKey) {
			t.Error("no Keyring was made from SecretKey")
		}
		if conf.BindPort != before.BindPort || conf.AdvertisePort != before.AdvertisePort || conf.UDPBufferSize != 0 ||
			conf.TCPTimeout != 0 || conf.HandoffQueueDepth != 0 || conf.Logger != before.Logger || conf.Transport != before.Transport {
			t.Errorf("more than the Keyring was written back: %+v", conf)
		}
	})
}

func TestSection5CreateAddsTheSecretKeyToAGivenRingAndMakesItPrimary(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		old, key := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 32)
		ring, err := NewKeyring(nil, old)
		if err != nil {
			t.Fatal(err)
		}
		conf := b.config("a")
		conf.Keyring, conf.SecretKey = ring, key
		m, err := Create(conf)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Shutdown()
		if conf.Keyring != ring || !bytes.Equal(ring.GetPrimaryKey(), key) || len(ring.GetKeys()) != 2 {
			t.Errorf("ring %v: %d keys", conf.Keyring == ring, len(ring.GetKeys()))
		}
	})
}

func TestSection5CreateWritesTheChosenPortBack(t *testing.T) {
	conf := DefaultLocalConfig() // with sockets: only they choose a port
	conf.Name, conf.BindAddr, conf.BindPort, conf.AdvertisePort, conf.LogOutput = "a", "127.0.0.1", 0, 7946, io.Discard
	m, err := Create(conf)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Shutdown()
	if conf.BindPort == 0 || conf.AdvertisePort != conf.BindPort || int(m.LocalNode().Port) != conf.BindPort {
		t.Errorf("bind %d, advertise %d, told %d", conf.BindPort, conf.AdvertisePort, m.LocalNode().Port)
	}
	if conf.Transport != nil || conf.Keyring != nil {
		t.Error("more was written back than ports")
	}
}

func TestSection5CreateRefusesOnlyWhatCannotWork(t *testing.T) {
	for name, tc := range map[string]struct {
		tweak func(*Config)
		want  string // part of the error; empty: it starts
	}{
		"a protocol version too low":  {func(c *Config) { c.ProtocolVersion = 0 }, "ProtocolVersion 0"},
		"a protocol version too high": {func(c *Config) { c.ProtocolVersion = 6 }, "ProtocolVersion 6"},
		"two places to log to":        {func(c *Config) { c.LogOutput, c.Logger = io.Discard, log.Default() }, "Logger and LogOutput"},
		"a label over 255 bytes":      {func(c *Config) { c.Label = strings.Repeat("x", 256) }, "Label"},
		"a key of no known length":    {func(c *Config) { c.SecretKey = make([]byte, 17) }, "SecretKey"},
		"too much metadata":           {func(c *Config) { c.Meta = make([]byte, 513) }, "metadata too large"},
		"a veto about ourselves": {func(c *Config) {
			c.Alive = &hooks{alive: func(*Node) error { return errors.New("not me") }}
		}, ""},
		"a transport without address": {func(c *Config) { through(&tap{})(c); c.Transport = homeless{c.Transport.(*tap)} }, "homeless"},
		"a label of 255 bytes":        {func(c *Config) { c.Label = strings.Repeat("x", 255) }, ""},
		"intervals of nothing": {func(c *Config) {
			c.ProbeInterval, c.GossipInterval, c.PushPullInterval, c.ProbeTimeout = 0, 0, 0, 0
		}, ""},
		"negative everything": {func(c *Config) {
			c.ProbeInterval, c.GossipInterval, c.PushPullInterval, c.QueueCheckInterval = -1, -1, -1, -1
			c.SuspicionMult, c.IndirectChecks, c.GossipNodes, c.RetransmitMult = -1, -1, -1, -1
			c.HandoffQueueDepth, c.AwarenessMaxMultiplier, c.SuspicionMaxTimeoutMult = -1, -1, -1
			c.TCPTimeout, c.DeadNodeReclaimTime, c.GossipToTheDeadTime, c.ProbeTimeout = -1, -1, -1, -1
		}, ""},
		"no name": {func(c *Config) { c.Name = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				conf := b.config("a")
				tc.tweak(conf)
				m, err := Create(conf)
				if err == nil {
					time.Sleep(5 * time.Second)
					m.Shutdown()
				}
				if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want one with %q", err, tc.want)
				}
				synctest.Wait() // and nothing is left: the bubble would complain
			})
		})
	}
}

// homeless is a transport that knows no address to advertise.
type homeless struct{ *tap }

func (homeless) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return nil, 0, errors.New("homeless")
}

func TestSection5ACreateThatFailsLeavesEverythingAsItWas(t *testing.T) {
	old, key := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for what, tweak := range map[string]func(*Config){
		"a port that is taken":        func(c *Config) { c.BindPort = taken.Addr().(*net.TCPAddr).Port },
		"metadata that is too long":   func(c *Config) { c.Delegate = &hooks{meta: func() []byte { return make([]byte, 513) }} },
		"a claim that fits no packet": func(c *Config) { c.UDPBufferSize = 20 },
		"no address to advertise":     func(c *Config) { c.AdvertiseAddr = "nowhere" },
	} {
		for _, given := range []bool{false, true} {
			conf := DefaultLANConfig()
			conf.Name, conf.BindAddr, conf.BindPort, conf.AdvertisePort = "m", "127.0.0.1", 0, 7
			conf.LogOutput, conf.SecretKey = io.Discard, key
			if given {
				if conf.Keyring, err = NewKeyring(nil, old); err != nil {
					t.Fatal(err)
				}
			}
			tweak(conf)
			before := *conf
			if m, err := Create(conf); err == nil {
				t.Errorf("%s: no error", what)
				m.Shutdown()
			}
			if conf.BindPort != before.BindPort || conf.AdvertisePort != 7 || conf.Keyring != before.Keyring {
				t.Errorf("%s: ports %d and %d, key ring %v", what, conf.BindPort, conf.AdvertisePort, conf.Keyring)
			}
			if given && (len(conf.Keyring.GetKeys()) != 1 || !bytes.Equal(conf.Keyring.GetPrimaryKey(), old)) {
				t.Errorf("%s: the key ring has changed", what)
			}
		}
	}
}

func TestSection5IntervalsOfZeroSwitchTheLoopOff(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		out := &sizes{}
		a := b.create("a", through(&tap{write: out.see}), func(c *Config) {
			c.ProbeInterval, c.GossipInterval, c.PushPullInterval = 0, 0, 0
		})
		z := b.create("z", func(c *Config) { c.ProbeInterval, c.GossipInterval, c.PushPullInterval = 0, 0, 0 })
		b.join(z, a)
		out.reset()
		time.Sleep(5 * time.Minute)
		if n := out.count(); n != 0 {
			t.Errorf("%d packets left a node that has nothing to do", n)
		}
		z.Shutdown()
		time.Sleep(5 * time.Minute)
		if got := names(a); got != "a z" {
			t.Errorf("a sees %q though it probes nobody", got)
		}
	})
}

func TestBetter61OneOwnTransportPerNodeAndCreateKeepsTheConfigItWasGiven(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		conf := b.config("a")
		m, err := Create(conf)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Shutdown()
		*conf = Config{} // the caller may do with it as he likes
		z := b.create("z")
		b.join(z, m)
		if err := m.UpdateMeta(context.Background(), []byte("x")); err != nil {
			t.Error(err)
		}
		if m.ProtocolVersion() != 2 || names(m) != "a z" {
			t.Errorf("version %d, members %q", m.ProtocolVersion(), names(m))
		}
	})
}

func TestBetter68AnAliveThatFitsIntoNoPacketIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		conf := b.config("a")
		conf.UDPBufferSize, conf.Meta = 300, make([]byte, 300)
		if _, err := Create(conf); !errors.Is(err, ErrMetaTooLarge) {
			t.Errorf("create: %v", err)
		}
		m := b.create("b", func(c *Config) { c.UDPBufferSize = 300 })
		if err := m.UpdateMeta(context.Background(), make([]byte, 100)); err != nil {
			t.Errorf("update with less: %v", err)
		}
		if err := m.UpdateMeta(context.Background(), make([]byte, 300)); !errors.Is(err, ErrMetaTooLarge) {
			t.Errorf("update: %v", err)
		}
		if err := m.UpdateMeta(context.Background(), make([]byte, 513)); !errors.Is(err, ErrMetaTooLarge) {
			t.Errorf("update over 512: %v", err)
		}
		if got := len(m.LocalNode().Meta); got != 100 {
			t.Errorf("%d bytes of metadata remain, want 100", got)
		}
		if err := m.UpdateNode(time.Second); err != nil || len(m.LocalNode().Meta) != 100 {
			t.Errorf("what was refused came back: %d bytes, %v", len(m.LocalNode().Meta), err)
		}
	})
}
