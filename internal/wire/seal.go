package wire

import "slices"

const (
	nonceSize = len(Nonce{})
	tagSize   = 16
	// sealPadding is the block to which version 0 pads, and so the most that padding adds.
	sealPadding = 16
	// sealOverhead is what version 1 adds to a message: version, nonce, tag.
	sealOverhead = 1 + nonceSize + tagSize
	// maxSealVersion is the highest encryption version in use; version 0 pads, version 1 does not.
	maxSealVersion = 1
)

var (
	errSealVersion  = &Error{Layer: LayerSeal, Reason: "unknown encryption version"}
	errSealShort    = &Error{Layer: LayerSeal, Reason: "too few bytes to be sealed"}
	errSealKey      = &Error{Layer: LayerSeal, Reason: "no installed key fits"}
	errSealPadding  = &Error{Layer: LayerSeal, Reason: "padding longer than the message"}
	errSealNonce    = &Error{Layer: LayerSeal, Reason: "a nonce is needed to seal"}
	errSealTooLarge = &Error{Layer: LayerSeal, Reason: "sealed message too large"}
)

// beginSeal appends what stands before the plain text of a sealed message.
func beginSeal(b []byte, version uint8, nonce *Nonce) []byte {
	b = append(b, version)
	return append(b, nonce[:]...)
}

// endSeal seals in place all that was appended to b since beginSeal wrote at position start.
func endSeal(b []byte, start int, k *Key, aad []byte) []byte {
	plain := start + 1 + nonceSize
	if b[start] == 0 {
		pad := sealPadding - (len(b)-plain)%sealPadding
		for range pad {
			b = append(b, byte(pad))
		}
	}
	// With room for the tag the cipher works in place and allocates nothing.
	b = slices.Grow(b, tagSize)
	nonce := b[start+1 : plain : plain]
	return k.secret().aead.Seal(b[:plain], nonce, b[plain:], aad)
}

// sealedSize returns how long n bytes of plain text are once sealed.
func sealedSize(version uint8, n int) int {
	if version == 0 {
		n += sealPadding - n%sealPadding
	}
	return n + sealOverhead
}

// checkSealed tells what cannot be a sealed message from its outside alone.
func checkSealed(sealed []byte) error {
	switch {
	case len(sealed) == 0:
		return errSealShort
	case sealed[0] > maxSealVersion:
		return errSealVersion
	case sealed[0] == 0 && len(sealed) < sealOverhead+sealPadding, len(sealed) < sealOverhead:
		return errSealShort
	default:
		return nil
	}
}

// openSeal opens sealed with the first of keys that fits and appends the plain text to dst.
// dst must not overlap sealed, unless it ends exactly where the ciphertext begins and there is one
// key only: a key that does not fit wipes what it was to write to.
func openSeal(dst, sealed, aad []byte, keys []*Key) ([]byte, error) {
	if err := checkSealed(sealed); err != nil {
		return dst, err
	}
	nonce, ciphertext := sealed[1:1+nonceSize], sealed[1+nonceSize:]
	for _, k := range keys {
		opened, err := k.secret().aead.Open(dst, nonce, ciphertext, aad)
		if err != nil {
			continue
		}
		if sealed[0] == 0 {
			return unpad(opened, len(dst))
		}
		return opened, nil
	}
	return dst, errSealKey
}

// unpad cuts the padding off the plain text that begins at start. Like every node of the cluster it
// believes the last byte alone, which also may be zero or more than a block.
func unpad(b []byte, start int) ([]byte, error) {
	if len(b) == start {
		return b[:start], errSealPadding
	}
	n := int(b[len(b)-1])
	if n > len(b)-start {
		return b[:start], errSealPadding
	}
	return b[:len(b)-n], nil
}
