package wire

// Type is the first byte of a message.
type Type byte

// The message types, as every node of a cluster numbers them.
const (
	TypePing         Type = 0
	TypeIndirectPing Type = 1
	TypeAck          Type = 2
	TypeSuspect      Type = 3
	TypeAlive        Type = 4
	TypeDead         Type = 5
	TypePushPull     Type = 6
	TypeCompound     Type = 7
	TypeUser         Type = 8
	TypeCompressed   Type = 9
	TypeEncrypted    Type = 10
	TypeNack         Type = 11
	TypeChecksum     Type = 12
	TypeError        Type = 13
	TypeLabel        Type = 244
)

// Versions says which protocol versions a node understands and which it speaks:
// its own protocol first, then that of the application's delegates.
type Versions struct {
	PMin, PMax, PCur uint8
	DMin, DMax, DCur uint8
}

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

// Ack answers a Ping.
type Ack struct {
	SeqNo   uint32
	Payload []byte
}

// Nack answers an IndirectPing whose target kept silent.
type Nack struct {
	SeqNo uint32
}

// Suspect claims that a node does not answer.
type Suspect struct {
	Incarnation uint32
	Node        string
	From        string
}

// Dead claims that a node has failed or, when it is its own accuser, that it has left.
type Dead struct {
	Incarnation uint32
	Node        string
	From        string
}

// Alive claims that a node is a member, at an address, with metadata.
type Alive struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []byte
}

// PushPullHeader opens a full state exchange: Nodes rows and UserStateLen raw bytes follow it.
type PushPullHeader struct {
	Nodes        int
	UserStateLen int
	Join         bool
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

// UserHeader precedes a user message on a stream.
type UserHeader struct {
	UserMsgLen int
}

// Compressed carries one message, compressed; the only algorithm is 0, LZW.
type Compressed struct {
	Algo uint8
	Buf  []byte
}

// ErrorReply says on a stream why a request was refused.
type ErrorReply struct {
	Error string
}
