package wire

// PushPullHeader opens a full state exchange: Nodes rows and UserStateLen raw bytes follow it.
// Both are only declared: the reader of the stream judges them.
type PushPullHeader struct {
	Nodes        int
	UserStateLen int
	Join         bool
}

// Append appends type byte and canonical header, and returns the extended slice.
func (x *PushPullHeader) Append(b []byte) []byte {
	b = append(b, byte(TypePushPull), fixMap|3)
	b = appendBool(append(b, keyJoin...), x.Join)
	b = appendInt(append(b, keyNodes...), x.Nodes)
	return appendInt(append(b, keyUserStateLen...), x.UserStateLen)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *PushPullHeader) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *PushPullHeader) DecodeNext(b []byte) (rest []byte, err error) {
	var m PushPullHeader
	r := readMap(b)
	r.key(keyJoin)
	m.Join = r.bool()
	r.key(keyNodes)
	m.Nodes = r.int()
	r.key(keyUserStateLen)
	m.UserStateLen = r.int()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}

// Row is one member in a full state exchange.
type Row struct {
	Name        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Incarnation uint32
	State       int // 0 alive, 1 suspect, 2 dead, 3 left
	Vsn         []byte
}

// Append appends the canonical row, which has no type byte, and returns the extended slice.
func (x *Row) Append(b []byte) []byte {
	b = append(b, fixMap|7)
	b = appendBytes(append(b, keyAddr...), x.Addr)
	b = appendUint(append(b, keyIncarnation...), x.Incarnation)
	b = appendBytes(append(b, keyMeta...), x.Meta)
	b = appendText(append(b, keyName...), x.Name)
	b = appendUint(append(b, keyPort...), uint32(x.Port))
	b = appendInt(append(b, keyState...), x.State)
	return appendBytes(append(b, keyVsn...), x.Vsn)
}

// DecodeNext reads the row at the start of b and returns what follows it.
// The error is ErrShort where b ends inside the row; with any error x is left as it was.
func (x *Row) DecodeNext(b []byte) (rest []byte, err error) {
	var m Row
	r := readMap(b)
	r.key(keyAddr)
	m.Addr = r.bytes()
	r.key(keyIncarnation)
	m.Incarnation = r.uint32()
	r.key(keyMeta)
	m.Meta = r.bytes()
	r.key(keyName)
	m.Name = r.text()
	r.key(keyPort)
	m.Port = r.uint16()
	r.key(keyState)
	m.State = r.int()
	r.key(keyVsn)
	m.Vsn = r.bytes()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}
