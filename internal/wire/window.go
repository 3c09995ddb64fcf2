package wire

import "io"

const (
	// firstChunk is what a stream gets before anything is known about it.
	firstChunk = 4 << 10
	// maxChunk is up to where the memory for values that can be taken apart grows by doubling.
	// What must stand in one piece goes on doubling.
	maxChunk = 256 << 10
	// idleReads is how often a reader may return nothing, and no error, in a row.
	idleReads = 100
)

var errStreamCut = &Error{Layer: LayerStream, Reason: "cut short", Err: io.ErrUnexpectedEOF}

// window is what has come in on a stream and is not used yet.
// Bytes that were used are never written again: what aliases them stays valid for good.
type window struct {
	r      io.Reader // nil if nothing can follow
	budget func(int) error
	buf    []byte
	pos    int   // what stands before it is used
	want   int   // how many unread bytes are being waited for
	err    error // the reader's last word
}

// unread returns what is there and not used yet.
func (w *window) unread() []byte { return w.buf[w.pos:] }

// need waits until at least n bytes are unread.
func (w *window) need(n int) error {
	w.want = n
	for len(w.buf)-w.pos < n {
		if err := w.more(); err != nil {
			return err
		}
	}
	return nil
}

// take waits for n bytes and uses them. Nothing that n only promises is allocated.
func (w *window) take(n int) ([]byte, error) {
	if err := w.need(n); err != nil {
		return nil, err
	}
	b := w.buf[w.pos : w.pos+n : w.pos+n]
	w.pos += n
	return b, nil
}

// more reads at least one byte.
func (w *window) more() error {
	if w.r == nil {
		return errStreamCut
	}
	if w.err == nil && len(w.buf) == cap(w.buf) {
		if err := w.grow(); err != nil {
			return err
		}
	}
	for range idleReads {
		if w.err != nil {
			break
		}
		var n int
		n, w.err = w.r.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if n > 0 {
			return nil
		}
	}
	switch w.err {
	case nil:
		w.err = io.ErrNoProgress
	case io.EOF:
		return errStreamCut
	}
	return &Error{Layer: LayerStream, Reason: "read failed", Err: w.err}
}

// grow makes room in a new piece of memory at least as large as all that is unread.
// The old one lives on in what aliases it, so once it was used from, the new one counts in full.
func (w *window) grow() error {
	have := len(w.buf) - w.pos
	size := max(firstChunk, 2*have, min(2*cap(w.buf), maxChunk))
	if w.want > maxChunk { // no more than it takes, but never a small step: there may be many
		size = min(size, max(w.want, have+have/4))
	}
	cost := size
	if w.pos == 0 {
		cost -= cap(w.buf)
	}
	if err := allow(w.budget, cost); err != nil {
		return err
	}
	buf := make([]byte, have, size)
	copy(buf, w.unread())
	w.buf, w.pos = buf, 0
	return nil
}

// allow asks budget, if there is one, for n more bytes of memory.
func allow(budget func(int) error, n int) error {
	if budget == nil {
		return nil
	}
	if err := budget(n); err != nil {
		return &Error{Layer: LayerStream, Reason: "over budget", Err: err}
	}
	return nil
}
