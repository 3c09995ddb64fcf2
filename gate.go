package memberlist

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// gate decides which claims about members the machine gets to hear: it checks the addresses that
// are allowed and asks the application, before the transition and without any lock.
type gate struct {
	conf    *Config
	calls   *running
	metrics *telemetry
	turn    chan struct{} // one slot: the Alive delegate is asked one question at a time
	since   atomic.Int64  // when the one that has the turn began, in nanoseconds after begun; 0 is just now
	begun   time.Time
}

// turnPatience is how long a question keeps others waiting. An application that itself calls a method that
// leads to a question, while it judges, would wait for itself otherwise.
const turnPatience = time.Second

func newGate(conf *Config, calls *running, t *telemetry) *gate {
	return &gate{conf: conf, calls: calls, metrics: t, turn: make(chan struct{}, 1), begun: time.Now()}
}

// checks reports whether anything stands between a claim and the machine.
func (g *gate) checks() bool { return g.conf.Alive != nil || g.conf.IPMustBeChecked() }

// sourceAllowed judges the source of a packet that carries alive messages.
func (g *gate) sourceAllowed(from netip.Addr) bool {
	if !g.conf.IPMustBeChecked() || !from.IsValid() {
		return true
	}
	return g.conf.IPAllowed(net.IP(from.AsSlice())) == nil
}

// addressAllowed judges the address inside a claim. Our own is not in question.
func (g *gate) addressAllowed(a *wire.Alive) bool {
	if !g.conf.IPMustBeChecked() || a.Node == g.conf.Name {
		return true
	}
	if g.conf.IPAllowed(a.Addr) == nil {
		return true
	}
	g.metrics.drop("claims", "address not allowed")
	return false
}

// admit judges one claim whole. It may block in the Alive delegate. An error says that it could not be judged
// and that no other will be: ctx has ended, or the node shuts down.
func (g *gate) admit(ctx context.Context, a *wire.Alive) (bool, error) {
	if !g.addressAllowed(a) {
		return false, nil
	}
	if g.conf.Alive == nil {
		return true, nil
	}
	if swim.Absurd(a) != nil {
		return true, nil // the machine knows best what to do with it; the application need not see it
	}
	if err := g.ask(ctx, claimedNode(a, g.conf)); err != nil {
		if err := g.ended(ctx); err != nil {
			return false, err
		}
		g.metrics.drop("claims", "vetoed")
		return false, nil
	}
	return true, nil
}

// ended is why nothing can be asked any more, or nil.
func (g *gate) ended(ctx context.Context) error {
	select {
	case <-g.calls.closing:
		return ErrShutdown
	default:
		return ctx.Err()
	}
}

// ask puts a node before the Alive delegate.
func (g *gate) ask(ctx context.Context, n *Node) (err error) {
	if g.conf.Alive == nil {
		return nil
	}
	done, err := g.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !g.calls.do(func() { err = g.conf.Alive.NotifyAlive(n) }) {
		return ErrShutdown
	}
	return err
}

// take waits for the turn, or until the one that has it has had it for too long.
func (g *gate) take(ctx context.Context) (done func(), err error) {
	for {
		overdue := time.NewTimer(g.patience())
		defer overdue.Stop()
		select {
		case g.turn <- struct{}{}:
			g.since.Store(int64(time.Since(g.begun)) + 1)
			return g.give, nil
		case <-overdue.C:
			if g.patience() <= 0 { // otherwise somebody else has the turn by now
				return func() {}, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-g.calls.closing:
			return nil, ErrShutdown
		}
	}
}

func (g *gate) give() {
	g.since.Store(0)
	<-g.turn
}

// patience is how long to wait for the one that has the turn.
func (g *gate) patience() time.Duration {
	since := time.Duration(g.since.Load())
	if since == 0 {
		return turnPatience
	}
	return since + turnPatience - time.Since(g.begun)
}

// vetoed gives a refusal of the Alive delegate its type; other errors pass.
func vetoed(err error) error {
	if errors.Is(err, ErrShutdown) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &VetoError{Delegate: "alive", Err: err}
}
