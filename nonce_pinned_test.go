//go:build go1.26

package memberlist

import (
	"testing"
	"testing/cryptotest"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestNoncesCanBePinned(t *testing.T) {
	draw := func() (drawn [100]wire.Nonce) {
		cryptotest.SetGlobalRandom(t, 1)
		var source nonces
		for i := range drawn {
			source.next(&drawn[i])
		}
		return drawn
	}
	if first, second := draw(), draw(); first != second {
		t.Error("the same seed gave different nonces")
	}
}
