package memberlist

import (
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// spares keeps the memory of one state exchange for the next. A large cluster's state takes megabytes, and to make
// them garbage each time costs more than to fill them.
type spares struct {
	bytes sync.Pool // of *[]byte
	rows  sync.Pool // of *[]wire.Row
}

const (
	// maxSpareBytes and maxSpareRows are what is kept: the state of a cluster of ten thousand, and some.
	maxSpareBytes = 2 << 20
	maxSpareRows  = 16 << 10
)

// text returns an empty slice with room for size bytes.
func (s *spares) text(size int) []byte {
	if b, ok := s.bytes.Get().(*[]byte); ok && cap(*b) >= size {
		return *b
	}
	return make([]byte, 0, size)
}

// keepText takes bytes that nobody uses any more.
func (s *spares) keepText(b []byte) {
	if cap(b) <= maxSpareBytes {
		b = b[:0]
		s.bytes.Put(&b)
	}
}

// table returns an empty slice of rows with whatever room there is.
func (s *spares) table() []wire.Row {
	if rows, ok := s.rows.Get().(*[]wire.Row); ok {
		return *rows
	}
	return nil
}

// keepTable takes rows that nobody uses any more. It lets go of what they point to.
func (s *spares) keepTable(rows []wire.Row) {
	if cap(rows) > 0 && cap(rows) <= maxSpareRows {
		clear(rows)
		rows = rows[:0]
		s.rows.Put(&rows)
	}
}
