package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// maxUserMessage is the largest message that travels by stream.
const maxUserMessage = wire.MaxStreamBytes

var errNoNode = errors.New("no node or address is given")

// SendBestEffort sends a message to a member's Delegate.NotifyMsg in one packet, which may be lost. It returns
// the transport's error. What does not fit into a packet (65,507 bytes, or Config.UDPBufferSize if that is more
// and the transport is not a NetTransport, less what label, encryption and checksum take) is refused with
// ErrMessageTooLarge; mind that networks drop what exceeds their MTU more often than small packets.
func (m *Memberlist) SendBestEffort(to *Node, msg []byte) error {
	if to == nil {
		return errNoNode
	}
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
	if to == nil {
		return errNoNode
	}
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
	if to == nil {
		return errNoNode
	}
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
