package memberlist

import (
	"errors"
	"fmt"
	"net"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// talk is one conversation: a connection, what has been read from it, and the label that holds on it.
type talk struct {
	streams *streams
	conn    net.Conn
	in      *wire.StreamReader
	label   string // additional data of everything sealed
	held    int64  // bytes counted in streams.memory

	vacate func() // when others began it: gives its slot back, before the application takes its time

	received int // bytes read
}

func newTalk(s *streams, conn net.Conn) *talk {
	t := &talk{streams: s, conn: conn, label: s.conf.Label}
	t.in = wire.NewStreamReader(t, t.grow)
	return t
}

// Read counts what comes in.
func (t *talk) Read(b []byte) (int, error) {
	n, err := t.conn.Read(b)
	t.received += n
	return n, err
}

// grow counts memory that the conversation is about to hold.
func (t *talk) grow(n int) error {
	if t.streams.memory.Add(int64(n)) > maxStreamMemory {
		t.streams.memory.Add(int64(-n))
		return errStreamMemory
	}
	t.held += int64(n)
	return nil
}

func (t *talk) free() { t.streams.memory.Add(-t.held) }

// answer reads what the other side wants and serves it.
func (t *talk) answer() error {
	if err := t.readLabel(); err != nil {
		return err
	}
	kind, err := t.next(t.streams.conf.GossipVerifyIncoming)
	if err != nil {
		return t.complain(err)
	}
	switch kind {
	case wire.TypeUser:
		return t.hearMessage()
	case wire.TypePushPull:
		return t.answerExchange()
	case wire.TypePing:
		return t.answerPing()
	default:
		return fmt.Errorf("%w of type %v", errUnexpected, kind)
	}
}

func (t *talk) readLabel() error {
	label, err := t.in.Label()
	switch {
	case err != nil:
		return err
	case t.streams.conf.SkipInboundLabelCheck:
		if label != "" {
			t.label = label
		}
	case label != t.streams.conf.Label:
		return errWrongLabel
	}
	return nil
}

// next opens the next message and says what it is.
func (t *talk) next(verify bool) (wire.Type, error) {
	kind, _, err := t.in.Next(wire.StreamFrame{Keys: t.streams.keyring.keys(), Verify: verify, Label: t.label})
	return kind, err
}

// complain tells the other side why it was refused, where the protocol has words for it.
func (t *talk) complain(err error) error {
	var refusal *wire.Error
	if errors.As(err, &refusal) && refusal.Answer() {
		t.sayError(err)
	}
	return err
}

func (t *talk) sayError(err error) {
	reply := wire.ErrorReply{Error: err.Error()}
	_ = t.write(reply.Append(nil)) // the conversation is over either way
}

// write sends one message inside what the configuration wraps around it.
func (t *talk) write(msg []byte) error {
	return t.streams.sender.writeStream(t.conn, t.label, msg, false)
}

// hearMessage hands on a message for the application. It is never dropped: the sender waits.
func (t *talk) hearMessage() error {
	body, err := t.in.UserMessage()
	if err != nil {
		return err
	}
	if d := t.streams.conf.Delegate; d != nil {
		t.conn.Close() // nothing is answered, and NotifyMsg may take its time
		t.vacate()
		t.streams.calls.do(func() { d.NotifyMsg(body) })
	}
	return nil
}

// answerPing acks a ping that is meant for us. A ping for another name gets no answer.
func (t *talk) answerPing() error {
	var ping wire.Ping
	if err := t.in.Ping(&ping); err != nil {
		return err
	}
	if ping.Node != "" && ping.Node != t.streams.conf.Name {
		return fmt.Errorf("ping for another node, %q", ping.Node)
	}
	ack := wire.Ack{SeqNo: ping.SeqNo}
	return t.write(ack.Append(nil))
}
