package wire

import "encoding/binary"

var errFrameMessage = &Error{Layer: LayerMessage, Reason: "no type byte to send"}

// Frame is what goes around the messages of one packet or of one message on a stream.
// The zero Frame adds nothing. It is not safe for concurrent use if it has a Compressor.
type Frame struct {
	// Label marks packets; on streams it is authenticated only, and AppendLabel writes it once.
	Label string
	// Key seals; nil sends plain text.
	Key *Key
	// SealVersion is 1, or 0 for clusters that still speak protocol version 1.
	SealVersion uint8
	// Checksum guards packets, for receivers that understand protocol version 5. Streams have none.
	Checksum bool
	// Compress, if not nil, compresses what becomes shorter by it.
	Compress *Compressor
}

// Overhead returns how many bytes the frame adds to a packet at most. A compound costs
// CompoundOverhead, and PartOverhead for each message in it, besides.
func (f *Frame) Overhead() int {
	n := 0
	if f.Label != "" {
		n += labelOverhead + len(f.Label)
	}
	if f.Key != nil {
		n += sealOverhead
		if f.SealVersion == 0 {
			n += sealPadding
		}
	}
	if f.Checksum {
		n += checksumSize
	}
	return n
}

// AppendPacket appends one packet with msgs, each of which begins with its type byte: one message
// as it is, more as a compound. With an error dst is returned as it was. It needs a nonce only with
// a Key, and allocates nothing if dst has room.
func (f *Frame) AppendPacket(dst []byte, nonce *Nonce, msgs [][]byte) ([]byte, error) {
	if err := f.check(nonce, msgs...); err != nil {
		return dst, err
	}
	b, err := AppendLabel(dst, f.Label)
	if err != nil {
		return dst, err
	}
	label := b[len(b)-len(f.Label):]
	seal := len(b)
	if f.Key != nil {
		b = beginSeal(b, f.SealVersion, nonce)
	}
	checksum := len(b)
	if f.Checksum {
		b = beginChecksum(b)
	}
	if b, err = f.appendMessages(b, msgs); err != nil {
		return dst, err
	}
	if f.Checksum {
		endChecksum(b, checksum)
	}
	if f.Key != nil {
		b = endSeal(b, seal, f.Key, label)
	}
	return b, nil
}

// appendMessages appends one message or a compound, compressed if that is shorter.
func (f *Frame) appendMessages(b []byte, msgs [][]byte) ([]byte, error) {
	if len(msgs) == 1 {
		return f.appendMessage(b, msgs[0]), nil
	}
	start := len(b)
	b, err := appendCompound(b, msgs)
	if err != nil || f.Compress == nil {
		return b, err
	}
	if m, shorter := f.Compress.shrink(b[start:]); shorter {
		b = m.Append(b[:start])
	}
	return b, nil
}

// appendMessage appends msg, compressed if that is shorter.
func (f *Frame) appendMessage(b, msg []byte) []byte {
	if f.Compress != nil {
		if m, shorter := f.Compress.shrink(msg); shorter {
			return m.Append(b)
		}
	}
	return append(b, msg...)
}

// AppendStream appends one message as it goes over a stream; msg begins with its type byte.
// With an error dst is returned as it was.
func (f *Frame) AppendStream(dst []byte, nonce *Nonce, msg []byte) ([]byte, error) {
	if err := f.check(nonce, msg); err != nil {
		return dst, err
	}
	if f.Key == nil {
		return f.appendStreamMessage(dst, msg), nil
	}
	head := len(dst)
	b := append(dst, byte(TypeEncrypted), 0, 0, 0, 0)
	seal := len(b)
	b = f.appendStreamMessage(beginSeal(b, f.SealVersion, nonce), msg)
	// The length is authenticated too, so it must stand there before the message is sealed.
	n := sealedSize(f.SealVersion, len(b)-seal-1-nonceSize)
	if n > MaxStreamBytes {
		return dst, errSealTooLarge
	}
	binary.BigEndian.PutUint32(b[head+1:], uint32(n))
	aad := append(append(make([]byte, 0, streamHead+MaxLabel), b[head:seal]...), f.Label...)
	return endSeal(b, seal, f.Key, aad), nil
}

// appendStreamMessage is appendMessage without compressing what the receiver would not inflate.
func (f *Frame) appendStreamMessage(b, msg []byte) []byte {
	if len(msg) > maxStreamInflated {
		return append(b, msg...)
	}
	return f.appendMessage(b, msg)
}

// check refuses what cannot be sent.
func (f *Frame) check(nonce *Nonce, msgs ...[]byte) error {
	for _, m := range msgs {
		if len(m) == 0 {
			return errFrameMessage
		}
	}
	switch {
	case len(f.Label) > MaxLabel:
		return errLabelLong
	case f.Key == nil:
		return nil
	case nonce == nil:
		return errSealNonce
	case f.SealVersion > maxSealVersion:
		return errSealVersion
	default:
		return nil
	}
}
