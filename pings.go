package memberlist

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// Ping is PingContext without a limit besides Config.ProbeTimeout.
func (m *Memberlist) Ping(node string, addr net.Addr) (time.Duration, error) {
	return m.PingContext(context.Background(), node, addr)
}

// PingContext sends one ping to the node of that name at addr and returns how long its ack took. It waits for
// Config.ProbeTimeout and then returns a NoPingResponseError. The answer says nothing about membership, though
// news may ride along as with every packet.
//
// Errors: ErrShutdown, NoPingResponseError and the context's.
func (m *Memberlist) PingContext(ctx context.Context, node string, addr net.Addr) (time.Duration, error) {
	if addr == nil {
		return 0, errNoNode
	}
	if err := m.mayTalkTo(Address{Addr: addr.String(), Name: node}); err != nil {
		return 0, err
	}
	peer := swim.Peer{Name: node, Addr: addrPortOf(addr)}
	if !peer.Addr.IsValid() {
		peer.Opaque = addr.String()
	}
	var seq uint32
	var answer <-chan swim.Answer
	m.cluster.step(func(c *swim.Machine, now time.Time) {
		seq = c.UserPing(now, peer)
		answer = m.pings.expect(seq)
	})
	defer m.pings.forget(seq)
	select {
	case a := <-answer:
		if !a.OK {
			return 0, NoPingResponseError{node}
		}
		return a.RTT, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("ping %s: %w", node, ctx.Err())
	case <-m.calls.closing:
		return 0, ErrShutdown
	}
}

// pings are the user's pings that wait for an answer.
type pings struct {
	mu      sync.Mutex // a leaf
	waiting map[uint32]chan swim.Answer
}

func newPings() *pings { return &pings{waiting: make(map[uint32]chan swim.Answer)} }

func (p *pings) expect(seq uint32) <-chan swim.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := make(chan swim.Answer, 1)
	p.waiting[seq] = answer
	return answer
}

func (p *pings) forget(seq uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, seq)
}

func (p *pings) answer(a swim.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.waiting[a.Seq]; ok {
		w <- a // it has room: the machine answers once
		delete(p.waiting, a.Seq)
	}
}
