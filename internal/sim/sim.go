package sim

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/gossip"
	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// epoch is when every simulation begins.
var epoch = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// Options say what is simulated.
type Options struct {
	Seed     uint64
	Settings Settings
	Network  Network
	// Laws has every step judged. It costs about as much as the steps themselves, and memory
	// for each pair of nodes.
	Laws bool
	// Hear is told everything that nodes tell their users. It must not change the simulation.
	Hear func(n *Node, news *swim.News)
	// Trace is given a line for whatever happens at or to a node whose name Watch accepts.
	Trace func(line string)
	Watch func(name string) bool
}

// Sim is one simulated cluster. It is not safe for concurrent use; different ones are independent.
type Sim struct {
	opt    Options
	now    time.Duration
	agenda agenda
	hash   uint64
	steps  int
	chance *rand.Rand // the network's
	choice *rand.Rand // that of who does what
	hosts  []*host
	nodes  []*Node // every life that ever began, in order
	cuts   map[cut]struct{}
	faults Counts
	idents interner
	gear   gear
	judge  *judge // nil: nobody judges
	tamper *tamper
	broken *Violation
}

// gear is what all nodes use in turn: memory that is warm after a few steps.
type gear struct {
	out     swim.Output
	packer  gossip.Packer
	press   wire.Compressor
	opener  wire.Opener
	must    [][]byte
	ended   []uint32
	rows    []wire.Row // of the state that is being read
	answer  []wire.Row // of the state that is answered with
	packets []*packet  // spare ones
	bytes   [][]byte   // spare memory of streams
	nonces  uint64

	ping    wire.Ping
	ask     wire.IndirectPing
	ack     wire.Ack
	nack    wire.Nack
	alive   wire.Alive
	suspect wire.Suspect
	dead    wire.Dead
}

// New returns a simulation without nodes, at time 0.
func New(opt Options) *Sim {
	s := &Sim{
		opt:    opt,
		chance: rand.New(rand.NewPCG(opt.Seed, 0)),
		choice: rand.New(rand.NewPCG(opt.Seed, 2<<32)),
		cuts:   make(map[cut]struct{}),
		idents: make(interner),
	}
	s.gear.opener = wire.Opener{Label: opt.Settings.Label, Verify: true}
	if opt.Laws {
		s.judge = newJudge(s)
	}
	return s
}

// Now returns the time since the beginning.
func (s *Sim) Now() time.Duration { return s.now }

// Steps returns how many things have happened.
func (s *Sim) Steps() int { return s.steps }

// Hash stands for everything that has happened so far: which packets arrived when and where and
// what they said, and which alarms rang. Two runs with one hash are the same run.
func (s *Sim) Hash() uint64 { return s.hash }

// Settings are what the nodes run with.
func (s *Sim) Settings() *Settings { return &s.opt.Settings }

// Nodes returns every life that ever began, in order. The slice is the simulation's own.
func (s *Sim) Nodes() []*Node { return s.nodes }

// Running returns the nodes whose process has not ended, in the order of their beginning.
func (s *Sim) Running() []*Node {
	var list []*Node
	for _, n := range s.nodes {
		if !n.gone {
			list = append(list, n)
		}
	}
	return list
}

// time returns now as the nodes' clocks show it.
func (s *Sim) time() time.Time { return epoch.Add(s.now) }

// since returns what a node's clock shows as time since the beginning.
func since(t time.Time) time.Duration { return t.Sub(epoch) }

// Run lets things happen until the given time since the beginning. It stops at the first
// violated law, with a *Violation, and from then on returns that.
func (s *Sim) Run(until time.Duration) error {
	for s.broken == nil {
		at, ok := s.agenda.next()
		if !ok || at > until {
			s.now = max(s.now, until)
			return nil
		}
		e := s.agenda.take()
		s.now = e.at
		s.steps++
		e.what.happen(s)
	}
	return s.broken
}

// script is a function that waits for its time.
type script func()

func (f script) happen(*Sim) { f() }

// At has f called at the given time since the beginning, or now if that is over. f may do to the
// simulation whatever its caller could, except Run.
func (s *Sim) At(at time.Duration, f func()) { s.agenda.add(max(at, s.now), script(f)) }

// After is At, counted from now.
func (s *Sim) After(d time.Duration, f func()) { s.At(s.now+d, f) }

// note makes the hash depend on x.
func (s *Sim) note(x uint64) {
	h := (s.hash ^ x) * 0x9e3779b97f4a7c15
	s.hash = h ^ h>>32
}

// noteBytes makes the hash depend on every byte of b.
func (s *Sim) noteBytes(b []byte) {
	s.note(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		s.note(binary.LittleEndian.Uint64(b))
	}
	for _, c := range b {
		s.note(uint64(c))
	}
}

// host is a place in the network: an address, and the process that has it now, if any.
type host struct {
	addr  netip.AddrPort
	node  *Node
	zone  int
	side  int // of a partition
	links Links
	busy  time.Duration // until when its outgoing line is occupied
	// refuses says that the machine runs though the process does not: whoever dials is told so.
	refuses bool
}

const port = 7946

// newHost adds a place to the network.
func (s *Sim) newHost() int {
	i := len(s.hosts)
	ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	s.hosts = append(s.hosts, &host{addr: netip.AddrPortFrom(ip, port)})
	return i
}

// hostAt returns the place that has an address, or -1.
func (s *Sim) hostAt(a netip.AddrPort) int {
	if !a.Addr().Is4() || a.Port() != port {
		return -1
	}
	b := a.Addr().As4()
	i := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if b[0] != 10 || i >= len(s.hosts) {
		return -1
	}
	return i
}

// interner shares what is equal between the machines of one simulation. A cluster of thousands
// has millions of rows, and most say the same about the same member. It holds the latest
// identity under each name: older ones are forgotten by all soon enough.
type interner map[string]*swim.Identity

// intern returns the identity that all share.
func (i interner) intern(id *swim.Identity) *swim.Identity {
	if known := i[id.Name]; known != nil && known.Addr == id.Addr && known.Versions == id.Versions &&
		bytes.Equal(known.Meta, id.Meta) && (known.Meta == nil) == (id.Meta == nil) {
		return known
	}
	i[id.Name] = id
	return id
}
