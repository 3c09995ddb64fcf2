package sim

import (
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Settings are what the nodes of a cluster run with: the rules' parameters, and those of what
// stands around the rules. Params.Name is ignored, every node has its own.
type Settings struct {
	swim.Params

	RetransmitMult int           // how often a message is told, times the digits of the cluster's size
	PacketSize     int           // no packet is packed larger
	StreamTimeout  time.Duration // how long a stream may take, dialling included
	Inbox          int           // packets that wait for a process that does not read; more are lost

	Label    string
	Key      *wire.Key // nil: plain text
	Compress bool
	Versions wire.Versions
}

// LAN returns the settings that the library has by default.
func LAN() Settings {
	return Settings{
		Params: swim.Params{
			ProbeInterval:           time.Second,
			ProbeTimeout:            500 * time.Millisecond,
			IndirectChecks:          3,
			SuspicionMult:           4,
			SuspicionMaxTimeoutMult: 6,
			AwarenessMax:            8,
			GossipInterval:          200 * time.Millisecond,
			GossipNodes:             3,
			GossipToTheDeadTime:     30 * time.Second,
			PushPullInterval:        30 * time.Second,
			BindPort:                port,
		},
		RetransmitMult: 4,
		PacketSize:     1400,
		StreamTimeout:  10 * time.Second,
		Inbox:          1000,
		Versions:       wire.Versions{PMin: 1, PMax: 5, PCur: 2},
	}
}

// WAN returns the settings for clusters that span continents.
func WAN() Settings {
	s := LAN()
	s.StreamTimeout = 30 * time.Second
	s.SuspicionMult = 6
	s.PushPullInterval = 60 * time.Second
	s.ProbeTimeout = 3 * time.Second
	s.ProbeInterval = 5 * time.Second
	s.GossipNodes = 4
	s.GossipInterval = 500 * time.Millisecond
	s.GossipToTheDeadTime = 60 * time.Second
	return s
}

// Local returns the settings for clusters on one machine.
func Local() Settings {
	s := LAN()
	s.StreamTimeout = time.Second
	s.IndirectChecks = 1
	s.RetransmitMult = 2
	s.SuspicionMult = 3
	s.PushPullInterval = 15 * time.Second
	s.ProbeTimeout = 200 * time.Millisecond
	s.GossipInterval = 100 * time.Millisecond
	s.GossipToTheDeadTime = 15 * time.Second
	return s
}

// frame says what goes around a packet to a node that does or does not know checksums.
func (s *Settings) frame(g *gear, checksum bool) wire.Frame {
	f := wire.Frame{Label: s.Label, Key: s.Key, SealVersion: 1, Checksum: checksum}
	if s.Compress {
		f.Compress = &g.press
	}
	return f
}

// Part is a part of Lifeguard, or several of them.
type Part uint8

// The parts of Lifeguard, by the names of the paper.
const (
	LHAProbe     Part = 1 << iota // who gets no answers gives others more time
	LHASuspicion                  // a suspicion that nobody else shares lasts longer
	Buddy                         // a suspect is told so when it is probed

	Lifeguard = LHAProbe | LHASuspicion | Buddy
)

// Only switches all parts of Lifeguard off but these; without any it is plain SWIM.
func (s *Settings) Only(parts Part) {
	if parts&LHAProbe == 0 {
		s.AwarenessMax = 1
	}
	if parts&LHASuspicion == 0 {
		s.SuspicionMaxTimeoutMult = 1
	}
	s.WithoutBuddy = parts&Buddy == 0
}
