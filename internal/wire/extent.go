package wire

import (
	"encoding/binary"
	"errors"
	"math"
)

// maxDepth is how many maps and arrays may stand in each other, the message's own map included.
const maxDepth = 1023

var (
	errDepth     = errors.New("nested too deep")
	errReserved  = errors.New("a reserved format byte")
	errTimestamp = errors.New("a timestamp of an impossible length")
)

// extent returns the length of the msgpack value at the start of b, without decoding it.
// It takes time in proportion to the bytes that are there, not to those that are declared,
// and allocates nothing. Where b ends inside the value, the error is ErrShort
// and says how many bytes are wanting at least.
func extent(b []byte) (int, error) {
	s := scanner{b: b}
	switch err := s.value(0); {
	case err == nil:
		return s.at, nil
	case errors.Is(err, ErrShort):
		return 0, &Error{Layer: LayerMessage, Reason: "truncated", Err: ErrShort, Need: clampInt(s.want)}
	default:
		return 0, &Error{Layer: LayerMessage, Reason: "malformed", Err: err}
	}
}

// scanner walks over one value. Once the bytes have ended, want counts those that the formats read
// so far have promised; each element not yet seen counts for one.
type scanner struct {
	b    []byte
	at   int
	want uint64
}

// value walks over one value that stands inside depth maps and arrays.
func (s *scanner) value(depth int) error {
	c, err := s.number(1)
	if err != nil {
		return err
	}
	switch {
	case c < fixMap || c >= 0xe0: // a small number
		return nil
	case c < fixArray:
		return s.elements(2*(c&0x0f), depth)
	case c < fixRaw:
		return s.elements(c&0x0f, depth)
	case c < fmtNil:
		return s.skip(c & fixRawMax)
	}
	switch c {
	case fmtNil, fmtFalse, fmtTrue:
		return nil
	case 0xc1:
		return errReserved
	case 0xc4, 0xc5, 0xc6: // bin
		return s.sized(c - 0xc4)
	case 0xc7, 0xc8, 0xc9: // ext
		n, err := s.number(1 << (c - 0xc7))
		if err != nil {
			return err
		}
		return s.extension(n)
	case 0xca: // float32
		return s.skip(4)
	case 0xcb: // float64
		return s.skip(8)
	case fmtU8, fmtU16, fmtU32, fmtU64:
		return s.skip(1 << (c - fmtU8))
	case fmtI8, fmtI16, fmtI32, fmtI64:
		return s.skip(1 << (c - fmtI8))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8: // fixext
		return s.extension(1 << (c - 0xd4))
	case 0xd9, fmtRaw16, fmtRaw32: // str8 and raw
		return s.sized(c - 0xd9)
	case 0xdc, 0xdd: // array
		n, err := s.number(2 << (c - 0xdc))
		if err != nil {
			return err
		}
		return s.elements(n, depth)
	default: // 0xde, 0xdf: map
		n, err := s.number(2 << (c - 0xde))
		if err != nil {
			return err
		}
		return s.elements(2*n, depth)
	}
}

// elements walks over n values inside a map or an array that stands inside depth others.
func (s *scanner) elements(n uint64, depth int) error {
	if depth == maxDepth {
		return errDepth
	}
	for ; n > 0; n-- {
		if err := s.value(depth + 1); err != nil {
			s.want += n - 1
			return err
		}
	}
	return nil
}

// sized walks over bytes whose length stands before them in 1, 2 or 4 bytes.
func (s *scanner) sized(log uint64) error {
	n, err := s.number(1 << log)
	if err != nil {
		return err
	}
	return s.skip(n)
}

// extension walks over the tag and the n bytes of an extension.
// Tag -1 is a timestamp, and those have three lengths only.
func (s *scanner) extension(n uint64) error {
	tag, err := s.number(1)
	if err != nil {
		s.want += n
		return err
	}
	if tag == 0xff && n != 4 && n != 8 && n != 12 {
		return errTimestamp
	}
	return s.skip(n)
}

// number reads a big-endian number of 1, 2 or 4 bytes.
func (s *scanner) number(width uint64) (uint64, error) {
	b := s.b[s.at:]
	if err := s.skip(width); err != nil {
		return 0, err
	}
	switch width {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	default:
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
}

// skip walks over n bytes.
func (s *scanner) skip(n uint64) error {
	if left := uint64(len(s.b) - s.at); n > left {
		s.want += n - left
		return ErrShort
	}
	s.at += int(n)
	return nil
}

// clampInt returns n, or the largest int where n does not fit.
func clampInt(n uint64) int {
	return int(min(n, math.MaxInt))
}
