package wire

import "strconv"

// Type is the first byte of a message.
type Type byte

// The message types, as every node of a cluster numbers them.
const (
	TypePing         Type = 0
	TypeIndirectPing Type = 1
	TypeAck          Type = 2
	TypeSuspect      Type = 3
	TypeAlive        Type = 4
	TypeDead         Type = 5
	TypePushPull     Type = 6
	TypeCompound     Type = 7
	TypeUser         Type = 8
	TypeCompressed   Type = 9
	TypeEncrypted    Type = 10
	TypeNack         Type = 11
	TypeChecksum     Type = 12
	TypeError        Type = 13
	TypeLabel        Type = 244
)

var typeNames = [...]string{
	TypePing:         "ping",
	TypeIndirectPing: "indirect ping",
	TypeAck:          "ack",
	TypeSuspect:      "suspect",
	TypeAlive:        "alive",
	TypeDead:         "dead",
	TypePushPull:     "push/pull",
	TypeCompound:     "compound",
	TypeUser:         "user",
	TypeCompressed:   "compressed",
	TypeEncrypted:    "encrypted",
	TypeNack:         "nack",
	TypeChecksum:     "checksum",
	TypeError:        "error",
}

// String returns the type's name in lower case, or its number where it has no name.
func (t Type) String() string {
	switch {
	case int(t) < len(typeNames):
		return typeNames[t]
	case t == TypeLabel:
		return "label"
	default:
		return "type " + strconv.Itoa(int(t))
	}
}

// Versions says which protocol versions a node understands and which it speaks:
// its own protocol first, then that of the application's delegates.
type Versions struct {
	PMin, PMax, PCur uint8
	DMin, DMax, DCur uint8
}

// versionsLen is the length of Versions on the wire.
const versionsLen = 6

// Append appends the six bytes that stand for v on the wire.
func (v Versions) Append(b []byte) []byte {
	return append(b, v.PMin, v.PMax, v.PCur, v.DMin, v.DMax, v.DCur)
}

// ParseVersions reads what Append writes. It is false for fewer than six bytes; more are ignored.
// It does not judge the numbers.
func ParseVersions(vsn []byte) (Versions, bool) {
	if len(vsn) < versionsLen {
		return Versions{}, false
	}
	return Versions{
		PMin: vsn[0], PMax: vsn[1], PCur: vsn[2],
		DMin: vsn[3], DMax: vsn[4], DCur: vsn[5],
	}, true
}
