package memberlist

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Keyring holds the keys of a cluster. What a node sends is sealed with the primary key; what it
// receives may be sealed with any of them, so that keys can be changed while the cluster runs:
// add the new key everywhere, use it everywhere, then remove the old one everywhere.
//
// The zero value is a ring without keys; nothing is encrypted until the first one is added. All
// methods are safe for concurrent use, from any goroutine and any delegate, and take effect on
// the very next packet. Keys are copied in and out. A Keyring never prints a key.
type Keyring struct {
	// ring is never changed but replaced, so that whoever reads a packet takes no lock.
	// The primary key is the first one.
	ring atomic.Pointer[[]*wire.Key]
}

// errNoPrimary is the answer to a ring that would not know what to send with.
var errNoPrimary = errors.New("keyring: there are keys, but none is the primary one")

// NewKeyring makes a ring of the primary key and of the others, among which the primary key may be
// as well. Every key must pass ValidateKey. Keys without a primary one are an error; with neither,
// the ring is empty.
func NewKeyring(keys [][]byte, primaryKey []byte) (*Keyring, error) {
	k := new(Keyring)
	if len(primaryKey) == 0 {
		if len(keys) > 0 {
			return nil, errNoPrimary
		}
		return k, nil
	}
	if err := k.AddKey(primaryKey); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if err := k.AddKey(key); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// ValidateKey returns an error unless the key is 16, 24 or 32 bytes long, which choose
// AES-128, AES-192 or AES-256.
func ValidateKey(key []byte) error {
	switch len(key) {
	case 16, 24, 32:
		return nil
	default:
		return fmt.Errorf("a key has 16, 24 or 32 bytes, not %d", len(key))
	}
}

// AddKey adds a key, with which packets can be read from now on; the first key of an empty ring
// becomes the primary one. A key that is there already stays where it is, and that is no error.
func (k *Keyring) AddKey(key []byte) error {
	if err := ValidateKey(key); err != nil {
		return fmt.Errorf("keyring: add: %w", err)
	}
	made, err := wire.NewKey(key)
	if err != nil {
		return fmt.Errorf("keyring: add: %w", err)
	}
	return k.change(func(ring []*wire.Key) ([]*wire.Key, error) {
		if indexOfKey(ring, key) >= 0 {
			return ring, nil
		}
		return append(slices.Clone(ring), made), nil
	})
}

// UseKey makes a key that is in the ring the primary one. The former primary key stays in the ring.
func (k *Keyring) UseKey(key []byte) error {
	return k.change(func(ring []*wire.Key) ([]*wire.Key, error) {
		i := indexOfKey(ring, key)
		if i < 0 {
			return nil, errors.New("keyring: use: the key is not in the keyring")
		}
		others := slices.Delete(slices.Clone(ring), i, i+1)
		return append([]*wire.Key{ring[i]}, others...), nil
	})
}

// adopt adds a key and makes it the primary one.
func (k *Keyring) adopt(key []byte) error {
	if err := k.AddKey(key); err != nil {
		return err
	}
	return k.UseKey(key)
}

// RemoveKey removes a key, with which nothing can be read any more. To remove the primary key is
// an error; to remove a key that is not there is not.
func (k *Keyring) RemoveKey(key []byte) error {
	return k.change(func(ring []*wire.Key) ([]*wire.Key, error) {
		switch i := indexOfKey(ring, key); i {
		case -1:
			return ring, nil
		case 0:
			return nil, errors.New("keyring: remove: not allowed for the primary key")
		default:
			return slices.Delete(slices.Clone(ring), i, i+1), nil
		}
	})
}

// GetKeys returns a copy of all keys, the primary one first.
func (k *Keyring) GetKeys() [][]byte {
	ring := k.keys()
	keys := make([][]byte, 0, len(ring))
	for _, key := range ring {
		keys = append(keys, key.Bytes())
	}
	return keys
}

// GetPrimaryKey returns a copy of the key that everything is sent with, or nil if the ring is empty.
func (k *Keyring) GetPrimaryKey() (key []byte) {
	if first := k.primary(); first != nil {
		return first.Bytes()
	}
	return nil
}

// String says how many keys there are, and nothing of their values.
func (k *Keyring) String() string {
	return fmt.Sprintf("Keyring(%d keys)", len(k.keys()))
}

// Format prints what String says, whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, k.String()) // there is nobody to tell
}

// LogValue gives what String says to package log/slog.
func (k *Keyring) LogValue() slog.Value {
	return slog.StringValue(k.String())
}

// keys returns the ring as it is at this moment, the primary key first; it must not be changed.
// A nil Keyring is an empty one.
func (k *Keyring) keys() []*wire.Key {
	if k == nil {
		return nil
	}
	if ring := k.ring.Load(); ring != nil {
		return *ring
	}
	return nil
}

// primary returns the key to send with; nil if there is none.
func (k *Keyring) primary() *wire.Key {
	if ring := k.keys(); len(ring) > 0 {
		return ring[0]
	}
	return nil
}

// change replaces the ring by what f makes of it. f must not change what it is given, and is asked
// again if somebody else was faster.
func (k *Keyring) change(f func(ring []*wire.Key) ([]*wire.Key, error)) error {
	for {
		before := k.ring.Load()
		var ring []*wire.Key
		if before != nil {
			ring = *before
		}
		after, err := f(ring)
		if err != nil {
			return err
		}
		if k.ring.CompareAndSwap(before, &after) {
			return nil
		}
	}
}

// indexOfKey finds a key in a ring, in a time that does not depend on how much of it is right.
func indexOfKey(ring []*wire.Key, key []byte) int {
	return slices.IndexFunc(ring, func(k *wire.Key) bool {
		return subtle.ConstantTimeCompare(k.Bytes(), key) == 1
	})
}
