package memberlist

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// cluster is the protocol machine behind its one door: step changes it, view reads it, and nothing
// else in this package locks it. Inside a step there is no foreign code, no channel operation, no I/O
// and no log. News and membership rumours enter their queues inside the step, so that their order is
// that of the transitions; everything that waits or calls out happens after the lock is gone.
type cluster struct {
	mu      sync.Mutex
	machine *swim.Machine
	armed   time.Time // when the alarm rings; zero: it does not
	halted  bool
	listed  uint64  // the version of the table that list shows
	list    []*Node // never changed once made

	alarm *time.Timer
	size  atomic.Int64 // rows in the table, for whoever may not take the lock

	rumours  *TransmitLimitedQueue
	herald   *herald
	metrics  *telemetry
	longest  int                // bytes of the longest rumour that a packet can carry
	act      func(*swim.Output) // carries out what a step asked for; set before the first step
	asks     bool               // an application is asked for broadcasts on every gossip tick
	suspects bool               // Config.ReportSuspects
}

// overslept is how late an alarm may be before the process is taken to have stood still.
// What arrived meanwhile is then heard before any deadline is judged.
const overslept = 100 * time.Millisecond

func newCluster(p swim.Params, rumours *TransmitLimitedQueue, h *herald) *cluster {
	c := &cluster{
		machine: swim.New(p, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
		alarm:   time.NewTimer(time.Hour),
		rumours: rumours,
		herald:  h,
	}
	c.alarm.Stop()
	return c
}

// outputs recycles the empty sets that a step trades for a full one.
var outputs = sync.Pool{New: func() any { return new(swim.Output) }}

// step runs one transition and then carries out what it asked for. After halt it does nothing, and returns
// false. f must not block.
func (c *cluster) step(f func(m *swim.Machine, now time.Time)) bool {
	out := outputs.Get().(*swim.Output)
	stepped := c.transition(f, out)
	if stepped {
		c.act(out)
	}
	out.Reset()
	outputs.Put(out)
	return stepped
}

// transition is the part of a step that holds the lock.
func (c *cluster) transition(f func(m *swim.Machine, now time.Time), out *swim.Output) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.halted {
		return false
	}
	now := time.Now()
	f(c.machine, now)
	c.machine.Take(out)
	for i := range out.Broadcasts {
		c.queue(&rumour{out.Broadcasts[i]})
	}
	if len(out.News) > 0 {
		c.herald.add(out.News, c.suspects)
	}
	c.machine.SetPending(now, c.asks || c.rumours.NumQueued() > 0)
	c.size.Store(int64(c.machine.Len()))
	c.rearm(now)
	return true
}

// queue puts a rumour where packets are filled from. One that no packet can carry would wait there for
// ever; it is left to the full state exchanges.
func (c *cluster) queue(r *rumour) {
	if len(r.Body) > c.longest {
		c.metrics.drop("rumours", "too large for a packet")
		r.Finished()
		return
	}
	c.rumours.QueueBroadcast(r)
}

// rearm sets the alarm to the time at which the machine wants to be woken. One that rings early would
// be harmless, but to wake a sleeping process costs more than to set a timer.
func (c *cluster) rearm(now time.Time) {
	at, ok := c.machine.Deadline()
	switch {
	case !ok:
		c.armed = time.Time{}
		c.alarm.Stop()
	case !at.Equal(c.armed):
		c.armed = at
		c.alarm.Reset(at.Sub(now))
	}
}

// tick applies every deadline that is due.
func (c *cluster) tick() {
	c.step(func(m *swim.Machine, now time.Time) {
		c.armed = time.Time{}
		m.Tick(now)
	})
}

// late reports whether the alarm that just rang did so long after its time.
func (c *cluster) late() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.armed.IsZero() && time.Since(c.armed) > overslept
}

// halt ends all transitions: what stands in the table stays readable, nothing changes it any more.
func (c *cluster) halt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halted = true
	c.alarm.Stop()
}

// view reads the machine. Nothing that f finds there may be kept, identities apart.
func (c *cluster) view(f func(m *swim.Machine)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.machine)
}

// members lists those that are alive or suspect. The list is made anew only after a change.
func (c *cluster) members() (list []*Node) {
	c.view(func(m *swim.Machine) {
		if c.list == nil || c.listed != m.Version() {
			c.list = make([]*Node, 0, m.NumAlive())
			c.listed = m.Version()
			for row := range m.All {
				if row.State <= swim.Suspect {
					c.list = append(c.list, publicNode(row, c.suspects))
				}
			}
		}
		list = c.list
	})
	return append(make([]*Node, 0, len(list)), list...)
}

// sign states in a ping who asks.
func (c *cluster) sign(p *wire.Ping) {
	c.view(func(m *swim.Machine) {
		self := m.Self()
		p.SourceNode, p.SourceAddr, p.SourcePort = self.Name, self.Addr.Addr().AsSlice(), self.Addr.Port()
	})
}
