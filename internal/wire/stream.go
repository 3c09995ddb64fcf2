package wire

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	// MaxStreamBytes is how long a sealed message, a user state and a user message may be on a stream.
	MaxStreamBytes = 20 << 20
	// maxStreamInflated is how long a message may be once it is inflated.
	maxStreamInflated = 40 << 20
	// maxStreamDeflated is how long compressed data may be: LZW makes of eight bits at most twelve,
	// and the reference sends it even where it is longer than what it was made from.
	maxStreamDeflated = maxStreamInflated/2*3 + 1<<10
	// maxValue is how long any other value may be: a header, a member, a ping.
	maxValue = 1 << 20

	// streamHead is what stands before a sealed message: its type byte and its length.
	streamHead = 1 + 4
)

var (
	errStreamSealed = &Error{Layer: LayerPolicy, Reason: "sealed text where there are no keys"}
	errStreamPlain  = &Error{Layer: LayerPolicy, Reason: "plain text where keys are required"}
	errSealNothing  = &Error{Layer: LayerSeal, Reason: "nothing inside"}
	errDeflatedLong = &Error{Layer: LayerCompression, Reason: "compressed data too long"}
	errStreamType   = &Error{Layer: LayerStream, Reason: "type not known on streams"}
	errValueLong    = &Error{Layer: LayerStream, Reason: "value too long"}
	errUserLength   = &Error{Layer: LayerStream, Reason: "impossible length of user message"}
)

// StreamReader reads the messages of one direction of a stream.
// What it returns is never overwritten and belongs to the caller. Not safe for concurrent use.
type StreamReader struct {
	in       window
	opened   window // the message at hand, if it came sealed or compressed
	msg      *window
	inflater inflater
	spare    []Row // see Spare
}

// StreamFrame is what the receiver of a stream expects around its messages.
type StreamFrame struct {
	// Keys are tried in turn on what is sealed.
	Keys []*Key
	// Verify refuses plain text if there are keys.
	Verify bool
	// Label is what the seal authenticates: the label at the start of the stream, or our own.
	Label string
}

// NewStreamReader returns a reader of r. Before its memory grows it asks budget, which may be nil,
// whether it may by that many bytes; an error from there ends the stream and is found with errors.Is.
// Memory grows with the bytes that have come in, never with those that are only declared.
func NewStreamReader(r io.Reader, budget func(grow int) error) *StreamReader {
	s := &StreamReader{in: window{r: r, budget: budget}}
	s.msg = &s.in
	return s
}

// Label reads the label header that may stand at the start of a stream,
// and returns the empty label where there is none.
func (s *StreamReader) Label() (string, error) {
	switch err := s.in.need(1); {
	case err == errStreamCut:
		return "", nil // an empty stream; Next will say so
	case err != nil:
		return "", err
	case Type(s.in.unread()[0]) != TypeLabel:
		return "", nil
	}
	if err := s.in.need(labelOverhead); err != nil {
		return "", err
	}
	n := int(s.in.unread()[1])
	if n == 0 {
		return "", errLabelEmpty
	}
	header, err := s.in.take(labelOverhead + n)
	if err != nil {
		return "", err
	}
	return string(header[labelOverhead:]), nil
}

// Next opens the next message and returns its type: Ping, Ack, PushPull, User or Error.
// The method of that name then reads it. At the end of the stream the error is io.EOF.
func (s *StreamReader) Next(f StreamFrame) (t Type, sealed bool, err error) {
	s.msg = &s.in
	if err := s.in.need(1); err != nil {
		if err == errStreamCut {
			err = io.EOF
		}
		return 0, false, err
	}
	t = Type(s.in.unread()[0])
	switch {
	case t == TypeEncrypted && len(f.Keys) == 0:
		return t, false, errStreamSealed
	case t == TypeEncrypted:
		if err := s.openSeal(f); err != nil {
			return t, false, err
		}
		sealed = true
	case f.Verify && len(f.Keys) > 0:
		return t, false, errStreamPlain
	}
	t = s.nextType()
	if t == TypeCompressed {
		if err := s.inflate(); err != nil {
			return t, sealed, err
		}
		t = s.nextType()
	}
	switch t {
	case TypePing, TypeAck, TypePushPull, TypeUser, TypeError:
		return t, sealed, nil
	default:
		return t, sealed, errStreamType
	}
}

// nextType uses the type byte of the message at hand, which is known to be there.
func (s *StreamReader) nextType() Type {
	t := Type(s.msg.unread()[0])
	s.msg.pos++
	return t
}

// openSeal reads a sealed message and opens it.
func (s *StreamReader) openSeal(f StreamFrame) error {
	head, err := s.in.take(streamHead)
	if err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > MaxStreamBytes {
		return errSealTooLarge
	}
	aad := append(append(make([]byte, 0, streamHead+MaxLabel), head...), f.Label...)
	sealed, err := s.in.take(int(n))
	if err != nil {
		return err
	}
	if err := checkSealed(sealed); err != nil {
		return err
	}
	// One key opens in place. Of several, each that does not fit wipes what it writes to.
	dst := sealed[1+nonceSize:][:0]
	if len(f.Keys) > 1 {
		if err := allow(s.in.budget, len(sealed)); err != nil {
			return err
		}
		dst = make([]byte, 0, len(sealed))
	}
	plain, err := openSeal(dst, sealed, aad, f.Keys)
	if err != nil {
		return err
	}
	if len(plain) == 0 {
		return errSealNothing
	}
	s.opened = window{buf: plain}
	s.msg = &s.opened
	return nil
}

// inflate replaces the compressed message at hand by the one inside it.
func (s *StreamReader) inflate() error {
	var c Compressed
	var e *Error
	err := s.value(&c, maxStreamDeflated)
	switch {
	case err == nil:
	case err == errValueLong:
		return errDeflatedLong
	case errors.As(err, &e) && e.Layer == LayerMessage:
		return &Error{Layer: LayerCompression, Reason: errBadCompression.Reason, Err: e.Err}
	default:
		return err
	}
	if c.Algo != algoLZW {
		return errAlgo
	}
	inflated, err := s.inflater.appendInflated(nil, c.Buf, maxStreamInflated, s.in.budget)
	if err != nil {
		return err
	}
	if len(inflated) == 0 {
		return errInflateNothing
	}
	s.opened = window{buf: inflated}
	s.msg = &s.opened
	return nil
}

// Ping reads the ping that Next announced.
func (s *StreamReader) Ping(x *Ping) error { return s.value(x, maxValue) }

// Ack reads the ack that Next announced.
func (s *StreamReader) Ack(x *Ack) error { return s.value(x, maxValue) }

// ErrorReply reads the error that Next announced.
func (s *StreamReader) ErrorReply(x *ErrorReply) error { return s.value(x, maxValue) }

// UserMessage reads the user message that Next announced; it is nil if it has no bytes.
func (s *StreamReader) UserMessage() ([]byte, error) {
	n, err := s.UserLength()
	if err != nil {
		return nil, err
	}
	return s.UserBytes(n)
}

// UserLength reads how long the user message is that Next announced, for those who must make room first.
// UserBytes then reads the message.
func (s *StreamReader) UserLength() (int, error) {
	var h UserHeader
	if err := s.value(&h, maxValue); err != nil {
		return 0, err
	}
	if h.UserMsgLen < 0 || h.UserMsgLen > MaxStreamBytes {
		return 0, errUserLength
	}
	return h.UserMsgLen, nil
}

// UserBytes reads the n bytes of a user message whose length UserLength has read; it is nil if there are none.
func (s *StreamReader) UserBytes(n int) ([]byte, error) { return s.raw(n, errUserLength) }

// raw reads n bytes as they are; impossible is the error for an n that no node sends.
func (s *StreamReader) raw(n int, impossible error) ([]byte, error) {
	if n < 0 || n > MaxStreamBytes {
		return nil, impossible
	}
	if n == 0 {
		return nil, nil
	}
	return s.msg.take(n)
}

// decoder is a message that can be decoded from the start of what has come in.
type decoder interface {
	DecodeNext(b []byte) (rest []byte, err error)
}

// value reads one msgpack value of at most limit bytes.
func (s *StreamReader) value(x decoder, limit int) error {
	w := s.msg
	rest, err := x.DecodeNext(w.unread())
	if errors.Is(err, ErrShort) {
		if err := s.whole(limit); err != nil {
			return err
		}
		rest, err = x.DecodeNext(w.unread())
	}
	if err != nil {
		return err
	}
	if len(w.unread())-len(rest) > limit { // it came in whole, inside a seal or compressed
		return errValueLong
	}
	w.pos = len(w.buf) - len(rest)
	return nil
}

// whole waits until the value at hand has come in whole. While it has not, it waits for as many bytes as are known
// to be wanting, and then goes on where it stopped: a value that trickles in is gone through once.
func (s *StreamReader) whole(limit int) error {
	w, open := s.msg, []uint64{1}
	var scan scanner
	for {
		var err error
		open, err = scan.walk(w.unread(), open)
		var short *Error
		if !errors.Is(err, ErrShort) || !errors.As(err, &short) {
			return err
		}
		have, more := len(w.unread()), max(1, short.Need)
		if more > limit-have {
			return errValueLong
		}
		if err := w.need(have + more); err != nil {
			return err
		}
	}
}
