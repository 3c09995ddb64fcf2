package memberlist

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// joinsAtOnce is how many addresses Join begins to try at the same time.
	joinsAtOnce = 10
	// joinPatience is how long one address may keep others from being tried. A node that is well answers
	// sooner; one that hangs for a whole TCPTimeout must not make others wait that long.
	joinPatience = 100 * time.Millisecond
)

// Join is JoinContext without a limit besides Config.TCPTimeout for each address.
func (m *Memberlist) Join(existing []string) (int, error) {
	return m.JoinContext(context.Background(), existing)
}

// JoinContext exchanges full state with the nodes at the given addresses and so becomes a member of their
// cluster. An address is [name/]host[:port]; the port is BindPort if it is missing, an IPv6 address may stand
// in brackets or bare, and of a host name every address is tried. About ten are begun at once, and
// one that does not answer at once makes room for the next, so it delays no other.
//
// It returns the number of addresses with which the exchange succeeded, our own among them, and an error
// only if there was none: the errors of all, joined, each a *JoinError that wraps what happened
// (*RemoteError, *VersionError, *VetoError, ErrNameRequired, a network error, the context's). After it has
// returned, NotifyJoin has been told of every member learnt. An empty list gives 0, nil. After Shutdown it
// returns ErrShutdown.
//
// After Leave, or when the Alive delegate has refused this node in Create, Join asks the Alive delegate and
// brings the node back, with NotifyJoin of itself; refused, it sees the others and is not seen. It does so as
// soon as an address accepts the connection, whatever comes of the exchange; if none does, the node stays away.
// So a program that joins again and again in the background must stop that before Leave.
func (m *Memberlist) JoinContext(ctx context.Context, existing []string) (int, error) {
	if m.isShutdown() {
		return 0, ErrShutdown
	}
	if len(existing) == 0 {
		return 0, nil
	}
	joined, err := m.joinAll(ctx, existing)
	m.herald.settle(ctx)
	if joined > 0 && err != nil {
		m.log.Warn("some addresses could not be joined", errAttr(err))
	}
	switch {
	case m.isShutdown():
		return joined, ErrShutdown
	case joined > 0:
		return joined, nil
	default:
		return 0, err
	}
}

// tally collects what became of the addresses of one Join.
type tally struct {
	mu     sync.Mutex // a leaf
	joined int
	errs   []error
}

func (t *tally) add(addr string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.joined++
		return
	}
	t.errs = append(t.errs, &JoinError{Addr: addr, Err: err})
}

func (t *tally) result() (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.joined, errors.Join(t.errs...)
}

// joinAll resolves and tries every address, some at once. It returns when all have been tried, ctx ends, or
// the node shuts down, and ends what it has begun: a delegate that blocks keeps only the goroutine that called it.
func (m *Memberlist) joinAll(ctx context.Context, existing []string) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &tally{}
	done := make(chan struct{})
	m.loops.start(func() {
		defer close(done)
		var all sync.WaitGroup
		slots := make(chan struct{}, joinsAtOnce)
		for _, target := range existing {
			all.Go(func() { m.joinTarget(ctx, target, slots, &all, t) })
		}
		all.Wait()
	})
	select {
	case <-done:
	case <-ctx.Done():
		t.add(fmt.Sprintf("%d addresses", len(existing)), ctx.Err())
	case <-m.loops.closing:
	}
	return t.result()
}

// joinTarget tries every address that one entry of the list stands for.
func (m *Memberlist) joinTarget(ctx context.Context, target string, slots chan struct{}, all *sync.WaitGroup, t *tally) {
	var addrs []Address
	err := occupy(ctx, slots, func() (err error) {
		addrs, err = m.resolver.resolve(ctx, target)
		return err
	})
	if err != nil {
		t.add(target, err)
		return
	}
	for _, addr := range addrs {
		all.Go(func() {
			t.add(addr.String(), occupy(ctx, slots, func() error { return m.joinAddress(ctx, addr) }))
		})
	}
}

func (m *Memberlist) joinAddress(ctx context.Context, addr Address) error {
	if m.conf.RequireNodeNames && addr.Name == "" {
		return ErrNameRequired
	}
	if err := m.streams.exchange(ctx, addr, true); err != nil {
		return fmt.Errorf("exchange state: %w", err)
	}
	return nil
}

// occupy runs f in a slot, which it gives back when f returns or has taken too long.
func occupy(ctx context.Context, slots chan struct{}, f func() error) error {
	select {
	case slots <- struct{}{}:
		vacate := sync.OnceFunc(func() { <-slots })
		defer vacate()
		defer time.AfterFunc(joinPatience, vacate).Stop()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}
