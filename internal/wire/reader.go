package wire

import (
	"encoding/binary"
	"unsafe"
)

// reader reads one message in canonical form: a fixmap with the fields in byte order of their names.
// It fails once and for good: after that every method returns a zero value, and end is false.
// It knows no reasons; what it cannot read goes to foreign, which takes every form that is valid
// and says what is wrong with the others.
type reader struct {
	b      []byte
	at     int // where in b the next byte stands
	fields int // how many fields of the map are not read yet
	failed bool
}

// readMap reads the head of the map.
func readMap(b []byte) reader {
	if len(b) == 0 || b[0]&0xf0 != fixMap {
		return reader{failed: true}
	}
	return reader{b: b, at: 1, fields: int(b[0] & 0x0f)}
}

// end reports whether all that was asked for was there, and nothing else in the map.
func (r *reader) end() bool { return !r.failed && r.fields == 0 }

// rest returns what follows the map.
func (r *reader) rest() []byte { return r.b[r.at:] }

// fail makes all further reads fail as well: there is nothing left to read.
func (r *reader) fail() { r.at, r.failed = len(r.b), true }

// key reads the name of a field that must come next.
func (r *reader) key(k string) {
	if !r.has(k) {
		r.fail()
	}
}

// has reads the name of a field that may come next, and reports whether it did.
func (r *reader) has(k string) bool {
	b := r.b[r.at:]
	if r.fields == 0 || len(b) < len(k) || string(b[:len(k)]) != k {
		return false
	}
	r.at += len(k)
	r.fields--
	return true
}

// uint32 reads an unsigned number.
func (r *reader) uint32() uint32 {
	b := r.b[r.at:]
	switch {
	case len(b) >= 1 && b[0] < fixMap:
		r.at++
		return uint32(b[0])
	case len(b) >= 2 && b[0] == fmtU8:
		r.at += 2
		return uint32(b[1])
	case len(b) >= 3 && b[0] == fmtU16:
		r.at += 3
		return uint32(binary.BigEndian.Uint16(b[1:]))
	case len(b) >= 5 && b[0] == fmtU32:
		r.at += 5
		return binary.BigEndian.Uint32(b[1:])
	default:
		r.fail()
		return 0
	}
}

// uint16 reads an unsigned number that must fit, such as a port.
func (r *reader) uint16() uint16 {
	v := r.uint32()
	if v>>16 != 0 {
		r.fail()
	}
	return uint16(v)
}

// uint8 reads an unsigned number that must fit.
func (r *reader) uint8() uint8 {
	v := r.uint32()
	if v>>8 != 0 {
		r.fail()
	}
	return uint8(v)
}

// int reads a signed number. Releases of the reference up to v0.5.0 send such fields
// in the unsigned formats, so both are at home here.
func (r *reader) int() int {
	b := r.b[r.at:]
	switch {
	case len(b) >= 3 && b[0] == fmtI16:
		r.at += 3
		return int(int16(binary.BigEndian.Uint16(b[1:])))
	case len(b) >= 5 && b[0] == fmtI32:
		r.at += 5
		return int(int32(binary.BigEndian.Uint32(b[1:])))
	}
	v := r.uint32()
	if int(v) < 0 { // beyond an int of 32 bits
		r.fail()
	}
	return int(v)
}

// bool reads a truth value.
func (r *reader) bool() bool {
	b := r.b[r.at:]
	if len(b) == 0 || b[0] != fmtTrue && b[0] != fmtFalse {
		r.fail()
		return false
	}
	r.at++
	return b[0] == fmtTrue
}

// bytes reads a byte slice, which aliases the message. Nil stays nil and empty stays empty.
func (r *reader) bytes() []byte {
	if b := r.b[r.at:]; len(b) >= 1 && b[0] == fmtNil {
		r.at++
		return nil
	}
	return r.raw()
}

// text reads a string, which aliases the message.
func (r *reader) text() string { return view(r.raw()) }

// raw reads what strings and byte slices have in common.
// Its capacity is cut so that an append to a field never writes over the next one.
func (r *reader) raw() []byte {
	b := r.b[r.at:]
	var head, n uint
	switch {
	case len(b) >= 1 && b[0]&0xe0 == fixRaw:
		head, n = 1, uint(b[0]&fixRawMax)
	case len(b) >= 3 && b[0] == fmtRaw16:
		head, n = 3, uint(binary.BigEndian.Uint16(b[1:]))
	case len(b) >= 5 && b[0] == fmtRaw32:
		head, n = 5, uint(binary.BigEndian.Uint32(b[1:]))
	default:
		r.fail()
		return nil
	}
	if n > uint(len(b))-head {
		r.fail()
		return nil
	}
	end := head + n
	r.at += int(end)
	return b[head:end:end]
}

// view returns the bytes of b as a string without copying them.
// It is the one place where this package lets a string change under its owner: every string in a
// decoded message is valid only as long as the packet or the buffer that it came from is left alone.
// Who keeps one longer clones it with strings.Clone.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
