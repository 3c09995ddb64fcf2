package memnet

import (
	"net"
	"os"
	"time"
)

// Dial opens a stream to a node: there and back once, when nothing keeps it from passing. It is refused
// if nobody is there, and after Shutdown. While a cut, a partition or a pause lies between, and while too many
// streams wait to be accepted, it waits, for at most timeout; 0 is no limit.
func (n *Node) Dial(addr, name string, timeout time.Duration) (net.Conn, error) {
	to := target{addr, name}
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	at, err := n.reach(to, expired)
	if err != nil {
		return nil, n.fail("dial", to, err)
	}
	ours, theirs := n.net.connect(n, at)
	err = n.enqueue(at, theirs, expired)
	if err != nil {
		_ = ours.Close() // nobody has seen either end
		_ = theirs.Close()
		return nil, n.fail("dial", to, err)
	}
	return ours, nil
}

// reach waits until a handshake with the target has gone there and back.
func (n *Node) reach(to target, expired <-chan time.Time) (*Node, error) {
	for travelled := false; ; {
		step := n.try(to, travelled)
		switch {
		case step.err != nil, step.node != nil:
			return step.node, step.err
		case step.changed != nil:
			select {
			case <-step.changed:
			case <-expired:
				return nil, os.ErrDeadlineExceeded
			case <-n.done:
				return nil, net.ErrClosed
			}
		default:
			if err := n.travel(step.trip, expired); err != nil {
				return nil, err
			}
			travelled = true
		}
	}
}

// step is what a handshake does next: it has succeeded, has failed, waits for a change, or is on its way.
type step struct {
	node    *Node
	err     error
	changed <-chan struct{}
	trip    time.Duration
}

func (n *Node) try(to target, travelled bool) step {
	network := n.net
	network.mu.Lock()
	defer network.mu.Unlock()
	if n.closed {
		return step{err: net.ErrClosed}
	}
	at, known := network.find(to)
	if !known {
		return step{err: ErrRefused}
	}
	if w := &network.weather; w.bad {
		if !network.passes(n.name, at.name) || !network.passes(at.name, n.name) || w.paused[n.name] || w.paused[at.name] {
			return step{changed: network.nextChange()}
		}
		there, back := network.link(n.name, at.name), network.link(at.name, n.name)
		if !travelled {
			return step{trip: there.delay(there.rand) + back.delay(back.rand)}
		}
		if there.Refuse > 0 && there.rand.Float64() < there.Refuse {
			return step{err: ErrRefused}
		}
	}
	if at.node == nil {
		return step{err: ErrRefused}
	}
	return step{node: at.node}
}

// travel waits for as long as a way takes.
func (n *Node) travel(d time.Duration, expired <-chan time.Time) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-expired:
		return os.ErrDeadlineExceeded
	case <-n.done:
		return net.ErrClosed
	}
}

// enqueue puts our end's other end among the streams that wait at a node.
func (n *Node) enqueue(at *Node, theirs net.Conn, expired <-chan time.Time) error {
	select {
	case <-at.done:
		return ErrRefused
	case <-n.done:
		return net.ErrClosed
	case <-expired:
		return os.ErrDeadlineExceeded
	case at.streams <- theirs:
	}
	select {
	case <-at.done: // it may have emptied its backlog before this one came
		at.refuseWaiting()
		return ErrRefused
	default:
		return nil
	}
}
