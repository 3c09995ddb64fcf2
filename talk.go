package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// maxForgotten is how much is read of what nobody wants to hear.
const maxForgotten = 40 << 20

// talk is one conversation: a connection, what has been read from it, and the label that holds on it.
type talk struct {
	streams *streams
	conn    net.Conn
	in      *wire.StreamReader
	label   string // additional data of everything sealed
	account *account
	held    int // bytes counted there

	// Of those that others began:
	vacate func()    // gives its slot back, before the application takes its time
	until  time.Time // when it ends

	received int // bytes read
}

func newTalk(s *streams, conn net.Conn, a *account) *talk {
	t := &talk{streams: s, conn: conn, label: s.conf.Label, account: a}
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
	if !t.account.take(n, t.held+n <= alwaysHeld) {
		return errStreamMemory
	}
	t.held += n
	return nil
}

// free forgets what the conversation holds: nothing more is read.
func (t *talk) free() {
	t.account.give(t.held)
	t.held, t.in = 0, nil
}

// move counts what the conversation holds in another account, if that has room.
func (t *talk) move(to *account) bool {
	if !to.take(t.held, t.held <= alwaysHeld) {
		return false
	}
	t.account.give(t.held)
	t.account = to
	return true
}

// handOver ends the conversation for all but the application, which is given b and may take its time.
// reserved is the room in the backlog that b has.
func (t *talk) handOver(b []byte, reserved int, f func(b []byte)) {
	size := t.held
	if size > len(b)+len(b)/4+alwaysHeld { // much of what b was read with is of no use any more
		b = bytes.Clone(b)
		size = len(b)
	}
	size += handOverCost
	t.conn.Close()
	t.streams.backlog.add(size - reserved)
	defer t.streams.backlog.add(-size)
	t.free()
	t.vacate()
	f(b)
}

// awaitRoom makes size bytes of room in the backlog. Where there are none it waits until the application takes in
// what has come, so that the sender waits too, but not for ever. Meanwhile this is none of the conversations that
// are served. done says that the message has been read.
func (t *talk) awaitRoom(size int) (done func(), err error) {
	s := t.streams
	if s.backlog.take(size) {
		return func() {}, nil
	}
	select {
	case s.waiting <- struct{}{}:
	default:
		return nil, errBacklog
	}
	done = func() { <-s.waiting }
	if !t.move(&s.queued) {
		done()
		return nil, errBacklog
	}
	t.vacate()
	room := s.backlog.await(size)
	select {
	case <-time.After(queuedTimeouts * min(s.conf.TCPTimeout, time.Hour)):
		s.backlog.leave(room)
		done()
		return nil, errBacklog
	case <-room.open:
		t.conn.SetDeadline(time.Now().Add(s.conf.TCPTimeout))
		t.move(&s.served) // if that is full, it stays where it is
		return done, nil
	case <-s.loops.closing:
		s.backlog.leave(room)
		done()
		return nil, ErrShutdown
	}
}

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

// sayBusy tells the other side to try another member. A connection that is closed with unread data in it may
// take the answer back, so what the other side is still saying is read, and forgotten.
func (t *talk) sayBusy() {
	t.sayError(errBusy)
	t.conn.SetReadDeadline(time.Now().Add(refusePatience))
	_, _ = io.CopyN(io.Discard, t.conn, maxForgotten)
}

// write sends one message inside what the configuration wraps around it.
func (t *talk) write(msg []byte) error {
	return t.streams.sender.writeStream(t.conn, t.label, msg, false)
}

// hearMessage hands on a message for the application. When the application keeps too many waiting, messages are
// not read: those who send them wait.
func (t *talk) hearMessage() error {
	d := t.streams.conf.Delegate
	if d == nil {
		_, err := t.in.UserMessage()
		return err
	}
	n, err := t.in.UserLength()
	if err != nil {
		return err
	}
	size := n + handOverCost
	done, err := t.awaitRoom(size)
	if err != nil {
		return err
	}
	body, err := t.in.UserBytes(n)
	done()
	if err != nil {
		t.streams.backlog.add(-size)
		return err
	}
	t.handOver(body, size, func(body []byte) {
		t.streams.calls.do(func() { d.NotifyMsg(body) })
	})
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
