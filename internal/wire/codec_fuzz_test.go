package wire

import (
	"bytes"
	"errors"
	"reflect"
	"runtime/metrics"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-msgpack/v2/codec"
)

// The judge is go-msgpack as the reference uses it: from a reader, with nothing set.
var judge = &codec.MsgpackHandle{}

// The judge's form of the two messages that leave fields out.
type (
	judgePing struct {
		SeqNo      uint32
		Node       string
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	judgeIndirectPing struct {
		SeqNo      uint32
		Target     []byte
		Port       uint16
		Node       string
		Nack       bool
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
)

// judgeForm returns m in the form that the judge encodes as the reference does.
func judgeForm(m message) any {
	switch m := m.(type) {
	case *Ping:
		return (*judgePing)(m)
	case *IndirectPing:
		return (*judgeIndirectPing)(m)
	default:
		return m
	}
}

// fuzzDecoder fuzzes one decoder. New makes an empty message; head is the number of type bytes
// that Append writes before the body.
func fuzzDecoder(f *testing.F, newMessage func() message, head int) {
	for _, seed := range seeds(f, newMessage, head) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := newMessage(), newMessage()
		kept := bytes.Clone(b)
		rest, err := ours.DecodeNext(b)
		wantFrugal(t, newMessage, b)
		if !bytes.Equal(b, kept) {
			t.Fatal("the input was changed")
		}
		if errors.Is(err, errTimestamp) {
			return // go-msgpack allocates the length that the timestamp promises before it looks at it
		}
		in := bytes.NewReader(b)
		theirErr := codec.NewDecoder(in, judge).Decode(theirs)
		if (err == nil) != (theirErr == nil) {
			t.Fatalf("our error: %v, go-msgpack's: %v", err, theirErr)
		}
		if err != nil {
			wantError(t, err)
			if !reflect.DeepEqual(ours, newMessage()) {
				t.Fatalf("an error, and yet %+v", ours)
			}
			wantShort(t, newMessage, b, err)
			return
		}
		if diff := difference(theirs, ours); diff != "" {
			t.Fatal("go-msgpack and we:", diff)
		}
		if len(rest) != in.Len() {
			t.Fatalf("%d bytes are left, go-msgpack leaves %d", len(rest), in.Len())
		}
		wantRoundTrip(t, newMessage, ours, head)
	})
}

// wantFrugal checks that decoding b takes memory in proportion to its length, not to what it promises.
// The fuzzing engine allocates at the same time: only what is too much again and again is ours.
func wantFrugal(t *testing.T, newMessage func() message, b []byte) {
	t.Helper()
	var n uint64
	for range 5 {
		before := allocated()
		_, _ = newMessage().DecodeNext(b)
		if n = allocated() - before; n <= uint64(256<<10+64*len(b)) {
			return
		}
	}
	t.Fatalf("%d bytes were allocated for an input of %d", n, len(b))
}

// allocated returns how many bytes were ever allocated, exact to a few spans per thread.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// wantShort checks that ErrShort is said when, and only when, more bytes might help.
func wantShort(t *testing.T, newMessage func() message, b []byte, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, ErrShort) {
		// What is malformed stays so, whatever follows.
		if _, err := newMessage().DecodeNext(append(bytes.Clone(b), make([]byte, 64)...)); err == nil || errors.Is(err, ErrShort) {
			t.Fatalf("more bytes turn the error into %v", err)
		}
		return
	}
	// One byte less than what is needed never completes the value.
	if e.Need > 1 && e.Need < 1<<16 {
		more := append(bytes.Clone(b), make([]byte, e.Need-1)...)
		if _, err := newMessage().DecodeNext(more); err == nil {
			t.Fatalf("%d more bytes were said to be needed, one less did", e.Need)
		}
	}
}

// wantRoundTrip checks that m is encoded as go-msgpack does, and decoded to the same again.
func wantRoundTrip(t testing.TB, newMessage func() message, m message, head int) {
	t.Helper()
	enc := m.Append([]byte("kept"))
	if !bytes.HasPrefix(enc, []byte("kept")) {
		t.Fatal("Append overwrote what was there")
	}
	body := enc[len("kept")+head:]
	if want := judged(t, m); string(body) != want {
		t.Fatalf("encoded\n%x, go-msgpack encodes\n%x", body, want)
	}
	again := newMessage()
	rest, err := again.DecodeNext(append(body, "rest"...))
	if err != nil || string(rest) != "rest" {
		t.Fatalf("decoding what was encoded: rest %q, error %v", rest, err)
	}
	if diff := difference(withoutEmptySource(m), again); diff != "" {
		t.Fatal("decoded after encoding:", diff)
	}
}

// judged returns m as go-msgpack encodes it.
func judged(t interface{ Fatal(...any) }, m message) string {
	var b []byte
	if err := codec.NewEncoderBytes(&b, judge).Encode(judgeForm(m)); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// difference says what is different in two messages; nil and empty slices are.
func difference(want, got message) string { return cmp.Diff(want, got) }

// withoutEmptySource returns m as it comes out of a round trip: a source address that is empty
// but not nil is left out, as in the reference.
func withoutEmptySource(m message) message {
	switch m := m.(type) {
	case *Ping:
		c := *m
		if len(c.SourceAddr) == 0 {
			c.SourceAddr = nil
		}
		return &c
	case *IndirectPing:
		c := *m
		if len(c.SourceAddr) == 0 {
			c.SourceAddr = nil
		}
		return &c
	default:
		return m
	}
}

// seeds returns the bodies of all vectors, and the message's ordinary form with all its prefixes cut
// at a key. Bodies of other messages are good seeds too: their fields are unknown ones here.
func seeds(f *testing.F, newMessage func() message, head int) [][]byte {
	var all [][]byte
	for _, file := range []string{"messages_packet", "messages_stream", "msgpack_decode", "msgpack_encode", "pushpull"} {
		for _, v := range loadVectors(f, file) {
			if b, whole := v.bytes(f); whole && len(b) > 1 && len(b) < 1024 {
				all = append(all, b[1:])
			}
		}
	}
	zero := newMessage()
	for _, c := range benchMessages {
		if reflect.TypeOf(c.m) == reflect.TypeOf(zero) {
			all = append(all, c.m.Append(nil)[head:])
		}
	}
	return append(all, zero.Append(nil)[head:])
}

func FuzzPing(f *testing.F)         { fuzzDecoder(f, func() message { return new(Ping) }, 1) }
func FuzzIndirectPing(f *testing.F) { fuzzDecoder(f, func() message { return new(IndirectPing) }, 1) }
func FuzzAck(f *testing.F)          { fuzzDecoder(f, func() message { return new(Ack) }, 1) }
func FuzzNack(f *testing.F)         { fuzzDecoder(f, func() message { return new(Nack) }, 1) }
func FuzzSuspect(f *testing.F)      { fuzzDecoder(f, func() message { return new(Suspect) }, 1) }
func FuzzDead(f *testing.F)         { fuzzDecoder(f, func() message { return new(Dead) }, 1) }
func FuzzAlive(f *testing.F)        { fuzzDecoder(f, func() message { return new(Alive) }, 1) }
func FuzzPushPullHeader(f *testing.F) {
	fuzzDecoder(f, func() message { return new(PushPullHeader) }, 1)
}
func FuzzRow(f *testing.F)        { fuzzDecoder(f, func() message { return new(Row) }, 0) }
func FuzzUserHeader(f *testing.F) { fuzzDecoder(f, func() message { return new(UserHeader) }, 1) }
func FuzzCompressed(f *testing.F) { fuzzDecoder(f, func() message { return new(Compressed) }, 1) }
func FuzzErrorReply(f *testing.F) { fuzzDecoder(f, func() message { return new(ErrorReply) }, 1) }
