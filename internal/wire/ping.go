package wire

// Ping asks a node for an Ack.
// The strings and byte slices of every decoded message alias the bytes they were decoded from:
// whoever keeps one beyond the life of the packet clones it.
type Ping struct {
	SeqNo      uint32
	Node       string
	SourceAddr []byte
	SourcePort uint16
	SourceNode string
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *Ping) Append(b []byte) []byte {
	b = append(b, byte(TypePing), fixMap|byte(2+sourceFields(x.SourceAddr, x.SourceNode, x.SourcePort)))
	b = appendText(append(b, keyNode...), x.Node)
	b = appendUint(append(b, keySeqNo...), x.SeqNo)
	return appendSource(b, x.SourceAddr, x.SourceNode, x.SourcePort)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *Ping) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *Ping) DecodeNext(b []byte) (rest []byte, err error) {
	var m Ping
	r := readMap(b)
	r.key(keyNode)
	m.Node = r.text()
	r.key(keySeqNo)
	m.SeqNo = r.uint32()
	m.SourceAddr, m.SourceNode, m.SourcePort = r.source()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}

// IndirectPing asks a node to ping another one and to relay its Ack.
type IndirectPing struct {
	SeqNo      uint32
	Target     []byte
	Port       uint16
	Node       string
	Nack       bool
	SourceAddr []byte
	SourcePort uint16
	SourceNode string
}

// Append appends the message, type byte and canonical body, and returns the extended slice.
func (x *IndirectPing) Append(b []byte) []byte {
	n := 5 + sourceFields(x.SourceAddr, x.SourceNode, x.SourcePort)
	b = append(b, byte(TypeIndirectPing), fixMap|byte(n))
	b = appendBool(append(b, keyNack...), x.Nack)
	b = appendText(append(b, keyNode...), x.Node)
	b = appendUint(append(b, keyPort...), uint32(x.Port))
	b = appendUint(append(b, keySeqNo...), x.SeqNo)
	b = appendSource(b, x.SourceAddr, x.SourceNode, x.SourcePort)
	return appendBytes(append(b, keyTarget...), x.Target)
}

// Decode reads the message from its body, the bytes after the type byte. Bytes after it are ignored.
// With an error x is left as it was.
func (x *IndirectPing) Decode(body []byte) error {
	_, err := x.DecodeNext(body)
	return err
}

// DecodeNext is Decode for a body with something behind it, which it returns.
// The error is ErrShort where b ends inside the message.
func (x *IndirectPing) DecodeNext(b []byte) (rest []byte, err error) {
	var m IndirectPing
	r := readMap(b)
	r.key(keyNack)
	m.Nack = r.bool()
	r.key(keyNode)
	m.Node = r.text()
	r.key(keyPort)
	m.Port = r.uint16()
	r.key(keySeqNo)
	m.SeqNo = r.uint32()
	m.SourceAddr, m.SourceNode, m.SourcePort = r.source()
	r.key(keyTarget)
	m.Target = r.bytes()
	if !r.end() {
		return foreign(b, x)
	}
	*x = m
	return r.rest(), nil
}

// sourceFields counts those of the three fields about the sender that are sent:
// the only ones on the wire that are left out when they are empty.
func sourceFields(addr []byte, node string, port uint16) int {
	n := 0
	if len(addr) > 0 {
		n++
	}
	if node != "" {
		n++
	}
	if port != 0 {
		n++
	}
	return n
}

// appendSource appends those of the three fields about the sender that are not empty.
func appendSource(b, addr []byte, node string, port uint16) []byte {
	if len(addr) > 0 {
		b = appendBytes(append(b, keySourceAddr...), addr)
	}
	if node != "" {
		b = appendText(append(b, keySourceNode...), node)
	}
	if port != 0 {
		b = appendUint(append(b, keySourcePort...), uint32(port))
	}
	return b
}

// source reads those of the three fields about the sender that are there.
func (r *reader) source() (addr []byte, node string, port uint16) {
	if r.has(keySourceAddr) {
		addr = r.bytes()
	}
	if r.has(keySourceNode) {
		node = r.text()
	}
	if r.has(keySourcePort) {
		port = r.uint16()
	}
	return addr, node, port
}
