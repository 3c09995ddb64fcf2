package memberlist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// maxUserState is the largest state of the application that may cross the wire.
const maxUserState = wire.MaxStreamBytes

// mergedAtOnce is how many members of another's state are taken over in one step. Packets and probes must not
// wait for all of a state that may have a million.
const mergedAtOnce = 1000

// sync starts a periodic exchange, unless the last one is still under way.
func (s *streams) sync(with swim.Peer) {
	select {
	case s.syncing <- struct{}{}:
	default:
		return
	}
	started := s.loops.start(func() {
		vacate := sync.OnceFunc(func() { <-s.syncing })
		defer vacate()
		user, err := s.trySync(with)
		if isBusy(err) {
			with, user, err = s.syncAnother(with, err)
		}
		vacate() // before the news are awaited: the application may take its time
		if err == nil {
			err = s.handState(user)
		}
		if err != nil {
			s.log.Warn("state exchange failed", "member", with.Name, "error", err)
		}
	})
	if !started {
		<-s.syncing
	}
}

// trySync is one periodic exchange, up to the state of the application, which it returns.
func (s *streams) trySync(with swim.Peer) (user []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.conf.TCPTimeout)
	defer cancel()
	return s.learn(ctx, addressOf(with), false)
}

// syncAnother exchanges state with another member than the one that is too busy, if there is one.
func (s *streams) syncAnother(busy swim.Peer, err error) (with swim.Peer, user []byte, failed error) {
	var other swim.Peer
	found := false
	s.cluster.step(func(m *swim.Machine, now time.Time) { other, found = m.SyncInstead(now, busy.Name) })
	if !found {
		return busy, nil, err
	}
	user, err = s.trySync(other)
	return other, user, err
}

// handState hands over what a periodic exchange of ours brought for the application. Where too much waits
// for it already this is forgotten: the next exchange brings a newer state.
func (s *streams) handState(user []byte) error {
	if len(user) == 0 {
		return nil
	}
	size := len(user) + handOverCost
	if !s.backlog.take(size) {
		s.metrics.drop(causeOf(errBacklog))
		return errBacklog
	}
	defer s.backlog.add(-size)
	user = bytes.Clone(user) // the rest of what it was read with need not wait
	s.mergeUser(context.Background(), user, false)
	return nil
}

// isBusy reports whether another node has answered that it is too busy.
func isBusy(err error) bool {
	var remote *RemoteError
	return errors.As(err, &remote) && remote.Text == errBusy.Error()
}

// exchange tells another node our full state and learns its own. It waits until the application has been told
// all that came of it, so it is for those who wait for that.
func (s *streams) exchange(ctx context.Context, with Address, join bool) error {
	user, err := s.learn(ctx, with, join)
	if err != nil {
		return err
	}
	s.backlog.add(len(user))
	defer s.backlog.add(-len(user))
	s.mergeUser(ctx, user, join)
	return nil
}

// learn tells another node our full state, takes over what it knows of members, and returns what its
// application says.
func (s *streams) learn(ctx context.Context, with Address, join bool) (user []byte, err error) {
	begun := time.Now()
	theirs, err := s.trade(ctx, with, join)
	if err != nil {
		return nil, cause(ctx, err)
	}
	s.metrics.pushPullNode(time.Since(begun))
	if err := s.examine(ctx, theirs, join); err != nil {
		return nil, err
	}
	if err := s.mergeMembers(ctx, theirs, join); err != nil {
		return nil, err
	}
	s.spares.keepTable(theirs.Rows)
	return theirs.User, nil
}

// trade sends our state and reads the other's.
func (s *streams) trade(ctx context.Context, with Address, join bool) (*wire.State, error) {
	t, end, ours, err := s.meet(ctx, with, join)
	if err != nil {
		return nil, err
	}
	defer end()
	defer s.spares.keepText(ours)
	s.metrics.sizeLocal(len(ours))
	if err := s.sender.writeStream(t.conn, t.label, ours, true); err != nil {
		return nil, err
	}
	kind, err := t.next(s.conf.GossipVerifyIncoming)
	if err != nil {
		return nil, err
	}
	switch kind {
	case wire.TypePushPull:
		return t.readState()
	case wire.TypeError:
		var reply wire.ErrorReply
		if err := t.in.ErrorReply(&reply); err != nil {
			return nil, err
		}
		return nil, &RemoteError{Text: reply.Error}
	default:
		return nil, fmt.Errorf("%w of type %v", errUnexpected, kind)
	}
}

// meet dials, and makes our state. That comes first, so that an application that takes its time over it keeps
// nobody waiting; only a node that has left does not come back before somebody is there to hear of it.
func (s *streams) meet(ctx context.Context, with Address, join bool) (t *talk, end func(), ours []byte, err error) {
	if !join || !s.away() {
		if ours, err = s.state(ctx, join); err == nil {
			t, end, err = s.dial(ctx, with)
		}
		return t, end, ours, err
	}
	if t, end, err = s.dial(ctx, with); err != nil {
		return nil, nil, nil, err
	}
	s.rejoin(ctx)
	if ours, err = s.state(ctx, join); err != nil {
		end()
	}
	return t, end, ours, err
}

func (t *talk) readState() (*wire.State, error) {
	t.in.Spare(t.streams.spares.table())
	state, err := t.in.PushPull()
	if err == nil {
		t.streams.metrics.sizeRemote(t.received)
	}
	return state, err
}

// answerExchange reads another node's state, judges it, tells ours or why not, and merges.
func (t *talk) answerExchange() error {
	select {
	case t.streams.answers <- struct{}{}:
	default:
		t.sayBusy()
		return errBusy
	}
	theirs, err := t.hearState()
	<-t.streams.answers // before the news are awaited: the application may take its time
	if err != nil || len(theirs.User) == 0 {
		return err
	}
	size := len(theirs.User) + handOverCost
	if !t.streams.backlog.take(size) {
		return errBacklog // the next exchange brings a newer state
	}
	join := theirs.Join
	t.handOver(theirs.User, size, func(state []byte) { t.streams.mergeUser(context.Background(), state, join) })
	return nil
}

// hearState is the exchange up to the state of the application. It ends with the time that the conversation has,
// whoever takes longer.
func (t *talk) hearState() (*wire.State, error) {
	ctx, cancel := context.WithDeadline(context.Background(), t.until)
	defer cancel()
	theirs, err := t.exchangeAnswered(ctx)
	if err == nil {
		err = t.streams.mergeMembers(ctx, theirs, false)
		t.streams.spares.keepTable(theirs.Rows)
	}
	return theirs, err
}

func (t *talk) exchangeAnswered(ctx context.Context) (*wire.State, error) {
	theirs, err := t.readState()
	if err != nil {
		return nil, err
	}
	ours, err := t.streams.state(ctx, theirs.Join)
	if err == nil {
		err = t.streams.examine(ctx, theirs, theirs.Join)
	}
	if err != nil {
		t.sayError(err)
		return nil, err
	}
	defer t.streams.spares.keepText(ours)
	t.streams.metrics.sizeLocal(len(ours))
	return theirs, t.write(ours)
}

// away reports whether this node has left, or was never let in.
func (s *streams) away() (away bool) {
	s.cluster.view(func(m *swim.Machine) { away = m.HasLeft() })
	return away
}

// ask puts a question of an exchange to the application, on a goroutine of its own so that whoever asks can
// stop waiting. What f writes may be read only if there is no error.
func (s *streams) ask(ctx context.Context, f func()) error {
	if s.unanswered.Load() >= maxUnanswered {
		return errBacklog
	}
	answered, gone := make(chan struct{}), make(chan struct{})
	started := s.calls.start(func() {
		f()
		select {
		case answered <- struct{}{}:
		case <-gone:
			s.unanswered.Add(-1)
		}
	})
	if !started {
		return ErrShutdown
	}
	var err error
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.calls.closing:
		err = ErrShutdown
	}
	s.unanswered.Add(1)
	close(gone)
	return err
}

// state is our side of an exchange, encoded.
func (s *streams) state(ctx context.Context, join bool) ([]byte, error) {
	var user []byte
	if d := s.conf.Delegate; d != nil {
		if err := s.ask(ctx, func() { user = d.LocalState(join) }); err != nil {
			return nil, err
		}
	}
	if len(user) > maxUserState {
		return nil, fmt.Errorf("local state of %d bytes: %w", len(user), ErrMessageTooLarge)
	}
	ours := s.spares.text(int(s.stated.Load()))
	s.cluster.view(func(m *swim.Machine) {
		head := wire.PushPullHeader{Nodes: m.Len(), UserStateLen: len(user), Join: join}
		ours = m.AppendRows(head.Append(ours))
	})
	ours = append(ours, user...)
	s.stated.Store(int64(len(ours)))
	return ours, nil
}

// examine judges another's state before anything of it is believed.
func (s *streams) examine(ctx context.Context, theirs *wire.State, join bool) error {
	var err error
	s.cluster.view(func(m *swim.Machine) { err = m.Check(theirs.Rows) })
	if err != nil {
		return publicVersionError(err)
	}
	if s.conf.Merge == nil || !join {
		return nil
	}
	peers := make([]*Node, 0, len(theirs.Rows))
	for i := range theirs.Rows {
		peers = append(peers, rowNode(&theirs.Rows[i], s.conf))
	}
	var veto error
	if err := s.ask(ctx, func() { veto = s.conf.Merge.NotifyMerge(peers) }); err != nil {
		return err
	}
	if veto != nil {
		return &VetoError{Delegate: "merge", Err: veto}
	}
	return nil
}

// mergeMembers takes over what another node knows of members. In the answer to a join of ours even a
// claim about us that is far ahead is believed: it is left over from an earlier life of this node. Of rows
// that could not all be judged none is taken over.
func (s *streams) mergeMembers(ctx context.Context, theirs *wire.State, joining bool) error {
	rows := theirs.Rows
	if s.gate.checks() {
		var err error
		if rows, err = s.admitted(ctx, rows); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(rows, mergedAtOnce) {
		s.cluster.step(func(m *swim.Machine, now time.Time) {
			if joining {
				m.MergeJoin(now, some)
			} else {
				m.Merge(now, some)
			}
		})
	}
	return nil
}

// admitted leaves out the living members that the gate refuses.
func (s *streams) admitted(ctx context.Context, rows []wire.Row) ([]wire.Row, error) {
	kept := rows[:0]
	for _, row := range rows {
		if row.State == int(swim.Alive) {
			claim := wire.Alive{
				Incarnation: row.Incarnation, Node: row.Name, Addr: row.Addr,
				Port: row.Port, Meta: row.Meta, Vsn: row.Vsn,
			}
			ok, err := s.gate.admit(ctx, &claim)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		kept = append(kept, row)
	}
	return kept, nil
}

// mergeUser hands over the other application's state, after the news of the members: an application must
// know a member before it gets that member's state. Whether it is a join is for the dialler to say: what
// the answer to it claims is not looked at.
func (s *streams) mergeUser(ctx context.Context, state []byte, join bool) {
	s.herald.settle(ctx)
	if d := s.conf.Delegate; d != nil && len(state) > 0 {
		s.calls.do(func() { d.MergeRemoteState(state, join) })
	}
}
