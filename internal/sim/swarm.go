package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Outcome is what became of one seed of the swarm.
type Outcome struct {
	Seed    uint64
	Nodes   int // at the beginning
	Lives   int
	Steps   int
	Hash    uint64
	Virtual time.Duration
	Faults  Counts
	Agreed  time.Duration // how long after the last fault
	Found   time.Duration // how long after the crash at the end
	Bound   time.Duration // for either
}

// Swarm runs a small cluster whose settings, network, faults and their strength are all drawn from
// the seed: a run with everything at once would never show what a run with two things does.
//
// While faults happen, the laws of safety are judged after every step. Then it becomes calm, and as
// long as the protocol does not find by itself who was given up, the nodes join again; in the time
// that the settings promise, all must agree. After that nobody may be suspected, until a last node
// crashes, which all must find out about.
//
// The error is a *Violation, with the last steps of the nodes concerned.
func Swarm(seed uint64) (Outcome, error) { return swarm(seed, nil) }

// traceLines is how many steps a violation shows.
const traceLines = 60

// swarm is Swarm with bugs planted.
func swarm(seed uint64, plant func(*swarmer)) (Outcome, error) {
	out, err := runSwarm(seed, plant, nil, nil)
	var v *Violation
	if !errors.As(err, &v) {
		return out, err
	}
	// The same seed gives the same run, so nothing needs to be written down before it is needed.
	var lines []string
	watch := func(name string) bool { return name == baseName(v.Node) || name == v.About }
	_, again := runSwarm(seed, plant, watch, func(line string) { lines = append(lines, line) })
	if errors.As(again, &v) {
		v.Trace = lines[max(0, len(lines)-traceLines):]
	}
	return out, v
}

// baseName returns the name of a node without the number of its life.
func baseName(node string) string {
	for i := range node {
		if node[i] == '#' {
			return node[:i]
		}
	}
	return node
}

// swarmer is one run of the swarm.
type swarmer struct {
	*Sim
	dice     *rand.Rand
	nodes    int
	names    int
	pace     time.Duration // between two acts of mischief, on average
	mischief []mischief
	acts     int
	mixed    bool // versions differ
	calm     bool
	out      Outcome
}

func runSwarm(seed uint64, plant func(*swarmer), watch func(string) bool, trace func(string)) (Outcome, error) {
	w := &swarmer{dice: rand.New(rand.NewPCG(seed, 1<<32))}
	w.nodes = 3 + w.dice.IntN(18)
	if w.odds(0.02) {
		w.nodes *= 4
	}
	opt := Options{Seed: seed, Settings: w.settings(), Network: w.network(), Laws: true, Watch: watch, Trace: trace}
	w.Sim = New(opt)
	w.out = Outcome{Seed: seed, Nodes: w.nodes}
	w.mixed = w.odds(0.2)
	w.chooseMischief()
	if plant != nil {
		plant(w)
	}
	err := w.run()
	w.out.Lives, w.out.Steps, w.out.Hash = len(w.Sim.nodes), w.steps, w.hash
	w.out.Virtual, w.out.Faults = w.now, w.faults
	return w.out, err
}

// run goes through the phases.
func (w *swarmer) run() error {
	for _, phase := range []func() error{w.boot, w.havoc, w.becomeCalm, w.agree, w.drain, w.stayCalm, w.lastCrash} {
		if err := phase(); err != nil {
			return err
		}
	}
	return nil
}

// between draws a time.
func (w *swarmer) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.dice.Int64N(int64(most-least)+1))
}

// chance returns true in the given share of cases.
func (w *swarmer) odds(share float64) bool { return w.dice.Float64() < share }

// some returns a share up to most, and in half of the cases 0.
func (w *swarmer) some(most float64) float64 {
	if w.odds(0.5) {
		return 0
	}
	return w.dice.Float64() * most
}

// settings draws what the nodes run with, well beyond what is sensible.
func (w *swarmer) settings() Settings {
	s := LAN()
	s.ProbeInterval = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second}[w.dice.IntN(3)]
	s.ProbeTimeout = time.Duration(float64(s.ProbeInterval) * (0.3 + 0.3*w.dice.Float64()))
	s.IndirectChecks = w.dice.IntN(4)
	s.SuspicionMult = 2 + w.dice.IntN(4)
	s.SuspicionMaxTimeoutMult = 1 + w.dice.IntN(6)
	s.AwarenessMax = 1 + w.dice.IntN(8)
	s.GossipInterval = w.between(50*time.Millisecond, 500*time.Millisecond)
	s.GossipNodes = 1 + w.dice.IntN(4)
	s.GossipToTheDeadTime = w.between(5*time.Second, 30*time.Second)
	s.PushPullInterval = w.between(5*time.Second, 30*time.Second)
	s.DisableStreamPings = w.odds(0.3)
	s.ProbeByStream = w.odds(0.05)
	s.ReclaimUnreachable = w.odds(0.3)
	if w.odds(0.5) {
		s.DeadNodeReclaimTime = w.between(time.Second, 20*time.Second)
	}
	s.RetransmitMult = 1 + w.dice.IntN(4)
	s.PacketSize = 400 + w.dice.IntN(1001)
	s.StreamTimeout = w.between(time.Second, 10*time.Second)
	s.Inbox = 10 + w.dice.IntN(1000)
	s.Versions.PMax = uint8(2 + w.dice.IntN(4))
	s.Compress = w.odds(0.1)
	if w.odds(0.2) {
		s.Label = "swarm"
	}
	if w.odds(0.1) {
		s.Key, _ = wire.NewKey(make([]byte, 16))
	}
	return s
}

// network draws how packets fare while it is bad.
func (w *swarmer) network() Network {
	n := Network{
		Latency:   Uniform(w.between(0, 5*time.Millisecond), w.between(5*time.Millisecond, 50*time.Millisecond)),
		Loss:      w.some(0.3),
		Duplicate: w.some(0.2),
		Reorder:   w.some(0.2),
		DialFail:  w.some(0.4),
		Break:     w.some(0.4),
	}
	if w.odds(0.3) {
		n.Latency.Tail, n.Latency.Long = 0.05*w.dice.Float64(), w.between(time.Millisecond, 30*time.Millisecond)
	}
	if w.odds(0.2) {
		n.Bandwidth, n.Backlog = 2000+w.dice.IntN(50_000), time.Second
	}
	if w.odds(0.3) {
		far := Uniform(10*time.Millisecond, w.between(20*time.Millisecond, 150*time.Millisecond))
		near := n.Latency
		n.Zones = func(from, to int) Latency {
			if from == to {
				return near
			}
			return far
		}
	}
	return n
}

// boot starts the cluster while the network is bad already.
func (w *swarmer) boot() error {
	for range w.nodes {
		w.After(w.between(0, 3*time.Second), func() { w.newcomer() })
	}
	return w.Run(w.now + 4*time.Second)
}

// newcomer starts a node under a new name.
func (w *swarmer) newcomer() {
	w.names++
	if w.mixed {
		// The nodes of a cluster that is being upgraded understand different things.
		w.Settings().Versions.PMax = uint8(2 + w.dice.IntN(4))
	}
	n := w.Start(fmt.Sprintf("n%d", w.names), w.meta())
	n.SetZone(w.dice.IntN(2))
	w.join(n)
}

// meta draws what a node says about itself.
func (w *swarmer) meta() []byte {
	if w.odds(0.2) {
		return nil
	}
	return fmt.Appendf(nil, "%0*d", 1+w.dice.IntN(40), w.dice.IntN(1000))
}

// join has a node join another one, if there is one.
func (w *swarmer) join(n *Node) {
	others := slices.DeleteFunc(w.Running(), func(o *Node) bool { return o == n })
	if len(others) > 0 && !n.stalls.frozen {
		n.Join(others[w.dice.IntN(len(others))], nil)
	}
}

// havoc lets mischief happen for a while.
func (w *swarmer) havoc() error {
	w.After(w.between(0, w.pace), w.mischiefHappens)
	return w.Run(w.now + w.between(20*time.Second, 80*time.Second))
}

// becomeCalm ends everything that is wrong, and waits until what was on its way has arrived and
// every probe that was begun in bad times has ended.
func (w *swarmer) becomeCalm() error {
	w.calm = true
	w.Heal()
	*w.Network() = Network{Latency: Uniform(time.Millisecond, 5*time.Millisecond)}
	for _, n := range w.Running() {
		n.Release()
		n.Thaw()
	}
	for _, n := range w.Running() {
		if n.machine.HasLeft() {
			n.Kill()
		}
	}
	for len(w.Running()) < 3 {
		w.newcomer()
	}
	if w.acts < 3 || w.faults.Total() == 0 {
		w.violate(nil, "", lawFaults, "%d acts, %v", w.acts, &w.faults)
	}
	settings := w.Settings()
	// The inbox of a held node may hold requests that make it begin to probe for others.
	settle := max(settings.StreamTimeout, time.Duration(settings.AwarenessMax+2)*settings.ProbeInterval, 5*time.Second)
	return w.Run(w.now + settle)
}

// agree has nodes join again until all agree, in each round every node another one. When two lives of
// one name have announced different meta under one incarnation, because the second did not know of the
// first, only the owner itself can tell the others who of them is wrong, in an exchange with each.
func (w *swarmer) agree() (err error) {
	done, round := false, 0
	var rejoin func()
	rejoin = func() {
		if done {
			return
		}
		round++
		running := w.Running()
		for i, n := range running {
			if with := running[(i+round)%len(running)]; with != n {
				n.Join(with, nil)
			}
		}
		w.After(2*time.Second, rejoin)
	}
	rejoin()
	w.out.Bound = w.Settings().Patience(w.names)
	w.out.Agreed, err = w.Await(w.out.Bound, 250*time.Millisecond)
	done = true
	return err
}

// drain waits until nobody has anything left to tell.
func (w *swarmer) drain() error {
	until := w.now + time.Minute + w.Settings().StreamTimeout
	for {
		busy := slices.IndexFunc(w.Running(), func(n *Node) bool {
			rumours, mail := n.Queued()
			return rumours > 0 || mail > 0
		})
		if busy < 0 {
			return nil
		}
		if w.now > until {
			n := w.Running()[busy]
			w.violate(n, "", lawDrain, "%d rumours and %d messages wait", n.rumours.queue.Len(), n.mail.queue.Len())
		}
		if err := w.Run(w.now + time.Second); err != nil {
			return err
		}
	}
}

// stayCalm runs for a while in which nobody may be suspected, and all must go on agreeing.
func (w *swarmer) stayCalm() error {
	w.Quiet()
	if err := w.Run(w.now + 15*time.Second); err != nil {
		return err
	}
	for _, n := range w.Running() {
		if health := n.machine.Health(); health > 0 {
			w.violate(n, "", lawHealth, "has a health score of %d", health)
		}
	}
	_, err := w.Await(0, time.Second)
	w.Disquiet()
	return err
}

// lastCrash has one more node crash: now nothing else hides whether the others find out.
func (w *swarmer) lastCrash() (err error) {
	running := w.Running()
	running[w.dice.IntN(len(running))].Crash()
	w.out.Found, err = w.Await(w.out.Bound, 250*time.Millisecond)
	return err
}
