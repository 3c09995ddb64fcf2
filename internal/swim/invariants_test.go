package swim

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// A script is bytes that stand for inputs of every kind, in any order, with any content. What
// must always hold is checked after each of them.

func TestWhateverComesTheMachineStaysSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		script := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "script")
		first := drive(t, script)
		if again := drive(t, script); again != first {
			t.Fatalf("one seed and one list of inputs gave two different lists of outputs")
		}
	})
}

func TestLongRandomLivesStaySound(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 99))
		script := make([]byte, 20_000)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { drive(t, script) })
	}
}

func FuzzMachine(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 7))
	for n := range 20 {
		script := make([]byte, 20*n)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) { drive(t, script) })
}

// failer is what testing.T and rapid.T have in common here.
type failer interface {
	Fatalf(format string, args ...any)
}

// driver feeds a machine from a script.
type driver struct {
	failer
	m      *Machine
	script []byte
	now    time.Time
	seen   map[*member]history
	shown  string
	shownV uint64
}

// history is what a member's incarnation is measured by.
type history struct {
	incarnation uint32
	addr        netip.AddrPort
}

// drive plays a script and returns a digest of all outputs.
func drive(t failer, script []byte) uint64 {
	d := &driver{failer: t, script: script, now: noon, seen: map[*member]history{}}
	p := lan()
	p.ReclaimUnreachable = d.pick(2) == 0
	p.ProbeByStream = d.pick(8) == 0
	p.PortFixed = d.pick(8) == 0
	p.DeadNodeReclaimTime = []time.Duration{0, time.Second, time.Hour}[d.pick(3)]
	p.SuspicionMult = d.pick(8)
	p.AwarenessMax = d.pick(9)
	p.IndirectChecks = d.pick(5) - 1
	if d.pick(8) == 0 {
		p.ProbeTimeout = 3 * time.Second
	}
	d.m = New(p, rand.New(rand.NewPCG(1, 2)))
	sum := fnv.New64a()
	var out Output
	started := false
	for len(d.script) > 0 {
		if !started && d.pick(4) != 0 {
			d.m.Start(d.now, Identity{Name: "a", Addr: addrOf(1), Versions: current})
			started = true
		}
		d.input()
		d.check()
		if d.pick(3) != 0 {
			d.m.Take(&out)
			d.checkOutput(&out)
			sum.Write([]byte(traced(&out)))
		}
	}
	return sum.Sum64()
}

// pick takes a number below n from the script, 0 when it is at its end.
func (d *driver) pick(n int) int {
	if len(d.script) == 0 {
		return 0
	}
	b := d.script[0]
	d.script = d.script[1:]
	return int(b) % n
}

var longName = strings.Repeat("long", 500)

func (d *driver) name() string {
	return []string{"a", "b", "c", "d", "e", "f", "g", "", "x", longName}[d.pick(10)]
}

func (d *driver) incarnation() uint32 {
	known := []uint32{0, 1, 2, 3, 4, 5, 1 << 20, 1<<20 + 3, math.MaxUint32 - 1, math.MaxUint32}
	x, _ := d.m.Lookup(d.name())
	switch n := d.pick(14); {
	case n < len(known):
		return known[n]
	case n == 10:
		return x.Incarnation + window
	default:
		return x.Incarnation + uint32(n) - 11
	}
}

func (d *driver) addr() []byte {
	ip := addrOf(d.pick(6)).Addr()
	long := ip.As16()
	return [][]byte{ip.AsSlice(), ip.AsSlice(), ip.AsSlice(), long[:], nil, {}, {1, 2, 3}, make([]byte, 17), make([]byte, 16)}[d.pick(9)]
}

func (d *driver) port() uint16 { return []uint16{7946, 7946, 7946, 0, 1, 65535}[d.pick(6)] }

func (d *driver) vsn() []byte {
	good := current.Append(nil)
	return [][]byte{good, good, good, good, nil, good[:5], append(good, 9), make([]byte, 6), {1, 3, 3, 0, 0, 0}, {9, 9, 9, 9, 9, 9}, {1, 4, 9, 0, 0, 0}}[d.pick(11)]
}

func (d *driver) meta() []byte {
	return [][]byte{nil, {}, []byte("m"), make([]byte, 600), make([]byte, 70_000)}[d.pick(5)]
}

func (d *driver) alive() *wire.Alive {
	return &wire.Alive{Incarnation: d.incarnation(), Node: d.name(), Addr: d.addr(), Port: d.port(), Meta: d.meta(), Vsn: d.vsn()}
}

func (d *driver) source() Source {
	s := Source{Trusted: d.pick(2) == 0}
	s.Addr = addrOf(d.pick(6))
	if d.pick(5) == 0 {
		s.Peer = Peer{Opaque: "pipe"}
	}
	return s
}

func (d *driver) rows() (rows []wire.Row) {
	for range d.pick(6) {
		a := d.alive()
		rows = append(rows, wire.Row{Name: a.Node, Addr: a.Addr, Port: a.Port, Meta: a.Meta, Incarnation: a.Incarnation, State: d.pick(6) - 1, Vsn: a.Vsn})
	}
	return rows
}

func (d *driver) seq() uint32 {
	if d.pick(2) == 0 {
		return d.m.probe.seq
	}
	return d.m.seq - uint32(d.pick(8))
}

// input makes one input.
func (d *driver) input() {
	m := d.m
	switch d.pick(26) {
	case 0, 1, 2, 3:
		m.Alive(d.now, d.alive())
	case 4, 5:
		m.Suspect(d.now, &wire.Suspect{Incarnation: d.incarnation(), Node: d.name(), From: d.name()})
	case 6, 7:
		m.Dead(d.now, &wire.Dead{Incarnation: d.incarnation(), Node: d.name(), From: d.name()})
	case 8:
		m.Ping(d.now, d.source(), &wire.Ping{SeqNo: d.seq(), Node: d.name(), SourceAddr: d.addr(), SourcePort: d.port(), SourceNode: d.name()}, d.meta())
	case 9:
		m.IndirectPing(d.now, d.source(), &wire.IndirectPing{SeqNo: d.seq(), Target: d.addr(), Port: d.port(), Node: d.name(), Nack: d.pick(2) == 0, SourceAddr: d.addr(), SourcePort: d.port(), SourceNode: d.name()})
	case 10, 11:
		m.Ack(d.now, &wire.Ack{SeqNo: d.seq(), Payload: d.meta()})
	case 12:
		m.Nack(d.now, &wire.Nack{SeqNo: d.seq()})
	case 13, 14:
		m.Merge(d.now, d.rows())
	case 15:
		rows := d.rows()
		if err := m.Check(rows); err == nil {
			m.MergeJoin(d.now, rows)
		} else if err.Error() == "" {
			d.Fatalf("an error without words")
		}
	case 16:
		m.KnockDone(d.now, d.seq(), d.pick(2) == 0)
	case 17:
		m.UserPing(d.now, Peer{Name: d.name(), Addr: addrOf(d.pick(6))})
	case 18:
		m.SetPending(d.now, d.pick(2) == 0)
	default:
		d.timeOrUser()
	}
}

func (d *driver) timeOrUser() {
	m := d.m
	switch d.pick(12) {
	case 0:
		m.Leave(d.now, nil)
	case 1:
		m.Rejoin(d.now)
	case 2:
		if meta := d.meta(); len(meta) <= 512 {
			m.Update(d.now, meta, nil)
		}
	case 3:
		m.ForceRemove(d.now, d.name())
	case 4:
		m.Tick(d.now.Add(-time.Hour))
	case 5:
		d.now = d.now.Add(time.Duration(d.pick(256)) * 250 * time.Millisecond)
		m.Tick(d.now)
		d.checkTicked()
	default:
		if at, ok := m.Deadline(); ok {
			d.now = maxTime(d.now, at)
		}
		m.Tick(d.now)
		d.checkTicked()
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (d *driver) checkTicked() {
	if at, ok := d.m.Deadline(); ok && !at.After(d.now) {
		d.Fatalf("ticked at %v, and something is due at %v still", d.now, at)
	}
}

// check is what always holds.
func (d *driver) check() {
	d.checkTable()
	d.checkAgenda()
	d.checkIncarnations()
	m := d.m
	if len(m.relays.bySeq) > maxRelays || len(m.userPings.bySeq) > maxUserPings || len(m.reclaims.waiting) > maxReclaims {
		d.Fatalf("a bounded table is too large")
	}
	if h := m.Health(); h < 0 || h > max(0, m.params.AwarenessMax-1) {
		d.Fatalf("health %d", h)
	}
	if m.self != nil && (m.self.state != Alive && m.self.state != Left || m.HasLeft() != (m.self.state == Left)) {
		d.Fatalf("we are %v", m.self.state)
	}
}

func (d *driver) checkTable() {
	t := &d.m.table
	present := 0
	var shown strings.Builder
	for i, x := range t.order {
		if int(x.slot) != i || t.byName[x.Name] != x {
			d.Fatalf("order and map disagree about %q", x.Name)
		}
		if x.state.present() {
			present++
		}
		if (x.state == Suspect) != (x.suspicion != nil && x.suspicion.isSet()) {
			d.Fatalf("%q is %v, its suspicion %v", x.Name, x.state, x.suspicion)
		}
		if (!x.state.present() && x != d.m.self) != (x.grave != nil && x.grave.isSet()) {
			d.Fatalf("%q is %v, its grave %v", x.Name, x.state, x.grave)
		}
		if s := x.suspicion; s != nil && len(s.accusers) > 1+max(0, s.need) {
			d.Fatalf("%d accusers, %d needed", len(s.accusers), s.need)
		}
		if x.state.present() && x != d.m.self && !x.Addr.IsValid() {
			d.Fatalf("%q has no address", x.Name)
		}
		fmt.Fprintf(&shown, "%p %p %v|", x, x.Identity, x.state)
	}
	if present != d.m.NumAlive() || len(t.byName) != d.m.Len() {
		d.Fatalf("%d of %d alive, counted %d of %d", present, len(t.byName), d.m.NumAlive(), d.m.Len())
	}
	if t.cursor < 0 || t.cursor > len(t.order) {
		d.Fatalf("cursor %d of %d", t.cursor, len(t.order))
	}
	if s := sorted(shown.String()); s != d.shown {
		if d.m.Version() == d.shownV && d.shown != "" {
			d.Fatalf("the table has changed, its version has not")
		}
		d.shown, d.shownV = s, d.m.Version()
	}
}

// sorted is what the table shows without its order.
func sorted(rows string) string {
	set := map[string]bool{}
	for r := range strings.SplitSeq(rows, "|") {
		set[r] = true
	}
	return fmt.Sprint(set) // fmt prints maps in the order of their keys
}

func (d *driver) checkAgenda() {
	m := d.m
	tasks := map[task]bool{}
	for i, x := range m.agenda.heap {
		if x.slot != i+1 || x.owner == nil {
			d.Fatalf("a deadline at %d thinks that it is at %d", i+1, x.slot)
		}
		if i > 0 && x.before(m.agenda.heap[(i-1)/2]) {
			d.Fatalf("the heap is out of order at %d", i)
		}
		tasks[x.owner] = true
	}
	want := map[task]bool{}
	for _, x := range m.table.order {
		if x.suspicion != nil {
			want[x.suspicion] = true
		}
		if x.grave != nil {
			want[x.grave] = true
		}
	}
	for _, r := range m.relays.bySeq {
		want[r] = true
	}
	for _, u := range m.userPings.bySeq {
		want[u] = true
	}
	if m.probe.phase != idle {
		want[&m.probe] = true
	}
	for _, b := range []*beat{&m.probing, &m.gossiping, &m.syncing} {
		if b.isSet() {
			want[b] = true
		}
	}
	if m.self != nil && (!m.probing.isSet() || !m.syncing.isSet()) {
		d.Fatalf("the schedule has stopped")
	}
	if !maps.Equal(tasks, want) {
		d.Fatalf("%d tasks in the agenda, want %d", len(tasks), len(want))
	}
}

// checkIncarnations holds that they only grow, except where a name changes hands.
func (d *driver) checkIncarnations() {
	for _, x := range d.m.table.order {
		was, known := d.seen[x]
		if known && x.incarnation < was.incarnation && (x == d.m.self || sameAddress(x.Addr, was.addr)) {
			d.Fatalf("the incarnation of %q fell from %d to %d", x.Name, was.incarnation, x.incarnation)
		}
		d.seen[x] = history{x.incarnation, x.Addr}
	}
}

// checkOutput holds that whatever leaves can be read, and makes sense.
func (d *driver) checkOutput(out *Output) {
	for _, p := range out.Packets {
		for _, msg := range [][]byte{p.Body, p.Extra} {
			if msg != nil && !readable(msg) {
				d.Fatalf("unreadable message %x", msg)
			}
		}
		if !p.To.Addr.IsValid() && p.To.Opaque == "" {
			d.Fatalf("a packet to nowhere: %+v", p.To)
		}
	}
	for _, b := range out.Broadcasts {
		if !readable(b.Body) {
			d.Fatalf("unreadable broadcast %x", b.Body)
		}
		var a wire.Alive
		if wire.Type(b.Body[0]) == wire.TypeAlive {
			if err := a.Decode(b.Body[1:]); err != nil || Absurd(&a) != nil || a.Node != b.Name {
				d.Fatalf("told on an absurd claim about %.20q under %.20q: %v, %v", a.Node, b.Name, err, Absurd(&a))
			}
		}
	}
	for _, n := range out.News {
		if n.Member.Identity == nil || (n.Kind == Conflict) != (n.Other != nil) || n.Kind.String() == "unknown" {
			d.Fatalf("news %+v", n)
		}
	}
}

func readable(msg []byte) bool {
	decoders := map[wire.Type]func([]byte) error{
		wire.TypePing:         new(wire.Ping).Decode,
		wire.TypeIndirectPing: new(wire.IndirectPing).Decode,
		wire.TypeAck:          new(wire.Ack).Decode,
		wire.TypeNack:         new(wire.Nack).Decode,
		wire.TypeAlive:        new(wire.Alive).Decode,
		wire.TypeSuspect:      new(wire.Suspect).Decode,
		wire.TypeDead:         new(wire.Dead).Decode,
	}
	decode := decoders[wire.Type(msg[0])]
	return decode != nil && decode(msg[1:]) == nil
}

// traced is all that an output says.
func traced(out *Output) string {
	var s strings.Builder
	for _, p := range out.Packets {
		fmt.Fprintf(&s, "packet %v %x %x %v\n", p.To, p.Body, p.Extra, p.Bare)
	}
	for _, b := range out.Broadcasts {
		fmt.Fprintf(&s, "broadcast %q %x\n", b.Name, b.Body)
	}
	for _, n := range out.News {
		fmt.Fprintf(&s, "news %v %q %v %d %v %q %d %v\n", n.Kind, n.Member.Name, n.Member.State, n.Member.Incarnation, n.Member.Since, n.From, n.Health, n.RTT)
	}
	fmt.Fprintf(&s, "%v %v %v %v\n", out.Gossip, out.Syncs, out.Knocks, out.Answers)
	return s.String()
}

var _ failer = (*testing.T)(nil)
