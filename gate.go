package memberlist

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// gate decides which claims about members the machine gets to hear: it checks the addresses that
// are allowed and asks the application, before the transition and without any lock.
type gate struct {
	conf    *Config
	calls   *running
	metrics *telemetry
}

func newGate(conf *Config, calls *running, t *telemetry) *gate {
	return &gate{conf: conf, calls: calls, metrics: t}
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

// admit judges one claim whole. It may block in the Alive delegate. An error says that there was no judgement:
// ctx or the node itself has ended, and the caller should as well.
func (g *gate) admit(ctx context.Context, a *wire.Alive) (bool, error) {
	if !g.addressAllowed(a) {
		return false, nil
	}
	if g.conf.Alive == nil || swim.Absurd(a) != nil {
		return true, nil // the machine knows best what is absurd; the application need not see it
	}
	err := g.ask(ctx, claimedNode(a, g.conf))
	var veto *VetoError
	if errors.As(err, &veto) {
		g.metrics.drop("claims", "vetoed")
		return false, nil
	}
	return err == nil, err
}

// ask puts a node before the Alive delegate, on a goroutine of its own so that whoever asks can stop waiting.
// A refusal is a *VetoError. Questions do not wait for each other: an application that waits for one of them
// in another must not wait for itself.
func (g *gate) ask(ctx context.Context, n *Node) error {
	if g.conf.Alive == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	answer := make(chan error, 1)
	if !g.calls.start(func() { answer <- g.conf.Alive.NotifyAlive(n) }) {
		return ErrShutdown
	}
	select {
	case err := <-answer:
		if err != nil {
			return &VetoError{Delegate: "alive", Err: err}
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-g.calls.closing:
		return ErrShutdown
	}
}
