package wire

import (
	"slices"
	"unsafe"
)

const (
	// maxRows is how many members a state may have.
	maxRows = 1 << 20

	// firstRows and rowBytes size the memory for members that are read: for a few at first, later
	// for twice as many or for what the bytes at hand can hold, as a real member is not shorter.
	firstRows = 16
	rowBytes  = 64
	rowSize   = int(unsafe.Sizeof(Row{}))
)

var (
	errStateRows       = &Error{Layer: LayerStream, Reason: "impossible number of members"}
	errUserStateLength = &Error{Layer: LayerStream, Reason: "impossible length of user state"}
)

// State is the whole view of one node, as a full state exchange carries it.
type State struct {
	Join bool
	Rows []Row
	User []byte // what the delegate adds
}

// Append appends the state as one message, type byte, header, members and user state,
// and returns the extended slice.
func (x *State) Append(b []byte) []byte {
	size := rowBytes + len(x.User)
	for i := range x.Rows {
		r := &x.Rows[i]
		size += rowBytes + len(r.Name) + len(r.Addr) + len(r.Meta) + len(r.Vsn)
	}
	b = slices.Grow(b, size)
	h := PushPullHeader{Nodes: len(x.Rows), UserStateLen: len(x.User), Join: x.Join}
	b = h.Append(b)
	for i := range x.Rows {
		b = x.Rows[i].Append(b)
	}
	return append(b, x.User...)
}

// Spare gives the reader memory for the members of the next state, of which nothing is in use any more.
func (s *StreamReader) Spare(rows []Row) { s.spare = rows }

// PushPull reads the state that Next announced.
func (s *StreamReader) PushPull() (*State, error) {
	var h PushPullHeader
	if err := s.value(&h, maxValue); err != nil {
		return nil, err
	}
	if h.Nodes < 0 || h.Nodes > maxRows {
		return nil, errStateRows
	}
	if h.UserStateLen < 0 || h.UserStateLen > MaxStreamBytes {
		return nil, errUserStateLength
	}
	x := &State{Join: h.Join}
	if allow(s.in.budget, cap(s.spare)*rowSize) == nil {
		x.Rows = s.spare[:0]
	}
	s.spare = nil
	for n := range h.Nodes {
		if err := s.reserve(x, h.Nodes); err != nil {
			return nil, err
		}
		x.Rows = x.Rows[:n+1]
		if err := s.value(&x.Rows[n], maxValue); err != nil {
			return nil, err
		}
	}
	user, err := s.raw(h.UserStateLen, errUserStateLength)
	if err != nil {
		return nil, err
	}
	x.User = user
	return x, nil
}

// reserve makes room for one more row of total, and for more as far as bytes have come in for them.
func (s *StreamReader) reserve(x *State, total int) error {
	n := len(x.Rows)
	if n < cap(x.Rows) {
		return nil
	}
	size := min(total, max(firstRows, 2*n, n+len(s.msg.unread())/rowBytes))
	if err := allow(s.in.budget, size*rowSize); err != nil {
		return err
	}
	rows := make([]Row, n, size)
	copy(rows, x.Rows)
	x.Rows = rows
	return nil
}
