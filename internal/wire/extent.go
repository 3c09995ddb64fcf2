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

// format says what stands behind a format byte: n things, or as many as the next width bytes say.
type format struct {
	of    thing
	width uint8
	n     uint8
}

// thing is what a format counts.
type thing uint8

const (
	ofBytes thing = iota
	ofExtension
	ofElements
	ofPairs
	ofNothing // the format is reserved
)

// formats are those from nil on, up to the small negative numbers.
var formats = [...]format{
	0xc0 - fmtNil: {}, 0xc1 - fmtNil: {of: ofNothing}, 0xc2 - fmtNil: {}, 0xc3 - fmtNil: {}, // nil, bool
	0xc4 - fmtNil: {width: 1}, 0xc5 - fmtNil: {width: 2}, 0xc6 - fmtNil: {width: 4}, // bin
	0xc7 - fmtNil: {ofExtension, 1, 0}, 0xc8 - fmtNil: {ofExtension, 2, 0}, 0xc9 - fmtNil: {ofExtension, 4, 0},
	0xca - fmtNil: {n: 4}, 0xcb - fmtNil: {n: 8}, // floats
	0xcc - fmtNil: {n: 1}, 0xcd - fmtNil: {n: 2}, 0xce - fmtNil: {n: 4}, 0xcf - fmtNil: {n: 8}, // unsigned
	0xd0 - fmtNil: {n: 1}, 0xd1 - fmtNil: {n: 2}, 0xd2 - fmtNil: {n: 4}, 0xd3 - fmtNil: {n: 8}, // signed
	0xd4 - fmtNil: {ofExtension, 0, 1}, 0xd5 - fmtNil: {ofExtension, 0, 2}, 0xd6 - fmtNil: {ofExtension, 0, 4},
	0xd7 - fmtNil: {ofExtension, 0, 8}, 0xd8 - fmtNil: {ofExtension, 0, 16},
	0xd9 - fmtNil: {width: 1}, 0xda - fmtNil: {width: 2}, 0xdb - fmtNil: {width: 4}, // strings
	0xdc - fmtNil: {ofElements, 2, 0}, 0xdd - fmtNil: {ofElements, 4, 0}, // arrays
	0xde - fmtNil: {ofPairs, 2, 0}, 0xdf - fmtNil: {ofPairs, 4, 0}, // maps
}

// formatOf returns the format that byte c stands for.
func formatOf(c byte) format {
	switch {
	case c < fixMap || c >= fmtNil+byte(len(formats)): // a small number
		return format{}
	case c < fixArray:
		return format{of: ofPairs, n: c & 0x0f}
	case c < fixRaw:
		return format{of: ofElements, n: c & 0x0f}
	case c < fmtNil:
		return format{of: ofBytes, n: c & fixRawMax}
	default:
		return formats[c-fmtNil]
	}
}

// value walks over one value that stands inside depth maps and arrays.
func (s *scanner) value(depth int) error {
	c, err := s.number(1)
	if err != nil {
		return err
	}
	f := formatOf(byte(c))
	n := uint64(f.n)
	if f.width > 0 {
		if n, err = s.number(f.width); err != nil {
			return err
		}
	}
	switch f.of {
	case ofBytes:
		return s.skip(n)
	case ofExtension:
		return s.extension(n)
	case ofElements:
		return s.elements(n, depth)
	case ofPairs:
		return s.elements(2*n, depth)
	default:
		return errReserved
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
func (s *scanner) number(width uint8) (uint64, error) {
	b := s.b[s.at:]
	if err := s.skip(uint64(width)); err != nil {
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
