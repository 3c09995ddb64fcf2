package wire

// ErrorReply says on a stream why a request was refused.
type ErrorReply struct {
	Error string
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *ErrorReply) Append(b []byte) []byte {
	b = append(b, byte(TypeError), fixMap|1)
	return appendText(append(b, keyError...), x.Error)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *ErrorReply) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *ErrorReply) DecodeNext(b []byte) (rest []byte, err error) {
	var m ErrorReply
	r := readMap(b)
	r.key(keyError)
	m.Error = r.text()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}
