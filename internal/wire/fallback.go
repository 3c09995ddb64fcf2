package wire

import (
	"bytes"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// handle is how go-msgpack decodes what the reader does not. It is not changed after it was made.
// MaxInitLen only keeps go-msgpack from growing long byte slices piece by piece, copying each time:
// the lengths it meets are known to be true, because extent has walked the whole value before.
var handle = func() *codec.MsgpackHandle {
	h := new(codec.MsgpackHandle)
	h.MaxInitLen = 1 << 30
	return h
}()

// foreign decodes the value at the start of b in whatever form it is valid: fields in another order
// or unknown, a struct as an array, strings and numbers in other formats, nil. It returns what follows.
// It copies what it decodes and costs a few allocations, the sum of them a small multiple of the
// value's own length. Without an error *x is replaced as a whole; with one it is left alone.
func foreign[T any](b []byte, x *T) (rest []byte, err error) {
	n, err := extent(b)
	if err != nil {
		return nil, err
	}
	// go-msgpack reads from an io.Reader as it does in the reference; given a plain slice
	// it stumbles over empty extensions. It also recovers its own panics.
	v := new(T)
	if err := codec.NewDecoder(bytes.NewReader(b[:n]), handle).Decode(v); err != nil {
		return nil, &Error{Layer: LayerMessage, Reason: "malformed", Err: err}
	}
	*x = *v
	return b[n:], nil
}
