package memberlist

import (
	"crypto/rand"
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// nonceBlock is how many random bytes are fetched at once: the system's source costs many times
// what a nonce does.
const nonceBlock = 1024

// nonces gives out random nonces, each once. The zero value is ready; it is safe for concurrent use.
type nonces struct {
	mu    sync.Mutex
	block [nonceBlock]byte
	left  int // bytes of block not given out yet; they are at its end
}

// next puts a nonce into to. It cannot fail: package crypto/rand ends the program rather than
// give out anything but random bytes.
func (n *nonces) next(to *wire.Nonce) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left < len(to) {
		_, _ = rand.Read(n.block[:]) // never an error, see above
		n.left = len(n.block)
	}
	at := len(n.block) - n.left
	copy(to[:], n.block[at:])
	n.left -= len(to)
}
