package wire

import "encoding/binary"

// The codes of LZW with literals of eight bits: the literals, two that mean something, and then those that stand
// for what has been written.
const (
	lzwClear    = 1 << litWidth
	lzwEnd      = lzwClear + 1
	lzwMaxWidth = 12
)

// inflater undoes compression; it keeps 32 KiB of state between uses. The zero inflater is ready.
//
// It does what compress/lzw does, but has all input at hand and all output to copy from: what a code stands for was
// written before, in one piece, so it takes one copy and no walk from byte to byte.
type inflater struct {
	seen *[1 << lzwMaxWidth]stretch // what each code stands for
}

// stretch is a part of the output: where it starts, and how long it is.
type stretch struct{ at, size uint32 }

// codes reads the codes of compressed data.
type codes struct {
	src   []byte
	bits  uint64
	have  uint // of bits
	width uint // of a code
}

// next returns the next code; false when the input ends before it.
func (c *codes) next() (code uint, ok bool) {
	if c.have < c.width && !c.fill() {
		return 0, false
	}
	code = uint(c.bits) & (1<<c.width - 1)
	c.bits >>= c.width
	c.have -= c.width
	return code, true
}

// fill takes bytes until there are enough bits for a code, four at once if it can.
func (c *codes) fill() bool {
	if len(c.src) >= 4 {
		c.bits |= uint64(binary.LittleEndian.Uint32(c.src)) << c.have
		c.src = c.src[4:]
		c.have += 32
		return true
	}
	for c.have < c.width {
		if len(c.src) == 0 {
			return false
		}
		c.bits |= uint64(c.src[0]) << c.have
		c.src = c.src[1:]
		c.have += 8
	}
	return true
}

// output is what comes out, behind what stood in dst before.
type output struct {
	dst    []byte
	start  int
	input  int // bytes of compressed data
	limit  int
	budget func(int) error
}

// appendInflated appends to dst what the LZW data in src inflates to, at most limit bytes.
// The slice grows with what comes out; budget, if not nil, is asked first each time.
func (f *inflater) appendInflated(dst, src []byte, limit int, budget func(int) error) ([]byte, error) {
	if f.seen == nil {
		f.seen = new([1 << lzwMaxWidth]stretch)
	}
	out := output{dst: dst, start: len(dst), input: len(src), limit: limit, budget: budget}
	if err := f.inflate(&out, codes{src: src, width: litWidth + 1}); err != nil {
		return out.dst[:out.start], err // what has grown is of use the next time
	}
	return out.dst, nil
}

// inflate writes what the codes stand for. Each code but the first after a clear gives a meaning to one more: that
// of the code before, and the first byte of its own.
func (f *inflater) inflate(out *output, in codes) error {
	highest := uint(lzwEnd) // the code that gets its meaning next
	var last stretch        // what was written last; nothing after a clear, and once all codes have a meaning
	for {
		code, ok := in.next()
		switch {
		case !ok:
			return errInflateCut
		case code == lzwEnd:
			return nil
		case code == lzwClear:
			in.width, highest, last = litWidth+1, lzwEnd, stretch{}
			continue
		}
		from, fresh := f.seen[code], false
		switch {
		case code < lzwClear:
			from = stretch{size: 1}
		case code == highest && last.size > 0: // it stands for what is being written now
			from, fresh = stretch{last.at, last.size + 1}, true
		case code > highest:
			return errInflateBad
		}
		now := stretch{uint32(len(out.dst) - out.start), from.size}
		if err := out.room(int(from.size)); err != nil {
			return err
		}
		switch {
		case code < lzwClear:
			out.dst = append(out.dst, byte(code))
		case fresh: // its last byte is the first that it writes
			out.repeat(last)
			out.dst = append(out.dst, out.dst[out.start+int(now.at)])
		default:
			out.repeat(from)
		}
		if last.size > 0 {
			f.seen[highest] = stretch{last.at, last.size + 1}
		}
		last = now
		switch {
		case highest+1 < 1<<in.width:
			highest++
		case in.width < lzwMaxWidth:
			highest, in.width = highest+1, in.width+1
		default:
			last = stretch{}
		}
	}
}

// repeat writes again what stands somewhere. There is room.
func (o *output) repeat(s stretch) {
	from, to, size := o.start+int(s.at), len(o.dst), int(s.size)
	if size <= 8 && to+8 <= cap(o.dst) { // most are short, and eight bytes are moved at once
		all := o.dst[:to+8]
		binary.LittleEndian.PutUint64(all[to:], binary.LittleEndian.Uint64(all[from:]))
		o.dst = all[:to+size]
		return
	}
	o.dst = append(o.dst, o.dst[from:from+size]...)
}

// room makes room for n more bytes, if that many may come out.
func (o *output) room(n int) error {
	if len(o.dst)-o.start+n <= min(o.limit, cap(o.dst)-o.start) {
		return nil
	}
	return o.grow(n)
}

func (o *output) grow(n int) (err error) {
	have := len(o.dst) - o.start
	if have+n > o.limit {
		return errInflateTooMuch
	}
	o.dst, err = extend(o.dst, max(n, inflatedStep(have, o.input, o.limit)), o.budget)
	return err
}
