package wire

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The lengths and numbers at which a format changes, and a bit to either side.
var (
	edgeLengths = []int{0, 1, 4, 6, 16, 31, 32, 255, 256, 65535, 65536}
	edgeNumbers = []uint32{0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32}
	edgeInts    = []int{
		0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, math.MaxInt32, math.MaxInt32 + 1, math.MaxInt,
		-1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt,
	}
)

// draws makes random fields, edges first.
type draws struct{ *rapid.T }

func (d draws) bytes(name string) []byte {
	if rapid.Bool().Draw(d.T, name+" nil") {
		return nil
	}
	n := rapid.OneOf(rapid.SampledFrom(edgeLengths), rapid.IntRange(0, 40)).Draw(d.T, name+" length")
	fill := rapid.Byte().Draw(d.T, name+" fill")
	b := make([]byte, n)
	for i := range b {
		b[i] = fill + byte(i)
	}
	return b
}

func (d draws) text(name string) string { return string(d.bytes(name)) }

func (d draws) uint32(name string) uint32 {
	return rapid.OneOf(rapid.SampledFrom(edgeNumbers), rapid.Uint32()).Draw(d.T, name)
}

func (d draws) uint16(name string) uint16 {
	return rapid.OneOf(rapid.SampledFrom([]uint16{0, 127, 128, 255, 256, 65535}), rapid.Uint16()).Draw(d.T, name)
}

func (d draws) int(name string) int {
	return rapid.OneOf(rapid.SampledFrom(edgeInts), rapid.Int()).Draw(d.T, name)
}

func (d draws) bool(name string) bool { return rapid.Bool().Draw(d.T, name) }

// codecs lists every message with a way to make a random one.
var codecs = []struct {
	name string
	head int
	new  func() message
	draw func(d draws) message
}{
	{"ping", 1, func() message { return new(Ping) }, func(d draws) message {
		return &Ping{SeqNo: d.uint32("SeqNo"), Node: d.text("Node"), SourceAddr: d.bytes("SourceAddr"), SourcePort: d.uint16("SourcePort"), SourceNode: d.text("SourceNode")}
	}},
	{"indirect ping", 1, func() message { return new(IndirectPing) }, func(d draws) message {
		return &IndirectPing{
			SeqNo: d.uint32("SeqNo"), Target: d.bytes("Target"), Port: d.uint16("Port"), Node: d.text("Node"), Nack: d.bool("Nack"),
			SourceAddr: d.bytes("SourceAddr"), SourcePort: d.uint16("SourcePort"), SourceNode: d.text("SourceNode"),
		}
	}},
	{"ack", 1, func() message { return new(Ack) }, func(d draws) message {
		return &Ack{SeqNo: d.uint32("SeqNo"), Payload: d.bytes("Payload")}
	}},
	{"nack", 1, func() message { return new(Nack) }, func(d draws) message {
		return &Nack{SeqNo: d.uint32("SeqNo")}
	}},
	{"suspect", 1, func() message { return new(Suspect) }, func(d draws) message {
		return &Suspect{Incarnation: d.uint32("Incarnation"), Node: d.text("Node"), From: d.text("From")}
	}},
	{"dead", 1, func() message { return new(Dead) }, func(d draws) message {
		return &Dead{Incarnation: d.uint32("Incarnation"), Node: d.text("Node"), From: d.text("From")}
	}},
	{"alive", 1, func() message { return new(Alive) }, func(d draws) message {
		return &Alive{Incarnation: d.uint32("Incarnation"), Node: d.text("Node"), Addr: d.bytes("Addr"), Port: d.uint16("Port"), Meta: d.bytes("Meta"), Vsn: d.bytes("Vsn")}
	}},
	{"header", 1, func() message { return new(PushPullHeader) }, func(d draws) message {
		return &PushPullHeader{Nodes: d.int("Nodes"), UserStateLen: d.int("UserStateLen"), Join: d.bool("Join")}
	}},
	{"row", 0, func() message { return new(Row) }, func(d draws) message {
		return &Row{
			Name: d.text("Name"), Addr: d.bytes("Addr"), Port: d.uint16("Port"), Meta: d.bytes("Meta"),
			Incarnation: d.uint32("Incarnation"), State: d.int("State"), Vsn: d.bytes("Vsn"),
		}
	}},
	{"user header", 1, func() message { return new(UserHeader) }, func(d draws) message {
		return &UserHeader{UserMsgLen: d.int("UserMsgLen")}
	}},
	{"compressed", 1, func() message { return new(Compressed) }, func(d draws) message {
		return &Compressed{Algo: rapid.Byte().Draw(d.T, "Algo"), Buf: d.bytes("Buf")}
	}},
	{"error", 1, func() message { return new(ErrorReply) }, func(d draws) message {
		return &ErrorReply{Error: d.text("Error")}
	}},
}

func TestWhatIsEncodedIsGoMsgpacksAndDecodesToTheSame(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, rapid.MakeCheck(func(t *rapid.T) {
			m := c.draw(draws{t})
			body := m.Append(nil)[c.head:]
			if want := judged(t, m); string(body) != want {
				t.Fatalf("encoded\n%x, go-msgpack encodes\n%x", body, want)
			}
			again := c.new()
			rest, err := again.DecodeNext(append(body, "rest"...))
			if err != nil || string(rest) != "rest" {
				t.Fatalf("rest %q, error %v", rest, err)
			}
			if diff := difference(withoutEmptySource(m), again); diff != "" {
				t.Fatal(diff)
			}
		}))
	}
}

func TestWhatTheReferenceSendsIsDecodedWithoutAllocating(t *testing.T) {
	for _, c := range benchMessages {
		body := c.m.Append(nil)[c.head:]
		buf := make([]byte, 0, 1024)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := c.m.DecodeNext(body); err != nil {
				t.Fatal(err)
			}
			buf = c.m.Append(buf[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
	body := benchMessages[0].m.Append(nil)[1:]
	if n := testing.AllocsPerRun(100, func() {
		var m Ping // stays on the stack
		if m.Decode(body) != nil {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("a ping of the caller's own: %v allocations", n)
	}
}

// A message may promise lengths and counts of which nothing ever comes.
func TestPromisedLengthsCostNothing(t *testing.T) {
	for name, body := range map[string]string{
		"a raw32 of 4 GiB":          "\x81\xa7Payload\xdb\xff\xff\xff\xff",
		"a raw32 of 32 MiB":         "\x81\xa7Payload\xdb\x02\x00\x00\x00",
		"a bin32 of 4 GiB":          "\x81\xa7Payload\xc6\xff\xff\xff\xff",
		"an array32 of 4 Gi bytes":  "\x81\xa7Payload\xdd\xff\xff\xff\xff\x01\x02",
		"a map32 of 4 Gi fields":    "\xdf\xff\xff\xff\xff\xa7Payload",
		"an unknown ext32 of 4 GiB": "\x81\xa1x\xc9\xff\xff\xff\xff\x05",
		"a timestamp of 4 GiB":      "\x81\xa1x\xc9\xff\xff\xff\xff\xff",
		"a key of 4 GiB":            "\x81\xdb\xff\xff\xff\xffa",
		"arrays in arrays":          "\x81\xa1x" + strings.Repeat("\xdd\xff\xff\xff\xff", 1022),
	} {
		t.Run(name, func(t *testing.T) {
			in := []byte(body)
			var m Ack
			before := allocated()
			for range 100 {
				if err := m.Decode(in); err == nil {
					t.Fatal("accepted")
				}
			}
			if n := allocated() - before; n > 1<<20 {
				t.Errorf("%d bytes for 100 attempts", n)
			}
		})
	}
}

func TestShortMessagesSayHowMuchTheyNeed(t *testing.T) {
	for _, c := range []struct {
		name, body string
		need       int
	}{
		{"nothing at all", "", 1},
		{"a map of two fields", "\x82", 4},
		{"a field without its value", "\x81\xa5SeqNo", 1},
		{"half a number", "\x81\xa5SeqNo\xce\x00\x00", 2},
		{"a payload that is still to come", "\x82\xa7Payload\xda\x01\x00abc", 253 + 2},
		{"the head of a long payload", "\x81\xa7Payload\xdb\x00\x10", 2},
		{"an extension without its tag", "\x81\xa1x\xd6", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Ack
			_, err := m.DecodeNext([]byte(c.body))
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, ErrShort) || e.Need != c.need {
				t.Errorf("%v: %+v, want a need of %d", err, e, c.need)
			}
		})
	}
}

func TestADecodedMessageAliasesItsBytes(t *testing.T) {
	body := (&Ack{SeqNo: 1, Payload: []byte("hello")}).Append(nil)[1:]
	var m Ack
	if err := m.Decode(body); err != nil {
		t.Fatal(err)
	}
	body[len(keyPayload)+2] = 'j'
	if string(m.Payload) != "jello" {
		t.Errorf("payload %q was copied", m.Payload)
	}
	if cap(m.Payload) != len(m.Payload) {
		t.Error("an append to the payload would write into the message")
	}
}

func TestAFieldThatIsMissingIsZeroEvenWhenTheMessageIsReused(t *testing.T) {
	m := Ping{SeqNo: 9, Node: "old", SourceAddr: []byte{1}, SourcePort: 2, SourceNode: "old"}
	for _, body := range []string{"\x82\xa4Node\xa1n\xa5SeqNo\x01", "\x92\x01\xa1n"} {
		if err := m.Decode([]byte(body)); err != nil {
			t.Fatal(err)
		}
		if diff := difference(&Ping{SeqNo: 1, Node: "n"}, &m); diff != "" {
			t.Error(diff)
		}
	}
}
