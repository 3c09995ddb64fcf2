package swim

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// noon is when tests begin.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// current are the versions of a node like ours.
var current = wire.Versions{PMin: 1, PMax: 5, PCur: 2}

// lan are the settings most users run with.
func lan() Params {
	return Params{
		Name:                    "a",
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
		BindPort:                7946,
	}
}

// bench is a machine under test with a clock of its own.
type bench struct {
	testing.TB
	*Machine
	now time.Time
	out Output
}

// newBench starts a machine named "a" at 10.0.0.1:7946, with the first output thrown away.
func newBench(t testing.TB, change ...func(*Params)) *bench {
	t.Helper()
	p := lan()
	for _, f := range change {
		f(&p)
	}
	b := &bench{TB: t, Machine: New(p, rand.New(rand.NewPCG(1, 2))), now: noon}
	b.Start(b.now, Identity{Name: "a", Addr: addrOf(1), Versions: current})
	b.take()
	return b
}

// addrOf is the address of the node with that number.
func addrOf(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 7946)
}

// aliveOf is a claim that the node of that name and number is alive.
func aliveOf(name string, n int, incarnation uint32) *wire.Alive {
	ip := addrOf(n).Addr().As4()
	return &wire.Alive{Incarnation: incarnation, Node: name, Addr: ip[:], Port: 7946, Vsn: current.Append(nil)}
}

// know makes the machine know nodes b, c, d … at 10.0.0.2, 10.0.0.3 …
func (b *bench) know(names ...string) {
	for _, n := range names {
		b.Alive(b.now, aliveOf(n, int(n[0]-'a')+1, 1))
	}
	b.take()
}

// take returns what the machine wants done since the last time.
func (b *bench) take() *Output {
	b.Take(&b.out)
	return &b.out
}

// pass lets time go by without a tick.
func (b *bench) pass(d time.Duration) { b.now = b.now.Add(d) }

// run ticks the machine at each of its deadlines for a while, and then at the end of it.
// do, if given, sees each output.
func (b *bench) run(d time.Duration, do func(*Output)) {
	end := b.now.Add(d)
	for {
		at, ok := b.Deadline()
		if !ok || at.After(end) {
			break
		}
		if at.After(b.now) {
			b.now = at
		}
		b.Tick(b.now)
		if do != nil {
			do(b.take())
		}
	}
	b.now = end
	b.Tick(b.now)
	if do != nil {
		do(b.take())
	}
}

// state is what the machine believes about a member; "" if it knows none.
func (b *bench) state(name string) string {
	x, ok := b.Lookup(name)
	if !ok {
		return ""
	}
	return x.State.String()
}

// newsOf returns the news of one kind.
func newsOf(out *Output, kind NewsKind) (found []News) {
	for _, n := range out.News {
		if n.Kind == kind {
			found = append(found, n)
		}
	}
	return found
}
