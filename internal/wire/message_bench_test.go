package wire

import "testing"

// message is what all messages have in common.
type message interface {
	Append(b []byte) []byte
	DecodeNext(b []byte) (rest []byte, err error)
}

// benchMessages are messages as an ordinary cluster sends them.
// The number says how many type bytes stand before the body.
var benchMessages = []struct {
	name string
	m    message
	head int
}{
	{"ping", &Ping{SeqNo: 70000, Node: "node-0042", SourceAddr: []byte{10, 0, 0, 1}, SourcePort: 7946, SourceNode: "node-0001"}, 1},
	{"indirect ping", &IndirectPing{SeqNo: 70000, Target: []byte{10, 0, 0, 2}, Port: 7946, Node: "node-0042", Nack: true, SourceAddr: []byte{10, 0, 0, 1}, SourcePort: 7946, SourceNode: "node-0001"}, 1},
	{"ack", &Ack{SeqNo: 70000}, 1},
	{"nack", &Nack{SeqNo: 70000}, 1},
	{"suspect", &Suspect{Incarnation: 12, Node: "node-0042", From: "node-0001"}, 1},
	{"dead", &Dead{Incarnation: 12, Node: "node-0042", From: "node-0001"}, 1},
	{"alive", &Alive{Incarnation: 12, Node: "node-0042", Addr: []byte{10, 0, 0, 2}, Port: 7946, Meta: []byte("role=web"), Vsn: []byte{1, 5, 2, 0, 0, 0}}, 1},
	{"header", &PushPullHeader{Nodes: 10000, UserStateLen: 300, Join: true}, 1},
	{"row", &Row{Name: "node-0042", Addr: []byte{10, 0, 0, 2}, Port: 7946, Meta: []byte("role=web"), Incarnation: 12, State: 1, Vsn: []byte{1, 5, 2, 0, 0, 0}}, 0},
	{"user header", &UserHeader{UserMsgLen: 1024}, 1},
	{"compressed", &Compressed{Buf: make([]byte, 300)}, 1},
	{"error", &ErrorReply{Error: "too busy for another exchange"}, 1},
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range benchMessages {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 1024)
			for b.Loop() {
				buf = c.m.Append(buf[:0])
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchMessages {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			body := c.m.Append(nil)[c.head:]
			for b.Loop() {
				if _, err := c.m.DecodeNext(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecodeForeign shows what a message costs that is valid but not canonical.
func BenchmarkDecodeForeign(b *testing.B) {
	b.ReportAllocs()
	body := []byte("\x92\xcd\x01\x2c\xa5alpha") // a ping as an array
	var m Ping
	for b.Loop() {
		if err := m.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}
