package memberlist

import (
	"bytes"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTheDefaultsAreThoseOfTheTable(t *testing.T) {
	type times struct{ tcp, pushPull, interval, timeout, gossip, dead time.Duration }
	type counts struct{ indirect, retransmit, suspicion, suspicionMax, awareness, gossip int }
	const ms, s = time.Millisecond, time.Second
	for name, tc := range map[string]struct {
		conf *Config
		times
		counts
	}{
		"LAN":   {DefaultLANConfig(), times{10 * s, 30 * s, s, 500 * ms, 200 * ms, 30 * s}, counts{3, 4, 4, 6, 8, 3}},
		"WAN":   {DefaultWANConfig(), times{30 * s, 60 * s, 5 * s, 3 * s, 500 * ms, 60 * s}, counts{3, 4, 6, 6, 8, 4}},
		"Local": {DefaultLocalConfig(), times{s, 15 * s, s, 200 * ms, 100 * ms, 15 * s}, counts{1, 2, 3, 6, 8, 3}},
	} {
		c := tc.conf
		if got := (times{c.TCPTimeout, c.PushPullInterval, c.ProbeInterval, c.ProbeTimeout, c.GossipInterval,
			c.GossipToTheDeadTime}); got != tc.times {
			t.Errorf("%s: got times %v, want %v", name, got, tc.times)
		}
		if got := (counts{c.IndirectChecks, c.RetransmitMult, c.SuspicionMult, c.SuspicionMaxTimeoutMult,
			c.AwarenessMaxMultiplier, c.GossipNodes}); got != tc.counts {
			t.Errorf("%s: got counts %v, want %v", name, got, tc.counts)
		}
		if c.BindAddr != "0.0.0.0" || c.BindPort != 7946 || c.AdvertisePort != 7946 || c.ProtocolVersion != 2 {
			t.Errorf("%s: got %s:%d, advertised port %d, version %d", name, c.BindAddr, c.BindPort, c.AdvertisePort, c.ProtocolVersion)
		}
		if !c.GossipVerifyIncoming || !c.GossipVerifyOutgoing || !c.EnableCompression {
			t.Errorf("%s: verification or compression is off", name)
		}
		if c.DNSConfigPath != "/etc/resolv.conf" || c.HandoffQueueDepth != 1024 || c.UDPBufferSize != 1400 || c.QueueCheckInterval != 30*s {
			t.Errorf("%s: got %q, %d, %d, %v", name, c.DNSConfigPath, c.HandoffQueueDepth, c.UDPBufferSize, c.QueueCheckInterval)
		}
		c.Name = "named" // the host may have no name
		if err := c.Validate(); err != nil {
			t.Errorf("%s: the default itself is advised against: %v", name, err)
		}
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	a := DefaultLANConfig()
	a.Name = "changed"
	if DefaultLANConfig().Name == "changed" {
		t.Error("a change to one default shows in the next")
	}
}

func TestZerosThatMeanADefaultAreFilledInACopy(t *testing.T) {
	c := &Config{Name: "a", Meta: []byte("meta")}
	got := c.withDefaults()
	if c.Meta[0] = 'M'; string(got.Meta) != "meta" {
		t.Error("the metadata is not copied")
	}
	if got.TCPTimeout != 10*time.Second || got.HandoffQueueDepth != 1024 || got.UDPBufferSize != 1400 || got.Name != "a" {
		t.Errorf("got %v, %d, %d", got.TCPTimeout, got.HandoffQueueDepth, got.UDPBufferSize)
	}
	if c.TCPTimeout != 0 || c.HandoffQueueDepth != 0 || c.UDPBufferSize != 0 {
		t.Error("the caller's struct was written to")
	}
}

// Programs copy a Config by value; a lock inside would be copied with it.
func TestConfigContainsNoLock(t *testing.T) {
	locker := reflect.TypeFor[sync.Locker]()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if f.Type.Kind() == reflect.Struct && reflect.PointerTo(f.Type).Implements(locker) {
			t.Errorf("%s is a lock", f.Name)
		}
	}
}

func TestTheVersionBytesStandInTheOrderOfTheWire(t *testing.T) {
	c := &Config{ProtocolVersion: 3, DelegateProtocolMin: 7, DelegateProtocolMax: 9, DelegateProtocolVersion: 8}
	if got, want := c.BuildVsnArray(), []uint8{1, 5, 3, 7, 9, 8}; !bytes.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNetworksRestrictAddresses(t *testing.T) {
	nets, err := ParseCIDRs([]string{"10.0.0.0/8", " 2001:db8::/32 "})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		nets []net.IPNet
		ip   string
		ok   bool
	}{
		{"an IPv4 address inside", nets, "10.1.2.3", true},
		{"an IPv4 address outside", nets, "192.168.0.1", false},
		{"an IPv6 address inside", nets, "2001:db8::1", true},
		{"an IPv6 address outside", nets, "2001:db9::1", false},
		{"no networks allow all", nil, "192.168.0.1", true},
		{"an empty list allows all", []net.IPNet{}, "192.168.0.1", true},
	} {
		c := &Config{CIDRsAllowed: tc.nets}
		if err := c.IPAllowed(net.ParseIP(tc.ip)); (err == nil) != tc.ok {
			t.Errorf("%s: got %v", tc.name, err)
		}
		if c.IPMustBeChecked() != (len(tc.nets) > 0) {
			t.Errorf("%s: IPMustBeChecked is %v", tc.name, c.IPMustBeChecked())
		}
	}
	if err := (&Config{CIDRsAllowed: nets}).IPAllowed(nil); err == nil {
		t.Error("an address that is missing is allowed")
	}
}

func TestParseCIDRsKeepsTheGoodAndNamesAllTheBad(t *testing.T) {
	nets, err := ParseCIDRs([]string{"bad", "10.0.0.0/8", "10.0.0.0/99"})
	if len(nets) != 1 || nets[0].String() != "10.0.0.0/8" {
		t.Errorf("got %v", nets)
	}
	if err == nil || !strings.Contains(err.Error(), `"bad"`) || !strings.Contains(err.Error(), `"10.0.0.0/99"`) {
		t.Errorf("got %v", err)
	}
	if nets, err := ParseCIDRs(nil); nets == nil || len(nets) != 0 || err != nil {
		t.Errorf("nothing: got %v, %v", nets, err)
	}
}

func TestValidateMindsAnAdvertisePortThatIsNotUsed(t *testing.T) {
	for what, tc := range map[string]struct {
		tweak func(*Config)
		want  bool
	}{
		"a port alone":           {func(c *Config) { c.AdvertisePort = 80 }, true},
		"a port with an address": {func(c *Config) { c.AdvertisePort, c.AdvertiseAddr = 80, "10.0.0.1" }, false},
		"another port to bind":   {func(c *Config) { c.BindPort = 80 }, false},
		"a free port":            {func(c *Config) { c.BindPort, c.AdvertisePort = 0, 0 }, false},
		"one port for both":      {func(c *Config) { c.BindPort, c.AdvertisePort = 80, 80 }, false},
	} {
		c := DefaultLANConfig()
		c.Name = "m"
		tc.tweak(c)
		err := c.Validate()
		if got := err != nil && strings.Contains(err.Error(), "AdvertisePort"); got != tc.want {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestValidateNamesEveryFaultAtOnce(t *testing.T) {
	c := &Config{
		ProtocolVersion: 6, Label: strings.Repeat("L", 256), SecretKey: []byte("short"), Meta: make([]byte, 513),
		Logger: log.New(io.Discard, "", 0), LogOutput: io.Discard, Slog: slog.Default(),
		BindAddr: "here", BindPort: -1, AdvertiseAddr: "there", AdvertisePort: 1 << 16,
		DelegateProtocolVersion: 1, ProbeInterval: time.Second, ProbeTimeout: 2 * time.Second,
		ProbeByStream: true, DisableTcpPings: true, UDPBufferSize: 10, GossipInterval: 1,
		GossipNodes: -1, IndirectChecks: -1, GossipVerifyIncoming: true,
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("nothing to say")
	}
	for _, field := range []string{
		"ProtocolVersion", "Label", "SecretKey", "Meta", "Logger", "Slog", "Name", "BindAddr", "BindPort",
		"AdvertiseAddr", "AdvertisePort", "DelegateProtocolVersion", "ProbeTimeout 2s", "ProbeByStream",
		"UDPBufferSize", "GossipNodes", "IndirectChecks is negative", "GossipVerifyIncoming", "SuspicionMult",
		"AwarenessMaxMultiplier", "RetransmitMult", "GossipToTheDeadTime", "PushPullInterval",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("does not mention %s", field)
		}
	}
	if strings.Contains(err.Error(), "short") {
		t.Error("shows the key")
	}
	if !errors.Is(err, ErrMetaTooLarge) {
		t.Error("does not wrap ErrMetaTooLarge")
	}
}

func TestOnlyAFewFaultsRefuseToStart(t *testing.T) {
	ok := func() *Config { c := DefaultLANConfig(); c.Name = "a"; return c }
	for _, tc := range []struct {
		name    string
		change  func(*Config)
		refused bool
	}{
		{"the default starts", func(*Config) {}, false},
		{"protocol version 0 does not", func(c *Config) { c.ProtocolVersion = 0 }, true},
		{"protocol version 1 starts", func(c *Config) { c.ProtocolVersion = 1 }, false},
		{"protocol version 5 starts", func(c *Config) { c.ProtocolVersion = 5 }, false},
		{"protocol version 6 does not", func(c *Config) { c.ProtocolVersion = 6 }, true},
		{"two places to log do not", func(c *Config) { c.Logger, c.LogOutput = log.Default(), io.Discard }, true},
		{"slog beside one of them starts", func(c *Config) { c.Slog, c.LogOutput = slog.Default(), io.Discard }, false},
		{"a label of 255 bytes starts", func(c *Config) { c.Label = strings.Repeat("L", 255) }, false},
		{"a label of 256 bytes does not", func(c *Config) { c.Label = strings.Repeat("L", 256) }, true},
		{"a key of 16 bytes starts", func(c *Config) { c.SecretKey = make([]byte, 16) }, false},
		{"a key of 15 bytes does not", func(c *Config) { c.SecretKey = make([]byte, 15) }, true},
		{"metadata of 513 bytes does not", func(c *Config) { c.Meta = make([]byte, 513) }, true},
		{"no name starts", func(c *Config) { c.Name = "" }, false},
		{"no intervals start", func(c *Config) { c.ProbeInterval, c.GossipInterval, c.PushPullInterval = 0, 0, 0 }, false},
		{"a timeout over the interval starts", func(c *Config) { c.ProbeTimeout = time.Hour }, false},
	} {
		c := ok()
		tc.change(c)
		if err := c.refusal(); (err != nil) != tc.refused {
			t.Errorf("%s: got %v", tc.name, err)
		}
	}
}

func TestKeysCountOnceTheyAreInARing(t *testing.T) {
	c := &Config{SecretKey: make([]byte, 16)}
	if c.EncryptionEnabled() {
		t.Error("a key without a ring counts")
	}
	if c.Keyring = new(Keyring); c.EncryptionEnabled() {
		t.Error("an empty ring counts")
	}
}
