package wire

import (
	"compress/lzw"
	"errors"
	"io"
	"math"
	"math/bits"
)

const (
	// litWidth is the width of a literal; codes are packed least significant bit first.
	litWidth = 8
	// algoLZW is the only algorithm there is.
	algoLZW = 0

	// compressedHead is what stands before the length of the compressed data: type byte, map, keys, Algo.
	compressedHead = 1 + 1 + len(keyAlgo) + 1 + len(keyBuf)
	// minCompress is the shortest message that is tried. The envelope costs 13 bytes, and single
	// protocol messages, which are nearly all shorter, do not repeat themselves enough to earn them.
	minCompress = 96
	// maxPass is how many messages are at most passed over after misses before the next try.
	maxPass = 32
	// earlyLook is after how many bytes a long message must have begun to shrink.
	earlyLook = 16 << 10
	// keepSpare is up to what size buffers are kept for the next use.
	keepSpare = 1 << 20
)

var (
	errAlgo           = &Error{Layer: LayerCompression, Reason: "unknown algorithm"}
	errInflateBad     = &Error{Layer: LayerCompression, Reason: "not LZW"}
	errInflateCut     = &Error{Layer: LayerCompression, Reason: "LZW cut short", Err: io.ErrUnexpectedEOF}
	errInflateTooMuch = &Error{Layer: LayerCompression, Reason: "inflates to too much"}
	errInflateNothing = &Error{Layer: LayerCompression, Reason: "inflates to nothing"}
)

// errNoGain stops the LZW writer once its output is no shorter than its input.
var errNoGain = errors.New("no gain")

// Compressor compresses messages where that makes them shorter. It remembers, by size, how the last
// ones did, and passes over those like them for a while. It keeps about 70 KiB of state between uses
// and is not safe for concurrent use. The zero Compressor is ready.
type Compressor struct {
	lzw   *lzw.Writer
	out   sink
	sizes [bits.UintSize + 1]record
}

// record is how messages of about one size did.
type record struct {
	misses uint8 // in a row, up to maxPass
	pass   uint8 // how many more to pass over
}

// sink collects compressed bytes and refuses more than limit.
type sink struct {
	buf   []byte
	limit int
}

func (s *sink) WriteByte(c byte) error {
	if len(s.buf) >= s.limit {
		return errNoGain
	}
	s.buf = append(s.buf, c)
	return nil
}

func (s *sink) Write(p []byte) (int, error) {
	if len(s.buf)+len(p) > s.limit {
		return 0, errNoGain
	}
	s.buf = append(s.buf, p...)
	return len(p), nil
}

func (s *sink) Flush() error { return nil }

// shrink compresses msg if that makes it shorter and was worth trying.
// What it returns is valid until the next call.
func (c *Compressor) shrink(msg []byte) (m Compressed, shorter bool) {
	if len(msg) < minCompress {
		return m, false
	}
	r := &c.sizes[bits.Len(uint(len(msg)))]
	if r.pass > 0 {
		r.pass--
		return m, false
	}
	if m, shorter = c.compress(msg); shorter {
		*r = record{}
		return m, true
	}
	r.misses = min(2*r.misses+1, maxPass)
	r.pass = r.misses
	return m, false
}

// compress is shrink without its memory.
func (c *Compressor) compress(msg []byte) (m Compressed, shorter bool) {
	if cap(c.out.buf) > keepSpare {
		c.out.buf = nil
	}
	if !c.deflate(msg) {
		return m, false
	}
	m = Compressed{Algo: algoLZW, Buf: c.out.buf}
	return m, compressedHead+rawHead(len(m.Buf))+len(m.Buf) < len(msg)
}

// rawHead returns how many bytes stand before a byte slice of n bytes.
func rawHead(n int) int {
	switch {
	case n <= fixRawMax:
		return 1
	case n <= math.MaxUint16:
		return 3
	default:
		return 5
	}
}

// deflate compresses msg into c.out.buf, or gives up and returns false when that does not pay.
func (c *Compressor) deflate(msg []byte) bool {
	c.out.buf, c.out.limit = c.out.buf[:0], len(msg)-compressedHead
	if c.lzw == nil {
		c.lzw = lzw.NewWriter(&c.out, lzw.LSB, litWidth).(*lzw.Writer)
	} else {
		c.lzw.Reset(&c.out, lzw.LSB, litWidth)
	}
	head := msg[:min(len(msg), earlyLook)]
	if _, err := c.lzw.Write(head); err != nil {
		return false
	}
	if len(c.out.buf) >= len(head) {
		return false
	}
	if _, err := c.lzw.Write(msg[len(head):]); err != nil {
		return false
	}
	return c.lzw.Close() == nil
}

// inflatedStep says how much room to add when have bytes have come out of compressed ones:
// twice the input first, if that is not much, then as much again as there is, and never more than
// one byte over limit, which is enough to see that limit is broken.
func inflatedStep(have, compressed, limit int) int {
	return max(1, min(max(have, min(2*compressed, keepSpare), 512), limit+1-have))
}

// extend returns b with room for n more bytes, which budget, if not nil, may refuse.
func extend(b []byte, n int, budget func(int) error) ([]byte, error) {
	if err := allow(budget, n); err != nil {
		return b, err
	}
	longer := make([]byte, len(b), len(b)+n)
	copy(longer, b)
	return longer, nil
}
