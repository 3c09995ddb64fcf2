package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
)

// Nonce is what makes two seals with one key differ. It must never be used twice with the same key.
type Nonce = [12]byte

// Key is one AES key with its cipher ready for use.
// It never changes and is safe for concurrent use.
type Key struct {
	// secret is a function because package fmt prints unexported fields by reflection, past Format,
	// and follows even pointers where the verb does not fit. Of a function it prints the address.
	secret func() *secret
}

type secret struct {
	raw  []byte
	aead cipher.AEAD
}

// NewKey makes a key of 16, 24 or 32 bytes, for AES-128, AES-192 or AES-256. It copies raw.
func NewKey(raw []byte) (*Key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("a key has 16, 24 or 32 bytes, not %d", len(raw))
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("AES-GCM: %w", err)
	}
	s := &secret{raw: bytes.Clone(raw), aead: aead}
	return &Key{secret: func() *secret { return s }}, nil
}

// Bytes returns the key's bytes; the slice is the caller's own.
func (k *Key) Bytes() []byte {
	return bytes.Clone(k.secret().raw)
}

// String names the kind of key and nothing of its value.
func (k Key) String() string {
	if k.secret == nil {
		return "no key"
	}
	return fmt.Sprintf("AES-%d key", len(k.secret().raw)*8)
}

// Format prints what String says for every verb, so that no careless format shows a key.
func (k Key) Format(f fmt.State, _ rune) {
	// A state that cannot be written to has nowhere to report that; nothing is lost but the text.
	_, _ = io.WriteString(f, k.String())
}
