package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Latency is how long a packet is under way.
type Latency struct {
	Base   time.Duration // always
	Jitter time.Duration // at most so much on top, all equally likely
	// Tail is the share of packets that take longer, by a multiple of Long that has no mean to
	// speak of: most once or twice, some a hundred times.
	Tail float64
	Long time.Duration
}

// Constant returns a latency that never changes.
func Constant(d time.Duration) Latency { return Latency{Base: d} }

// Uniform returns a latency between two bounds.
func Uniform(least, most time.Duration) Latency { return Latency{Base: least, Jitter: most - least} }

// longest bounds the tail: a hundred times Long.
const longest = 100

func (l *Latency) draw(r *rand.Rand) time.Duration {
	d := l.Base
	if l.Jitter > 0 {
		d += time.Duration(r.Int64N(int64(l.Jitter)))
	}
	if l.Tail > 0 && r.Float64() < l.Tail {
		times := math.Pow(1-r.Float64(), -1/1.2)
		d += time.Duration(min(times, longest) * float64(l.Long))
	}
	return d
}

// Network is how packets and streams fare. It may be changed while the simulation runs.
type Network struct {
	Latency Latency
	Zones   func(from, to int) Latency // by pair of zones; nil: Latency everywhere

	Loss      float64 // share of packets that vanish
	Duplicate float64 // share of packets that arrive twice
	Reorder   float64 // share of packets that are overtaken by those of the next moments

	Bandwidth int           // bytes that a host can send in a second; 0: no limit
	Backlog   time.Duration // packets that would wait longer for their turn vanish

	Streams  bool    // streams do not suffer from Loss
	DialFail float64 // share of streams that nobody accepts
	Break    float64 // share of streams that break in the middle
}

// Links is what is wrong with the lines of one host: the shares of packets that vanish on the
// way in and out, beside those that vanish everywhere.
type Links struct{ LossIn, LossOut float64 }

// Network returns the network as it is, to be changed.
func (s *Sim) Network() *Network { return &s.opt.Network }

// Links returns the lines of the node's host, to be changed.
func (n *Node) Links() *Links { return &n.place().links }

// SetZone says where the node's host stands.
func (n *Node) SetZone(zone int) { n.place().zone = zone }

// place returns the host at which the node lives.
func (n *Node) place() *host { return n.sim.hosts[n.host] }

// cut is a line that lets nothing through in one direction.
type cut struct{ from, to int }

// Cut lets nothing through from one node's host to another's.
func (s *Sim) Cut(from, to *Node) {
	s.faults[Cut]++
	s.cuts[cut{from.host, to.host}] = struct{}{}
}

// Mend undoes Cut.
func (s *Sim) Mend(from, to *Node) { delete(s.cuts, cut{from.host, to.host}) }

// Partition puts the node's host on one side; only hosts on the same side reach each other.
// All begin on side 0.
func (n *Node) Partition(side int) {
	if h := n.place(); h.side != side {
		n.trace("is on side %d", side)
		n.sim.faults[Partitioned]++
		h.side = side
	}
}

// Heal undoes everything that Cut, Partition and Links did.
func (s *Sim) Heal() {
	clear(s.cuts)
	for _, h := range s.hosts {
		h.side, h.links = 0, Links{}
	}
}

// reaches says whether packets go from one place to another at all.
func (s *Sim) reaches(from, to int) bool {
	if s.hosts[from].side != s.hosts[to].side {
		return false
	}
	if len(s.cuts) == 0 {
		return true
	}
	_, isCut := s.cuts[cut{from, to}]
	return !isCut
}

// loses says whether one packet between two places vanishes.
func (s *Sim) loses(from, to int) bool {
	out, in := s.hosts[from].links.LossOut, s.hosts[to].links.LossIn
	return s.roll(s.opt.Network.Loss) || s.roll(out) || s.roll(in)
}

// roll returns true in the given share of cases.
func (s *Sim) roll(share float64) bool { return share > 0 && s.chance.Float64() < share }

// latency draws how long something is under way between two places.
func (s *Sim) latency(from, to int) time.Duration {
	l := s.opt.Network.Latency
	if zones := s.opt.Network.Zones; zones != nil {
		l = zones(s.hosts[from].zone, s.hosts[to].zone)
	}
	return l.draw(s.chance)
}

// arrive puts a packet down for when it has been under way for so long.
func (s *Sim) arrive(p *packet, after time.Duration) {
	if after > s.opt.Settings.ProbeTimeout/2 {
		s.faults[Late]++
	}
	s.agenda.add(s.now+after, p)
}

// packet is one datagram, under way or spare.
type packet struct {
	from, to int // places; to is -1 where nobody can be
	buf      []byte
}

func (s *Sim) newPacket() *packet {
	g := &s.gear
	if last := len(g.packets) - 1; last >= 0 {
		p := g.packets[last]
		g.packets = g.packets[:last]
		return p
	}
	return &packet{buf: make([]byte, 0, s.opt.Settings.PacketSize)}
}

func (s *Sim) spare(p *packet) { s.gear.packets = append(s.gear.packets, p) }

// leave puts the packet on the way, or loses it.
func (p *packet) leave(s *Sim) {
	switch {
	case p.to < 0:
		s.spare(p)
		return
	case !s.reaches(p.from, p.to) || s.loses(p.from, p.to):
		s.faults[Lost]++
		s.spare(p)
		return
	}
	wait, ok := s.queueFor(p.from, len(p.buf))
	if !ok {
		s.faults[Lost]++
		s.spare(p)
		return
	}
	if s.roll(s.opt.Network.Duplicate) {
		s.faults[Duplicated]++
		twin := s.newPacket()
		twin.from, twin.to, twin.buf = p.from, p.to, append(twin.buf[:0], p.buf...)
		s.arrive(twin, wait+s.latency(p.from, p.to))
	}
	if s.roll(s.opt.Network.Reorder) {
		s.faults[Reordered]++
		wait += 3 * s.latency(p.from, p.to)
	}
	s.arrive(p, wait+s.latency(p.from, p.to))
}

// queueFor returns how long size bytes wait until the line of a place has sent them.
func (s *Sim) queueFor(place, size int) (wait time.Duration, ok bool) {
	rate := s.opt.Network.Bandwidth
	if rate <= 0 {
		return 0, true
	}
	h := s.hosts[place]
	begin := max(h.busy, s.now)
	if begin-s.now > s.opt.Network.Backlog {
		return 0, false
	}
	h.busy = begin + time.Duration(size)*time.Second/time.Duration(rate)
	return h.busy - s.now, true
}
