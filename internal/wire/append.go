package wire

import (
	"encoding/binary"
	"math"
)

// appendUint appends an unsigned field in the shortest of its formats.
func appendUint(b []byte, v uint32) []byte {
	switch {
	case v <= math.MaxInt8:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, fmtU8, byte(v))
	case v <= math.MaxUint16:
		return append(b, fmtU16, byte(v>>8), byte(v))
	default:
		return append(b, fmtU32, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
}

// appendInt appends a signed field in the shortest of the signed formats, even where it is positive:
// so does the reference, although the unsigned ones would often be shorter.
func appendInt(b []byte, v int) []byte {
	switch {
	case v >= -32 && v <= math.MaxInt8:
		return append(b, byte(v))
	case v >= math.MinInt8 && v < 0:
		return append(b, fmtI8, byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return append(b, fmtI16, byte(v>>8), byte(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, fmtI32), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, fmtI64), uint64(v))
	}
}

// appendBool appends a truth value.
func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, fmtTrue)
	}
	return append(b, fmtFalse)
}

// appendText appends a string. It is the caller's business that none is longer than 4 GiB.
func appendText(b []byte, s string) []byte {
	return append(appendRawLen(b, len(s)), s...)
}

// appendBytes appends a byte slice; nil and empty are different on the wire.
func appendBytes(b, s []byte) []byte {
	if s == nil {
		return append(b, fmtNil)
	}
	return append(appendRawLen(b, len(s)), s...)
}

// appendRawLen appends the head of a string or byte slice of n bytes.
func appendRawLen(b []byte, n int) []byte {
	switch {
	case n <= fixRawMax:
		return append(b, fixRaw|byte(n))
	case n <= math.MaxUint16:
		return append(b, fmtRaw16, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint32(append(b, fmtRaw32), uint32(n))
	}
}
