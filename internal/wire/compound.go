package wire

import "encoding/binary"

const (
	// MaxParts is how many messages a compound can hold: it counts them in one byte.
	MaxParts = 255
	// MaxPart is how long a message in a compound can be: its length is two bytes.
	MaxPart = 65535
	// CompoundOverhead is what a compound adds to a packet, besides PartOverhead for each message in it.
	CompoundOverhead = 2
	// PartOverhead is what each message in a compound costs besides itself.
	PartOverhead = 2
)

var (
	errCompoundEmpty = &Error{Layer: LayerCompound, Reason: "no message to send"}
	errCompoundCount = &Error{Layer: LayerCompound, Reason: "more than 255 messages"}
	errCompoundPart  = &Error{Layer: LayerCompound, Reason: "message over 65,535 bytes"}
	errCompoundHead  = &Error{Layer: LayerCompound, Reason: "header cut short"}
	errCompoundCut   = &Error{Layer: LayerCompound, Reason: "messages cut short"}
)

// appendCompound appends one compound of msgs.
func appendCompound(dst []byte, msgs [][]byte) ([]byte, error) {
	switch {
	case len(msgs) == 0:
		return dst, errCompoundEmpty
	case len(msgs) > MaxParts:
		return dst, errCompoundCount
	}
	for _, m := range msgs {
		if len(m) > MaxPart {
			return dst, errCompoundPart
		}
	}
	dst = append(dst, byte(TypeCompound), byte(len(msgs)))
	for _, m := range msgs {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(m)))
	}
	for _, m := range msgs {
		dst = append(dst, m...)
	}
	return dst, nil
}

// parts walks over the messages of one compound.
type parts struct {
	lengths []byte // two bytes for each part still to come
	bytes   []byte
}

// parseCompound reads a compound's head; body is what follows its type byte.
func parseCompound(body []byte) (parts, error) {
	if len(body) == 0 {
		return parts{}, errCompoundHead
	}
	lengths := PartOverhead * int(body[0])
	if len(body) < 1+lengths {
		return parts{}, errCompoundHead
	}
	return parts{lengths: body[1 : 1+lengths], bytes: body[1+lengths:]}, nil
}

// left returns how many parts are still to come.
func (p *parts) left() int { return len(p.lengths) / PartOverhead }

// next returns the next part, or false when no whole one is left. Once one part is cut short,
// where the others would begin is unknown: all that are left are lost.
func (p *parts) next() ([]byte, bool) {
	if len(p.lengths) == 0 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(p.lengths))
	if n > len(p.bytes) {
		return nil, false
	}
	part := p.bytes[:n:n]
	p.lengths, p.bytes = p.lengths[PartOverhead:], p.bytes[n:]
	return part, true
}
