package memberlist

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Validate returns everything about the configuration that is wrong or unwise, joined with errors.Join;
// nil if there is nothing to say. It is advice: Create refuses only a few of these faults, because programs
// run with the others today.
func (c *Config) Validate() error {
	return errors.Join(c.refusal(), c.adviseIdentity(), c.adviseProbing(), c.adviseSpreading(), c.adviseSecurity())
}

// refusal returns the faults with which Create does not start, all at once.
func (c *Config) refusal() error {
	var f faults
	f.when(c.ProtocolVersion < ProtocolVersionMin || c.ProtocolVersion > ProtocolVersionMax,
		"ProtocolVersion %d is outside of %d to %d", c.ProtocolVersion, ProtocolVersionMin, ProtocolVersionMax)
	f.when(c.Logger != nil && c.LogOutput != nil, "Logger and LogOutput are both set")
	f.add("Label", checkLabel(c.Label))
	if len(c.SecretKey) > 0 {
		f.add("SecretKey", ValidateKey(c.SecretKey))
	}
	if len(c.Meta) > MetaMaxSize {
		f.add("Meta", fmt.Errorf("%w: %d bytes exceed %d", ErrMetaTooLarge, len(c.Meta), MetaMaxSize))
	}
	return f.err()
}

// adviseIdentity looks at who we are, where we are and where we log.
func (c *Config) adviseIdentity() error {
	var f faults
	f.when(c.Name == "", "Name is empty")
	f.when(c.Transport == nil && net.ParseIP(c.BindAddr) == nil, "BindAddr %q is not an IP address", c.BindAddr)
	f.when(c.BindPort < 0 || c.BindPort > 65535, "BindPort %d is not a port", c.BindPort)
	f.when(c.AdvertiseAddr != "" && net.ParseIP(c.AdvertiseAddr) == nil,
		"AdvertiseAddr %q is not an IP address", c.AdvertiseAddr)
	// defaultPort is what the defaults leave there.
	chosen := c.AdvertisePort != 0 && c.AdvertisePort != defaultPort && c.AdvertisePort != c.BindPort
	f.when(c.Transport == nil && c.AdvertiseAddr == "" && chosen,
		"AdvertisePort %d without AdvertiseAddr is not used; BindPort is advertised", c.AdvertisePort)
	f.when(c.AdvertisePort < 0 || c.AdvertisePort > 65535, "AdvertisePort %d is not a port", c.AdvertisePort)
	f.when(c.Slog != nil && (c.Logger != nil || c.LogOutput != nil), "Slog is set, so Logger and LogOutput are not used")
	f.when(c.DelegateProtocolMin > c.DelegateProtocolVersion || c.DelegateProtocolVersion > c.DelegateProtocolMax,
		"DelegateProtocolVersion %d is outside of DelegateProtocolMin %d to DelegateProtocolMax %d",
		c.DelegateProtocolVersion, c.DelegateProtocolMin, c.DelegateProtocolMax)
	f.when(c.Meta != nil && c.Delegate != nil, "Meta is set, so Delegate.NodeMeta is not asked")
	return f.err()
}

// adviseProbing looks at how failures are found.
func (c *Config) adviseProbing() error {
	var f faults
	f.below0("ProbeInterval", int64(c.ProbeInterval))
	f.below0("ProbeTimeout", int64(c.ProbeTimeout))
	f.below0("TCPTimeout", int64(c.TCPTimeout))
	f.below0("IndirectChecks", int64(c.IndirectChecks))
	f.below0("SuspicionMult", int64(c.SuspicionMult))
	f.below0("SuspicionMaxTimeoutMult", int64(c.SuspicionMaxTimeoutMult))
	f.below0("AwarenessMaxMultiplier", int64(c.AwarenessMaxMultiplier))
	if c.ProbeInterval <= 0 {
		f.when(c.ProbeInterval == 0, "ProbeInterval is 0, so no failure is ever found")
		return f.err()
	}
	f.when(c.ProbeTimeout == 0, "ProbeTimeout is 0, so no direct answer is ever in time")
	f.when(c.ProbeTimeout >= c.ProbeInterval,
		"ProbeTimeout %v leaves no time for indirect pings within ProbeInterval %v", c.ProbeTimeout, c.ProbeInterval)
	f.when(c.SuspicionMult == 0, "SuspicionMult is 0, so a suspect has no time to refute")
	f.when(c.SuspicionMult > 0 && c.SuspicionMaxTimeoutMult == 0,
		"SuspicionMaxTimeoutMult is 0, so confirmations by others change nothing; 1 says the same")
	f.when(c.AwarenessMaxMultiplier == 0, "AwarenessMaxMultiplier is 0, so a slow node does not doubt itself; 1 says the same")
	f.when(c.ProbeByStream && (c.DisableTcpPings || c.DisableTcpPingsForNode != nil),
		"ProbeByStream is set, so DisableTcpPings and DisableTcpPingsForNode have no effect")
	return f.err()
}

// adviseSpreading looks at how news get around and at the sizes of packets and queues.
func (c *Config) adviseSpreading() error {
	var f faults
	f.below0("GossipInterval", int64(c.GossipInterval))
	f.below0("GossipNodes", int64(c.GossipNodes))
	f.below0("GossipToTheDeadTime", int64(c.GossipToTheDeadTime))
	f.below0("PushPullInterval", int64(c.PushPullInterval))
	f.below0("DeadNodeReclaimTime", int64(c.DeadNodeReclaimTime))
	f.below0("QueueCheckInterval", int64(c.QueueCheckInterval))
	f.below0("RetransmitMult", int64(c.RetransmitMult))
	f.below0("HandoffQueueDepth", int64(c.HandoffQueueDepth))
	f.below0("UDPBufferSize", int64(c.UDPBufferSize))
	f.when(c.GossipInterval > 0 && c.GossipNodes == 0, "GossipNodes is 0, so nothing is gossiped")
	f.when(c.RetransmitMult == 0, "RetransmitMult is 0, so each message is told to one member only")
	f.when(c.GossipToTheDeadTime == 0, "GossipToTheDeadTime is 0, so a dead member is forgotten before all know of it")
	f.when(c.PushPullInterval == 0, "PushPullInterval is 0, so what gossip loses is lost")
	f.when(c.UDPBufferSize > 0 && c.UDPBufferSize < minPacket, "UDPBufferSize %d has no room for a full alive message; %d has",
		c.UDPBufferSize, minPacket)
	f.when(c.UDPBufferSize > maxPacket, "UDPBufferSize %d exceeds the %d bytes of a datagram", c.UDPBufferSize, maxPacket)
	return f.err()
}

const (
	// minPacket has room for an alive message with a long name, metadata of full size and every header.
	minPacket = 1024
)

// adviseSecurity looks at keys and at what is believed without them.
func (c *Config) adviseSecurity() error {
	var f faults
	keys := c.EncryptionEnabled() || len(c.SecretKey) > 0
	f.when(c.Keyring != nil && !keys, "Keyring has no key, so nothing is encrypted")
	f.when(keys && c.GossipVerifyIncoming && !c.GossipVerifyOutgoing,
		"GossipVerifyIncoming without GossipVerifyOutgoing: we refuse what we send ourselves")
	f.when(keys && c.ProtocolVersion == 1, "ProtocolVersion 1 pads what it encrypts; 2 and above do not")
	return f.err()
}

// IPAllowed returns nil if the address lies in one of CIDRsAllowed, or if these restrict nothing.
func (c *Config) IPAllowed(ip net.IP) error {
	if !c.IPMustBeChecked() {
		return nil
	}
	for i := range c.CIDRsAllowed {
		if c.CIDRsAllowed[i].Contains(ip) {
			return nil
		}
	}
	return fmt.Errorf("%s is in none of the allowed networks", ip)
}

// ParseCIDRs turns texts such as "10.0.0.0/8" into networks. It returns those it could parse, and an error that
// names all the others. The slice is never nil.
func ParseCIDRs(v []string) ([]net.IPNet, error) {
	nets := make([]net.IPNet, 0, len(v))
	var errs []error
	for _, text := range v {
		_, network, err := net.ParseCIDR(strings.TrimSpace(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("parse network %q: %w", text, err))
			continue
		}
		nets = append(nets, *network)
	}
	return nets, errors.Join(errs...)
}

// faults collects what is wrong.
type faults []error

// when adds a fault if it is there.
func (f *faults) when(wrong bool, format string, args ...any) {
	if wrong {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

// below0 adds a fault if a field that counts or measures is negative.
func (f *faults) below0(field string, value int64) {
	f.when(value < 0, "%s is negative", field)
}

// add adds the fault of one field, if there is one.
func (f *faults) add(field string, err error) {
	if err != nil {
		*f = append(*f, fmt.Errorf("%s: %w", field, err))
	}
}

// err returns all faults as one error, or nil.
func (f *faults) err() error { return errors.Join(*f...) }
