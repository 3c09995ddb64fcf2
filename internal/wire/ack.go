package wire

// Ack answers a Ping.
type Ack struct {
	SeqNo   uint32
	Payload []byte
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *Ack) Append(b []byte) []byte {
	b = append(b, byte(TypeAck), fixMap|2)
	b = appendBytes(append(b, keyPayload...), x.Payload)
	return appendUint(append(b, keySeqNo...), x.SeqNo)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *Ack) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *Ack) DecodeNext(b []byte) (rest []byte, err error) {
	var m Ack
	r := readMap(b)
	r.key(keyPayload)
	m.Payload = r.bytes()
	r.key(keySeqNo)
	m.SeqNo = r.uint32()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}

// Nack answers an IndirectPing whose target kept silent.
type Nack struct {
	SeqNo uint32
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *Nack) Append(b []byte) []byte {
	b = append(b, byte(TypeNack), fixMap|1)
	return appendUint(append(b, keySeqNo...), x.SeqNo)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *Nack) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *Nack) DecodeNext(b []byte) (rest []byte, err error) {
	var m Nack
	r := readMap(b)
	r.key(keySeqNo)
	m.SeqNo = r.uint32()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}
