package wire

// UserHeader precedes a user message of UserMsgLen raw bytes on a stream; in a packet there is none.
// The length is only declared: the reader of the stream judges it.
type UserHeader struct {
	UserMsgLen int
}

// Append appends type byte and canonical header, and returns the extended slice.
func (x *UserHeader) Append(b []byte) []byte {
	b = append(b, byte(TypeUser), fixMap|1)
	return appendInt(append(b, keyUserMsgLen...), x.UserMsgLen)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *UserHeader) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *UserHeader) DecodeNext(b []byte) (rest []byte, err error) {
	var m UserHeader
	r := readMap(b)
	r.key(keyUserMsgLen)
	m.UserMsgLen = r.int()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}
