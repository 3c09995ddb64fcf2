package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// maxUserMessage is the largest message that travels by stream.
const maxUserMessage = 20 << 20

// SendBestEffort sends a message to a member's Delegate.NotifyMsg in one packet, which may be lost. It returns
// the transport's error. What does not fit into a packet of the transport (65,507 bytes less what label,
// encryption and checksum take) is refused with ErrMessageTooLarge; mind that networks drop what
// exceeds their MTU more often than small packets.
func (m *Memberlist) SendBestEffort(to *Node, msg []byte) error {
	return m.sendPacket(to.FullAddress(), to.PMax >= 5, msg)
}

// SendToAddress is SendBestEffort to an address, whose Name may be empty unless Config.RequireNodeNames is set.
func (m *Memberlist) SendToAddress(a Address, msg []byte) error {
	return m.sendPacket(a, false, msg)
}

// SendTo is SendToAddress for an address without a name.
//
// Deprecated: use SendBestEffort or SendToAddress.
func (m *Memberlist) SendTo(to net.Addr, msg []byte) error {
	return m.sendPacket(Address{Addr: to.String()}, false, msg)
}

// SendToUDP is SendBestEffort.
//
// Deprecated: use SendBestEffort.
func (m *Memberlist) SendToUDP(to *Node, msg []byte) error { return m.SendBestEffort(to, msg) }

// SendToTCP is SendReliable.
//
// Deprecated: use SendReliable.
func (m *Memberlist) SendToTCP(to *Node, msg []byte) error { return m.SendReliable(to, msg) }

// SendReliable is SendReliableContext without a limit besides Config.TCPTimeout.
func (m *Memberlist) SendReliable(to *Node, msg []byte) error {
	return m.SendReliableContext(context.Background(), to, msg)
}

// SendReliableContext sends a message of up to 20 MiB to a member's Delegate.NotifyMsg over a stream, in at most
// Config.TCPTimeout. It returns once the transport has taken all bytes; the receiver acknowledges nothing.
//
// Errors: ErrShutdown, ErrMessageTooLarge, ErrNameRequired, those of the transport and the context.
func (m *Memberlist) SendReliableContext(ctx context.Context, to *Node, msg []byte) error {
	if err := m.mayTalkTo(to.FullAddress()); err != nil {
		return err
	}
	if len(msg) > maxUserMessage {
		return fmt.Errorf("send %d bytes to %s: %w: a stream carries %d", len(msg), to.Name, ErrMessageTooLarge, maxUserMessage)
	}
	if err := m.streams.sendMessage(ctx, to.FullAddress(), msg); err != nil {
		return fmt.Errorf("send to %s: %w", to.Name, err)
	}
	return nil
}

func (m *Memberlist) sendPacket(to Address, checksum bool, msg []byte) error {
	if err := m.mayTalkTo(to); err != nil {
		return err
	}
	return m.sender.sendUser(to, checksum, msg)
}

func (m *Memberlist) mayTalkTo(to Address) error {
	switch {
	case m.isShutdown():
		return ErrShutdown
	case m.conf.RequireNodeNames && to.Name == "":
		return fmt.Errorf("send to %s: %w", to.Addr, ErrNameRequired)
	default:
		return nil
	}
}

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

// vetoed gives a refusal of the Alive delegate its type; other errors pass.
func vetoed(err error) error {
	if errors.Is(err, ErrShutdown) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &VetoError{Delegate: "alive", Err: err}
}
