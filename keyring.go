package memberlist

import "fmt"

// Keyring holds the keys that encrypt; security.go takes its place and brings its methods.
type Keyring struct {
	keys [][]byte
}

// GetKeys returns the keys, the primary one first.
func (k *Keyring) GetKeys() [][]byte { return k.keys }

// ValidateKey returns an error unless the key is 16, 24 or 32 bytes long.
func ValidateKey(key []byte) error {
	switch len(key) {
	case 16, 24, 32:
		return nil
	default:
		return fmt.Errorf("key of %d bytes: it must have 16, 24 or 32", len(key))
	}
}
