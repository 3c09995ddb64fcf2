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
	var s scanner
	var all [maxDepth + 1]uint64
	all[0] = 1
	_, err := s.walk(b, all[:1])
	return s.at, err
}

// scanner walks over one value. Where its bytes end it stops, and goes on from there when there are more, so
// that a value costs the same in however many pieces it comes.
type scanner struct {
	at int // what stands before it has been walked over
}

// walk goes on over a value of which b are the first bytes. open says how many values are to come: of the whole,
// one at the beginning, and of each map and array inside that has begun; what is open when the bytes end comes
// back. It is no field because it could not stay on the stack then.
//
// Where b ends inside the value, the error is ErrShort and says how many bytes are wanting at least: those that the
// formats read so far have promised, and one for each element not yet seen.
func (s *scanner) walk(b []byte, open []uint64) ([]uint64, error) {
	for len(open) > 0 {
		top := len(open) - 1
		if open[top] == 0 {
			open = open[:top]
			continue
		}
		inside, wanting, err := s.value(b[s.at:], top)
		if err != nil {
			return open, &Error{Layer: LayerMessage, Reason: "malformed", Err: err}
		}
		if wanting > 0 {
			for _, n := range open {
				wanting += n
			}
			wanting-- // the value at hand is one of those to come
			return open, &Error{Layer: LayerMessage, Reason: "truncated", Err: ErrShort, Need: clampInt(wanting)}
		}
		open[top]--
		if inside > 0 {
			open = append(open, inside)
		}
	}
	return open, nil
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

// value walks over the value at the start of b, which stands inside depth maps and arrays. If it is one itself,
// it walks over the head and says how many values are inside. Where bytes are wanting it says how many and stays
// where it is.
func (s *scanner) value(b []byte, depth int) (inside, wanting uint64, err error) {
	there := uint64(len(b))
	if there == 0 {
		return 0, 1, nil
	}
	f := formatOf(b[0])
	n, head := uint64(f.n), 1+uint64(f.width)
	if head > there {
		return 0, head - there, nil
	}
	if f.width > 0 {
		n = number(b[1:head])
	}
	switch f.of {
	case ofNothing:
		return 0, 0, errReserved
	case ofElements, ofPairs:
		if depth == maxDepth {
			return 0, 0, errDepth
		}
		inside, n = n, 0
		if f.of == ofPairs {
			inside *= 2
		}
	case ofExtension:
		// Behind the length stands a tag; -1 is a timestamp, and those have three lengths only.
		if there > head && b[head] == 0xff && n != 4 && n != 8 && n != 12 {
			return 0, 0, errTimestamp
		}
		n++
	}
	if head+n > there {
		return 0, head + n - there, nil
	}
	s.at += int(head + n)
	return inside, 0, nil
}

// number reads a big-endian number of 1, 2 or 4 bytes.
func number(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	default:
		return uint64(binary.BigEndian.Uint32(b))
	}
}

// clampInt returns n, or the largest int where n does not fit.
func clampInt(n uint64) int {
	return int(min(n, math.MaxInt))
}
