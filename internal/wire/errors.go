package wire

import "errors"

// Layer says which part of the wire refused something, so that what is dropped can be counted by cause.
type Layer uint8

// The layers, roughly from outside to inside.
const (
	LayerLabel Layer = iota + 1
	LayerSeal
	LayerChecksum
	LayerCompression
	LayerCompound
	LayerMessage
	LayerStream
	// LayerPolicy refuses what could be understood but is not allowed here:
	// plain text where keys are required, sealed text where there are none.
	LayerPolicy
)

var layerNames = [...]string{
	LayerLabel:       "label",
	LayerSeal:        "seal",
	LayerChecksum:    "checksum",
	LayerCompression: "compression",
	LayerCompound:    "compound",
	LayerMessage:     "message",
	LayerStream:      "stream",
	LayerPolicy:      "policy",
}

// String returns the layer's name in lower case, fit to be a metric label.
func (l Layer) String() string {
	if int(l) < len(layerNames) && layerNames[l] != "" {
		return layerNames[l]
	}
	return "unknown"
}

// ErrShort says that the bytes end inside a value: with more of them it might be whole.
// Decoders wrap it in an Error; ask for it with errors.Is.
var ErrShort = errors.New("the bytes end too early")

// Error is what this package returns for everything that it refuses.
// Reason is a short fixed phrase without anything foreign in it, fit to be a metric label;
// Err, which may be nil, says more.
type Error struct {
	Layer  Layer
	Reason string
	Err    error

	// Need is set with ErrShort: a decoder that did not get at least so many more bytes is sure
	// to fail again. A promise of the peer, not a size to allocate.
	Need int
}

// Error returns layer, reason and cause, outermost first.
func (e *Error) Error() string {
	text := e.Layer.String() + ": " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Answer reports whether a peer that sent this on a stream is told why it was refused.
// That is so for everything about seal, compression and policy, except when the stream merely ended:
// then nobody is left to read the answer. All other errors close the stream without a word.
func (e *Error) Answer() bool {
	switch e.Layer {
	case LayerSeal, LayerCompression, LayerPolicy:
		return !errors.Is(e.Err, ErrShort)
	default:
		return false
	}
}
