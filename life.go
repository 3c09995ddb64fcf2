package memberlist

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// UpdateNode is UpdateNodeContext with a limit; timeout <= 0 waits without one.
func (m *Memberlist) UpdateNode(timeout time.Duration) error {
	ctx, cancel := limited(timeout)
	defer cancel()
	return m.UpdateNodeContext(ctx)
}

// UpdateNodeContext asks Delegate.NodeMeta anew, tells the cluster, and waits until it has been told
// often enough; with nobody else alive it does not wait. The wait also ends when a newer message about
// us replaces this one. When ctx ends first its error is returned, and the update goes on spreading.
//
// Errors: ErrShutdown, ErrLeft, ErrMetaTooLarge, *VetoError, and the context's.
func (m *Memberlist) UpdateNodeContext(ctx context.Context) error {
	meta, err := m.nodeMeta()
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return m.update(ctx, meta, nil)
}

// UpdateMeta sets our metadata, for those who have no Delegate or want none for this, and then does what
// UpdateNodeContext does. Delegate.NodeMeta is not asked any more. The bytes are copied.
func (m *Memberlist) UpdateMeta(ctx context.Context, meta []byte) error {
	if len(meta) > MetaMaxSize {
		return fmt.Errorf("update: %w: %d bytes exceed %d", ErrMetaTooLarge, len(meta), MetaMaxSize)
	}
	kept := append(make([]byte, 0, len(meta)), meta...)
	return m.update(ctx, kept, &kept)
}

// update announces metadata. keep, if not nil, is from then on what we announce without asking: set in the
// step that announces it, so that what was refused is forgotten and the last to be announced is kept.
func (m *Memberlist) update(ctx context.Context, meta []byte, keep *[]byte) error {
	was := m.self()
	self := swim.Identity{Name: was.Name, Addr: was.Addr, Meta: meta, Versions: was.Versions}
	if err := m.fits(&self); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	if err := m.gate.ask(ctx, newNode(&self, StateAlive)); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	left := false
	err := m.announce(ctx, func(c *swim.Machine, now time.Time, told chan struct{}) bool {
		if left = c.HasLeft(); left {
			return false
		}
		if keep != nil {
			m.meta.Store(keep)
		}
		return c.Update(now, meta, told)
	})
	if left {
		return fmt.Errorf("update: %w", ErrLeft)
	}
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

// Leave is LeaveContext with a limit; timeout <= 0 waits without one.
func (m *Memberlist) Leave(timeout time.Duration) error {
	ctx, cancel := limited(timeout)
	defer cancel()
	return m.LeaveContext(ctx)
}

// LeaveContext tells the cluster that we go, so that nobody takes us for dead, and waits until that has been
// told often enough; with nobody else alive it does not wait. NotifyLeave is told of ourselves before it
// returns. Everything else goes on until Shutdown, which should follow. A second call returns nil at once.
// Join brings a node back that has left, one that is under way or repeated in the background as well.
//
// Errors: ErrShutdown and the context's; the message goes on spreading even so.
func (m *Memberlist) LeaveContext(ctx context.Context) error {
	err := m.announce(ctx, func(c *swim.Machine, now time.Time, told chan struct{}) bool {
		return !c.HasLeft() && c.Leave(now, told)
	})
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// announce makes a change of ourselves, and waits until it has been told to the application and, if the
// change says so, to the cluster.
func (m *Memberlist) announce(ctx context.Context, change func(*swim.Machine, time.Time, chan struct{}) bool) error {
	told, wait := make(chan struct{}), false
	if !m.cluster.step(func(c *swim.Machine, now time.Time) { wait = change(c, now, told) }) {
		return ErrShutdown
	}
	m.herald.settle(ctx)
	if !wait {
		return nil
	}
	select {
	case <-told:
		if m.isShutdown() { // which ends every message, told or not
			return ErrShutdown
		}
		return nil
	case <-m.calls.closing:
		return ErrShutdown
	case <-ctx.Done():
		return fmt.Errorf("not yet told to all: %w", ctx.Err())
	}
}

// ForceRemove declares a member gone, as if it had left by itself, and tells the cluster. A member that is
// in fact alive refutes it. Our own name is refused; so is one that is not known. It does not wait for
// NotifyLeave, so that it may be called there.
func (m *Memberlist) ForceRemove(name string) error {
	found := false
	if !m.cluster.step(func(c *swim.Machine, now time.Time) { found = c.ForceRemove(now, name) }) {
		return ErrShutdown
	}
	if !found {
		return fmt.Errorf("force remove: no other member is named %q", name)
	}
	return nil
}

// rejoin makes a node a member that has left, or that its application would not have as one before.
func (m *Memberlist) rejoin(ctx context.Context) {
	if self := m.self(); self.State == swim.Left && m.admitted(ctx, self.Identity) {
		m.cluster.step(func(c *swim.Machine, now time.Time) { c.Rejoin(now) })
	}
}

// admitted asks the Alive delegate whether this node itself may be a member. If not, it goes on without being
// one, which some programs want: it sees the cluster and is not seen.
func (m *Memberlist) admitted(ctx context.Context, self *swim.Identity) bool {
	err := m.gate.ask(ctx, newNode(self, StateAlive))
	if err != nil {
		m.log.Warn("this node is no member", "error", err)
	}
	return err == nil
}

// nodeMeta is the metadata that we announce.
func (m *Memberlist) nodeMeta() ([]byte, error) {
	var meta []byte
	if kept := m.meta.Load(); kept != nil {
		meta = *kept
	} else if m.conf.Delegate != nil {
		if !m.calls.do(func() { meta = bytes.Clone(m.conf.Delegate.NodeMeta(MetaMaxSize)) }) {
			return nil, ErrShutdown
		}
	}
	if len(meta) > MetaMaxSize {
		return nil, fmt.Errorf("%w: %d bytes exceed %d", ErrMetaTooLarge, len(meta), MetaMaxSize)
	}
	return meta, nil
}

func (m *Memberlist) self() (row swim.Member) {
	m.cluster.view(func(c *swim.Machine) { row = c.Self() })
	return row
}

func (m *Memberlist) isShutdown() bool {
	select {
	case <-m.calls.closing:
		return true
	default:
		return false
	}
}

// limited makes a context of a timeout, where none or a negative one is no limit.
func limited(timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), timeout)
}
