package wire

// Suspect claims that a node does not answer.
type Suspect struct {
	Incarnation uint32
	Node        string
	From        string
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *Suspect) Append(b []byte) []byte {
	return x.appendAs(b, TypeSuspect)
}

func (x *Suspect) appendAs(b []byte, t Type) []byte {
	b = append(b, byte(t), fixMap|3)
	b = appendText(append(b, keyFrom...), x.From)
	b = appendUint(append(b, keyIncarnation...), x.Incarnation)
	return appendText(append(b, keyNode...), x.Node)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *Suspect) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *Suspect) DecodeNext(b []byte) (rest []byte, err error) {
	var m Suspect
	r := readMap(b)
	r.key(keyFrom)
	m.From = r.text()
	r.key(keyIncarnation)
	m.Incarnation = r.uint32()
	r.key(keyNode)
	m.Node = r.text()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}

// Dead claims that a node has failed or, when it is its own accuser, that it has left. It has the fields and the
// body of Suspect.
type Dead Suspect

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *Dead) Append(b []byte) []byte { return (*Suspect)(x).appendAs(b, TypeDead) }

// Decode is Suspect's.
func (x *Dead) Decode(body []byte) error { return (*Suspect)(x).Decode(body) }

// DecodeNext is Suspect's.
func (x *Dead) DecodeNext(b []byte) (rest []byte, err error) { return (*Suspect)(x).DecodeNext(b) }

// Alive claims that a node is a member, at an address, with metadata.
type Alive struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []byte
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *Alive) Append(b []byte) []byte {
	b = append(b, byte(TypeAlive), fixMap|6)
	b = appendBytes(append(b, keyAddr...), x.Addr)
	b = appendUint(append(b, keyIncarnation...), x.Incarnation)
	b = appendBytes(append(b, keyMeta...), x.Meta)
	b = appendText(append(b, keyNode...), x.Node)
	b = appendUint(append(b, keyPort...), uint32(x.Port))
	return appendBytes(append(b, keyVsn...), x.Vsn)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *Alive) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *Alive) DecodeNext(b []byte) (rest []byte, err error) {
	var m Alive
	r := readMap(b)
	r.key(keyAddr)
	m.Addr = r.bytes()
	r.key(keyIncarnation)
	m.Incarnation = r.uint32()
	r.key(keyMeta)
	m.Meta = r.bytes()
	r.key(keyNode)
	m.Node = r.text()
	r.key(keyPort)
	m.Port = r.uint16()
	r.key(keyVsn)
	m.Vsn = r.bytes()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}
