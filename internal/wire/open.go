package wire

import "math/bits"

const (
	// minInflated is what a packet may inflate to when Opener.MaxInflated says less.
	minInflated = 64 << 10
	// maxNesting is how many compounds and compressions one packet may hide inside each other.
	// Real nodes send compressed(compound(message)): two.
	maxNesting = 4
	// maxTotalParts bounds the parts of all compounds in one packet together. Real nodes put one
	// compound of at most 255 parts into a packet; this leaves room for four full ones and keeps
	// a packet that multiplies itself from becoming more messages than a node should answer at once:
	// each may be a ping, or ask for one.
	maxTotalParts = 1024
	// maxCompressions bounds the compressions in one packet; real nodes send one.
	maxCompressions = 16

	// keepMessages and keepScratch are up to what size an Opener keeps its memory for the next packet.
	keepMessages = 512
	keepScratch  = 256 << 10
)

var (
	errNesting        = &Error{Layer: LayerCompound, Reason: "nested too deep"}
	errTooManyParts   = &Error{Layer: LayerCompound, Reason: "too many parts"}
	errCompressions   = &Error{Layer: LayerCompression, Reason: "too many in one packet"}
	errEmptyMessage   = &Error{Layer: LayerMessage, Reason: "empty"}
	errPacketType     = &Error{Layer: LayerMessage, Reason: "type not known in packets"}
	errBadCompression = &Error{Layer: LayerCompression, Reason: "malformed"}
)

// Opener opens packets. It owns memory that it uses again for each packet and so is not safe for
// concurrent use; the fields may be changed between packets.
type Opener struct {
	// Label is our own. Packets that bear another one, or none where ours is not empty, are refused.
	Label string
	// SkipLabel takes packets with any label or none.
	SkipLabel bool
	// Verify refuses, where there are keys, what none of them opens.
	// Otherwise that is taken as plain text.
	Verify bool
	// MaxInflated is how many bytes all that is compressed in one packet may inflate to together,
	// but never less than 64 KiB.
	MaxInflated int

	messages []Message
	scratch  []byte // what was decrypted, then what was inflated
	aad      []byte
	inflater inflater
	inflate  int   // bytes that may still come out of compression
	deflated int   // compressions seen so far
	parts    int   // parts of compounds seen so far
	lost     int   // parts that were refused
	cause    error // why the first of them was
}

// Message is one message of a packet: its type and what follows the type byte.
type Message struct {
	Type Type
	Body []byte
}

// Opened is what was in a packet.
type Opened struct {
	// Messages are in the order in which the sender put them. They alias the packet and the Opener's
	// memory and are valid until its next Open.
	Messages []Message
	// Sealed tells that the packet was encrypted with one of our keys.
	Sealed bool
	// Lost counts the messages that were cut short, empty, not understood or not allowed in a packet.
	Lost int
}

// Open takes a packet apart: label, seal, checksum, then compressions and compounds down to the
// messages. It never writes to packet.
//
// An error can come along with messages: then something else in the packet was lost, Opened.Lost
// says how much, and the error why the first of it was. Without messages the whole packet was refused.
func (o *Opener) Open(packet []byte, keys []*Key) (Opened, error) {
	o.reset()
	body, sealed, err := o.unwrap(packet, keys)
	if err != nil {
		return Opened{Sealed: sealed}, err
	}
	if err := o.unpack(body, 0); err != nil {
		return Opened{Sealed: sealed}, err
	}
	return Opened{Messages: o.messages, Sealed: sealed, Lost: o.lost}, o.cause
}

// reset makes ready for the next packet. Memory that an unusual packet needed is let go.
func (o *Opener) reset() {
	o.messages, o.scratch = o.messages[:0], o.scratch[:0]
	if cap(o.messages) > keepMessages {
		o.messages = nil
	}
	if cap(o.scratch) > keepScratch {
		o.scratch = nil
	}
	o.inflate = max(minInflated, o.MaxInflated)
	o.deflated, o.parts, o.lost, o.cause = 0, 0, 0, nil
}

// unwrap removes what can only be outermost: label, seal and checksum.
func (o *Opener) unwrap(packet []byte, keys []*Key) (body []byte, sealed bool, err error) {
	label, body, err := StripLabel(packet)
	if err != nil {
		return nil, false, err
	}
	if !o.SkipLabel && string(label) != o.Label {
		return nil, false, errLabelOther
	}
	if len(keys) > 0 {
		plain, err := o.openSeal(label, body, keys)
		switch {
		case err == nil:
			body, sealed = plain, true
		case err == errSealPadding || o.Verify:
			return nil, false, err
		}
	}
	body, err = stripChecksum(body)
	return body, sealed, err
}

// openSeal decrypts into scratch. The label that is authenticated is the one that came,
// and our own if none did.
func (o *Opener) openSeal(label, sealed []byte, keys []*Key) ([]byte, error) {
	if label == nil {
		o.aad = append(o.aad[:0], o.Label...)
		label = o.aad
	}
	if cap(o.scratch) < len(sealed) {
		o.scratch = make([]byte, 0, 1<<bits.Len(uint(len(sealed))))
	}
	plain, err := openSeal(o.scratch, sealed, label, keys)
	if err != nil {
		return nil, err
	}
	o.scratch = plain
	return plain, nil
}

// unpack collects the messages of b, which is inside depth compounds and compressions.
// Its error condemns the whole packet; what only costs a message goes to lose.
func (o *Opener) unpack(b []byte, depth int) error {
	if len(b) == 0 {
		o.lose(1, errEmptyMessage)
		return nil
	}
	body := b[1:len(b):len(b)]
	switch t := Type(b[0]); t {
	case TypePing, TypeIndirectPing, TypeAck, TypeNack, TypeSuspect, TypeAlive, TypeDead, TypeUser:
		o.messages = append(o.messages, Message{Type: t, Body: body})
		return nil
	case TypeCompound:
		if depth == maxNesting {
			return errNesting
		}
		return o.unpackCompound(body, depth+1)
	case TypeCompressed:
		if depth == maxNesting {
			return errNesting
		}
		return o.unpackCompressed(body, depth+1)
	default:
		o.lose(1, errPacketType)
		return nil
	}
}

func (o *Opener) unpackCompound(body []byte, depth int) error {
	parts, err := parseCompound(body)
	if err != nil {
		o.lose(1, err)
		return nil
	}
	if o.parts += parts.left(); o.parts > maxTotalParts {
		return errTooManyParts
	}
	for part, ok := parts.next(); ok; part, ok = parts.next() {
		if err := o.unpack(part, depth); err != nil {
			return err
		}
	}
	if n := parts.left(); n > 0 {
		o.lose(n, errCompoundCut)
	}
	return nil
}

func (o *Opener) unpackCompressed(body []byte, depth int) error {
	if o.deflated++; o.deflated > maxCompressions {
		return errCompressions
	}
	var c Compressed
	if err := c.Decode(body); err != nil {
		o.lose(1, errBadCompression)
		return nil
	}
	if c.Algo != algoLZW {
		o.lose(1, errAlgo)
		return nil
	}
	start := len(o.scratch)
	var err error
	o.scratch, err = o.inflater.appendInflated(o.scratch, c.Buf, o.inflate, nil)
	switch {
	case err == errInflateTooMuch:
		return err
	case err != nil:
		o.lose(1, err)
		return nil
	}
	message := o.scratch[start:]
	o.inflate -= len(message)
	return o.unpack(message, depth)
}

// lose counts n messages that are not to be had, and keeps the first cause.
func (o *Opener) lose(n int, cause error) {
	o.lost += n
	if o.cause == nil {
		o.cause = cause
	}
}
