package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// checksumSize is what a checksum adds to a packet: its type byte and the CRC-32.
const checksumSize = 1 + 4

var errChecksum = &Error{Layer: LayerChecksum, Reason: "wrong checksum"}

// beginChecksum appends the header of a checksum whose value is still to come.
func beginChecksum(b []byte) []byte {
	return append(b, byte(TypeChecksum), 0, 0, 0, 0)
}

// endChecksum fills in the checksum that beginChecksum wrote at position start,
// over all that was appended since.
func endChecksum(b []byte, start int) {
	binary.BigEndian.PutUint32(b[start+1:], crc32.ChecksumIEEE(b[start+checksumSize:]))
}

// stripChecksum verifies and removes a checksum if b begins with one.
// What is too short to be one is left as it is, for its type to be refused later.
func stripChecksum(b []byte) ([]byte, error) {
	if len(b) < checksumSize || Type(b[0]) != TypeChecksum {
		return b, nil
	}
	rest := b[checksumSize:]
	if crc32.ChecksumIEEE(rest) != binary.BigEndian.Uint32(b[1:]) {
		return nil, errChecksum
	}
	return rest, nil
}
