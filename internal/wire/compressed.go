package wire

// Compressed carries one message, compressed; the only algorithm is 0, LZW.
type Compressed struct {
	Algo uint8
	Buf  []byte
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *Compressed) Append(b []byte) []byte {
	b = append(b, byte(TypeCompressed), fixMap|2)
	b = appendUint(append(b, keyAlgo...), uint32(x.Algo))
	return appendBytes(append(b, keyBuf...), x.Buf)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *Compressed) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *Compressed) DecodeNext(b []byte) (rest []byte, err error) {
	var m Compressed
	r := readMap(b)
	r.key(keyAlgo)
	m.Algo = r.uint8()
	r.key(keyBuf)
	m.Buf = r.bytes()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}
