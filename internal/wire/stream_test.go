package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawState makes a random state. What is drawn nil or empty comes back so, except an empty user state.
func drawState(t *rapid.T) *State {
	d := draws{t}
	s := &State{Join: rapid.Bool().Draw(t, "join"), Rows: []Row{}}
	for range rapid.IntRange(0, 5).Draw(t, "odd rows") {
		s.Rows = append(s.Rows, Row{
			Name: d.text("name"), Addr: d.bytes("addr"), Port: d.uint16("port"), Meta: d.bytes("meta"),
			Incarnation: d.uint32("incarnation"), State: rapid.IntRange(0, 3).Draw(t, "state"), Vsn: d.bytes("vsn"),
		})
	}
	s.Rows = append(s.Rows, benchState(rapid.SampledFrom([]int{0, 30, 1000}).Draw(t, "even rows")).Rows...)
	if n := rapid.SampledFrom([]int{0, 1, 100, 5000, 70000}).Draw(t, "user state"); n > 0 {
		s.User = noise(n)
	}
	return s
}

// chunks returns a reader of b in pieces of at most n bytes.
func chunks(b []byte, n int) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if len(b) == 0 {
			return 0, io.EOF
		}
		k := copy(p[:min(n, len(p))], b)
		b = b[k:]
		return k, nil
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAStateComesBackHoweverItTravels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawState(t)
		f, _, keys := drawFrame(t)
		msg := want.Append(nil)
		stream, err := AppendLabel(nil, f.Label)
		if err != nil {
			t.Fatal(err)
		}
		if stream, err = f.AppendStream(stream, &Nonce{4, 5}, msg); err != nil {
			t.Fatal(err)
		}
		if most := len(msg) + f.Overhead() + streamHead; len(stream) > most {
			t.Fatalf("%d bytes, at most %d are said", len(stream), most)
		}
		size := rapid.SampledFrom([]int{1, 7, 1000, 1 << 20}).Draw(t, "piece")
		if len(stream) > 100_000 {
			size = max(size, 500) // byte by byte, that is slow and shows nothing new
		}
		s := NewStreamReader(chunks(stream, size), nil)
		label, err := s.Label()
		if err != nil || label != f.Label {
			t.Fatalf("label %q, %v", label, err)
		}
		typ, sealed, err := s.Next(StreamFrame{Keys: keys, Verify: true, Label: label})
		if err != nil || typ != TypePushPull || sealed != (f.Key != nil) {
			t.Fatalf("%s, sealed %t, %v", typ, sealed, err)
		}
		got, err := s.PushPull()
		if err != nil {
			t.Fatal(err)
		}
		if got.Rows == nil {
			got.Rows = []Row{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestWhatWasReadIsNeverOverwritten(t *testing.T) {
	want := benchState(2000)
	msg := want.Append(nil)
	twice := append(bytes.Clone(msg), msg...)
	s := NewStreamReader(chunks(twice, 333), nil)
	var got [2]*State
	for i := range got {
		if _, _, err := s.Next(StreamFrame{}); err != nil {
			t.Fatal(err)
		}
		var err error
		if got[i], err = s.PushPull(); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range got {
		if diff := cmp.Diff(want, g); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestManyMessagesOnOneStreamAreReadInTurn(t *testing.T) {
	k := mustKey(t, make([]byte, 16))
	plain, sealed := Frame{Compress: new(Compressor)}, Frame{Key: k, SealVersion: 1}
	var stream []byte
	for _, f := range []*Frame{&plain, &sealed, &plain} {
		long := (&UserHeader{UserMsgLen: 300}).Append(nil)
		for _, msg := range [][]byte{
			(&Ping{SeqNo: 1, Node: "bravo"}).Append(nil),
			append(long, make([]byte, 300)...),
			(&Ack{SeqNo: 2}).Append(nil),
			(&ErrorReply{Error: "busy"}).Append(nil),
		} {
			var err error
			if stream, err = f.AppendStream(stream, new(Nonce), msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := NewStreamReader(iotest.HalfReader(bytes.NewReader(stream)), nil)
	var got []string
	for {
		typ, isSealed, err := s.Next(StreamFrame{Keys: []*Key{k}})
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if isSealed != (len(got)/4 == 1) {
			t.Errorf("message %d: sealed %t", len(got), isSealed)
		}
		if _, err := readMessage(s, typ); err != nil {
			t.Fatal(err)
		}
		got = append(got, typ.String())
	}
	four := "ping user ack error"
	if want := strings.Join([]string{four, four, four}, " "); strings.Join(got, " ") != want {
		t.Errorf("%v", got)
	}
}

// spent reads what it can of stream and returns the memory that was announced and that was taken.
func spent(stream io.Reader, f StreamFrame) (announced, taken int, err error) {
	before := allocated()
	s := NewStreamReader(stream, func(n int) error {
		announced += n
		return nil
	})
	typ, _, err := s.Next(f)
	switch {
	case err != nil:
	case typ == TypePushPull:
		_, err = s.PushPull()
	default:
		_, err = s.UserMessage()
	}
	return announced, int(allocated() - before), err
}

func TestMemoryGrowsWithBytesReceivedNotDeclared(t *testing.T) {
	k := mustKey(t, make([]byte, 16))
	for _, v := range loadEnvelopes(t, "crashes") {
		if v.Kind != "stream" || v.Verdict != "memory" {
			continue
		}
		b, _ := v.bytes(t)
		announced, taken, err := spent(bytes.NewReader(b), StreamFrame{})
		if err != errStreamCut || announced > 16<<10 || taken > 128<<10 {
			t.Errorf("%s: %d bytes announced, %d taken, %v", v.Name, announced, taken, err)
		}
	}
	for name, head := range map[string][]byte{
		"a sealed message":    {10, 0x01, 0x40, 0, 0},
		"compressed data":     unhex(t, "0982a4416c676f00a3427566db02000000"),
		"a row's name":        append((&PushPullHeader{Nodes: 1}).Append(nil), 0x87, 0xdb, 0, 0x0f, 0, 0),
		"elements of a row":   append((&PushPullHeader{Nodes: 1}).Append(nil), 0xdd, 0, 0x0f, 0, 0),
		"an over-long key":    append((&PushPullHeader{Nodes: 1}).Append(nil), 0x81, 0xdb, 0, 0x0f, 0, 0),
		"members of a header": {byte(TypeUser), 0xdf, 0, 0x07, 0, 0},
	} {
		announced, taken, err := spent(bytes.NewReader(head), StreamFrame{Keys: []*Key{k}})
		if err != errStreamCut || announced > 16<<10 || taken > 128<<10 {
			t.Errorf("%s: %d bytes announced, %d taken, %v", name, announced, taken, err)
		}
	}
}

func TestMoreThanAnyNodeSendsIsRefusedBeforeItIsRead(t *testing.T) {
	k := mustKey(t, make([]byte, 16))
	row := (&PushPullHeader{Nodes: 1}).Append(nil)
	for name, c := range map[string]struct {
		head []byte
		want error
	}{
		"a sealed message of 20 MiB and one byte": {[]byte{10, 0x01, 0x40, 0, 1}, errSealTooLarge},
		"compressed data of 64 MiB":               {unhex(t, "0982a4416c676f00a3427566db04000000"), errDeflatedLong},
		"a row of over a MiB":                     {append(row, 0x87, 0xdb, 0, 0x10, 0, 0), errValueLong},
		"a row of 4 GiB of elements":              {append(row, 0xdd, 0xff, 0xff, 0xff, 0xff), errValueLong},
	} {
		endless := io.MultiReader(bytes.NewReader(c.head), readerFunc(func(p []byte) (int, error) {
			clear(p)
			return len(p), nil
		}))
		if announced, _, err := spent(endless, StreamFrame{Keys: []*Key{k}}); err != c.want || announced > 16<<10 {
			t.Errorf("%s: %d bytes announced, %v", name, announced, err)
		}
	}
}

func TestTheLimitsThemselvesAreAllowed(t *testing.T) {
	body := make([]byte, MaxStreamBytes)
	msg := append((&UserHeader{UserMsgLen: len(body)}).Append(nil), body...)
	announced, taken, err := spent(bytes.NewReader(msg), StreamFrame{})
	if err != nil || announced > 2*len(msg) || taken > 3*len(msg) {
		t.Errorf("user message of 20 MiB: %d bytes announced, %d taken, %v", announced, taken, err)
	}
	f := Frame{Key: mustKey(t, make([]byte, 16)), SealVersion: 1}
	if _, err := f.AppendStream(nil, new(Nonce), msg); err != errSealTooLarge {
		t.Errorf("sealing what no receiver would take: %v", err)
	}
	fits := msg[:MaxStreamBytes-sealOverhead]
	fits = append((&UserHeader{UserMsgLen: len(fits) - 18}).Append(nil), fits[18:]...)
	fits = fits[:MaxStreamBytes-sealOverhead]
	sealed, err := f.AppendStream(nil, new(Nonce), fits)
	if err != nil {
		t.Fatal(err)
	}
	announced, _, err = spent(bytes.NewReader(sealed), StreamFrame{Keys: []*Key{f.Key}})
	if err != nil || announced > 2*len(sealed) {
		t.Errorf("the longest sealed message: %d bytes announced, %v", announced, err)
	}
}

func TestAStreamInflatesTo40MiBAndNoFurther(t *testing.T) {
	for size, want := range map[int]error{maxStreamInflated: nil, maxStreamInflated + 1: errInflateTooMuch} {
		// A user message with an error inside its limits: what follows it is ignored.
		msg := append((&UserHeader{UserMsgLen: 3}).Append(nil), "abc"...)
		msg = append(msg, make([]byte, size-len(msg))...)
		announced, _, err := spent(bytes.NewReader(mustCompress(t, msg)), StreamFrame{})
		if err != want || announced > 2*size {
			t.Errorf("%d bytes: %d announced, %v", size, announced, err)
		}
	}
}

func TestCompressedDataIsBoundedBeforeItIsInflated(t *testing.T) {
	// Defect B9: zeros are no LZW; the reference reads as many as arrive before it looks.
	v := loadEnvelopes(t, "crashes")
	for i := range v {
		if v[i].Name != "compress_stream_buf_32mib" {
			continue
		}
		head, _ := v[i].bytes(t)
		stream := append(head, make([]byte, 32<<20)...)
		announced, taken, err := spent(bytes.NewReader(stream), StreamFrame{})
		if err == nil || announced > 80<<20 || taken > 180<<20 {
			t.Errorf("%d bytes announced, %d taken, %v", announced, taken, err)
		}
		return
	}
	t.Error("no such vector")
}

func TestTheBudgetSeesEveryGrowthAndCanRefuseIt(t *testing.T) {
	k := mustKey(t, make([]byte, 16))
	over := errors.New("all streams together have too much")
	state := benchState(5000).Append(nil)
	for name, f := range map[string]*Frame{
		"plain": {}, "sealed": {Key: k, SealVersion: 1}, "compressed": {Compress: new(Compressor)},
	} {
		stream, err := f.AppendStream(nil, new(Nonce), state)
		if err != nil {
			t.Fatal(err)
		}
		frame := StreamFrame{}
		if f.Key != nil {
			frame.Keys = []*Key{mustKey(t, make([]byte, 32)), k}
		}
		announced, taken, err := spent(bytes.NewReader(stream), frame)
		// Besides what is announced there is the state of LZW, a few errors and the reader itself;
		// and a buffer that is given up for a longer one counts only with the difference.
		if err != nil || taken > 2*announced+64<<10 || announced > 6*len(state) {
			t.Errorf("%s: %d bytes announced, %d taken, %v", name, announced, taken, err)
		}
		for limit := 0; limit < announced; limit += announced / 9 {
			left := limit
			s := NewStreamReader(bytes.NewReader(stream), func(n int) error {
				if left -= n; left < 0 {
					return over
				}
				return nil
			})
			_, _, err := s.Next(frame)
			if err == nil {
				_, err = s.PushPull()
			}
			if !errors.Is(err, over) {
				t.Errorf("%s, %d bytes allowed: %v", name, limit, err)
			}
		}
	}
}

func TestRowsOfOneByteCostWhatIsAnnounced(t *testing.T) {
	const n = 200_000
	stream := (&PushPullHeader{Nodes: n}).Append(nil)
	stream = append(stream, bytes.Repeat([]byte{0x80}, n)...)
	over := errors.New("over")
	budget := 1 << 20
	s := NewStreamReader(bytes.NewReader(stream), func(grow int) error {
		if budget -= grow; budget < 0 {
			return over
		}
		return nil
	})
	if _, _, err := s.Next(StreamFrame{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PushPull(); !errors.Is(err, over) {
		t.Error(err)
	}
}

// counting counts the bytes that a decoder is shown, and so the work that trickling in causes.
type counting struct {
	Row
	shown int
}

func (c *counting) DecodeNext(b []byte) ([]byte, error) {
	c.shown += min(len(b), 5000) // strings are skipped, not looked at
	return c.Row.DecodeNext(b)
}

func TestAValueThatTricklesInIsNotDecodedOncePerByte(t *testing.T) {
	long := append([]byte{0x92, 0xa1, 'n'}, 0xdb, 0, 0x03, 0, 0) // a row as array: name, address
	long = append(long, make([]byte, 0x30000)...)
	elements := append([]byte{0x92, 0xa1, 'n'}, 0xdd, 0, 0x03, 0, 0) // the address as an array of numbers
	elements = append(elements, make([]byte, 0x30000)...)
	canonical := (&Row{Name: strings.Repeat("n", 1<<16), Meta: make([]byte, 1<<17)}).Append(nil)
	for name, b := range map[string][]byte{"a long string": long, "many elements": elements, "canonical": canonical} {
		s := NewStreamReader(iotest.OneByteReader(bytes.NewReader(b)), nil)
		c := new(counting)
		if err := s.value(c, maxValue); err != nil {
			t.Fatal(name, err)
		}
		if c.shown > 64*5000 {
			t.Errorf("%s: %d bytes were looked at for %d", name, c.shown, len(b))
		}
	}
}

func TestAReaderThatNeverReturnsAnythingIsGivenUp(t *testing.T) {
	s := NewStreamReader(readerFunc(func([]byte) (int, error) { return 0, nil }), nil)
	if _, err := s.Label(); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	if _, _, err := s.Next(StreamFrame{}); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

func TestBytesThatComeWithAnErrorAreUsedFirst(t *testing.T) {
	stream := append((&UserHeader{UserMsgLen: 5}).Append(nil), "hello"...)
	s := NewStreamReader(iotest.DataErrReader(bytes.NewReader(stream)), nil)
	if label, err := s.Label(); label != "" || err != nil {
		t.Fatal(label, err)
	}
	if _, _, err := s.Next(StreamFrame{}); err != nil {
		t.Fatal(err)
	}
	if b, err := s.UserMessage(); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if _, _, err := s.Next(StreamFrame{}); err != io.EOF {
		t.Error(err)
	}
}

func TestAnEmptyStreamHasNoLabelAndThenEnds(t *testing.T) {
	s := NewStreamReader(bytes.NewReader(nil), nil)
	if label, err := s.Label(); label != "" || err != nil {
		t.Errorf("%q, %v", label, err)
	}
	if _, _, err := s.Next(StreamFrame{}); err != io.EOF {
		t.Error(err)
	}
}

func TestStreamsAreCompressedOnlyWhenShorter(t *testing.T) {
	// Defect B30: the state of members with random metadata does not shrink; it is sent as it is.
	state := &State{Rows: make([]Row, 0, 500)}
	random := noise(500 * 300)
	for i := range 500 {
		state.Rows = append(state.Rows, Row{Name: string(random[i*300 : i*300+8]), Meta: random[i*300 : (i+1)*300]})
	}
	f := Frame{Compress: new(Compressor)}
	msg := state.Append(nil)
	b, err := f.AppendStream(nil, nil, msg)
	if err != nil || !bytes.Equal(b, msg) {
		t.Errorf("%d bytes became %d, %v", len(msg), len(b), err)
	}
	msg = benchState(500).Append(nil)
	if b, err = f.AppendStream(nil, nil, msg); err != nil || len(b) > len(msg)/2 {
		t.Errorf("%d bytes became %d, %v", len(msg), len(b), err)
	}
}

func TestASealedMessageWithNothingInsideIsAnError(t *testing.T) {
	// Defect B8, in both encryption versions and with several keys.
	k := mustKey(t, make([]byte, 16))
	for version := range uint8(2) {
		head := []byte{byte(TypeEncrypted), 0, 0, 0, byte(sealedSize(version, 0))}
		stream := endSeal(beginSeal(bytes.Clone(head), version, new(Nonce)), len(head), k, head)
		for _, keys := range [][]*Key{{k}, {mustKey(t, make([]byte, 32)), k}} {
			s := NewStreamReader(bytes.NewReader(stream), nil)
			if _, sealed, err := s.Next(StreamFrame{Keys: keys}); err != errSealNothing || sealed {
				t.Errorf("version %d, %d keys: %v", version, len(keys), err)
			}
		}
	}
}

func TestSpareRowsAreUsedIfTheBudgetAllows(t *testing.T) {
	state := State{Rows: []Row{{Name: "a"}, {Name: "b"}}}
	stream := state.Append(nil)
	for _, allowed := range []bool{true, false} {
		refused := false
		s := NewStreamReader(bytes.NewReader(stream), func(n int) error {
			if n == 64*rowSize && !allowed {
				refused = true
				return io.ErrShortBuffer
			}
			return nil
		})
		if _, _, err := s.Next(StreamFrame{}); err != nil {
			t.Fatal(err)
		}
		spare := make([]Row, 0, 64)
		s.Spare(spare)
		got, err := s.PushPull()
		if err != nil || len(got.Rows) != 2 || got.Rows[1].Name != "b" {
			t.Fatalf("%+v, %v", got, err)
		}
		if used := &got.Rows[0] == &spare[:1][0]; used != allowed || refused == allowed {
			t.Errorf("spare rows allowed: %v, used: %v", allowed, used)
		}
	}
}

// pieces is a stream that comes a few bytes at a time.
type pieces struct {
	b []byte
	n int
}

func (r *pieces) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b[:min(r.n, len(r.b))])
	r.b = r.b[n:]
	return n, nil
}

// TestAValueInManyPiecesIsGoneThroughOnce compares with the same value in one piece, because machines differ.
func TestAValueInManyPiecesIsGoneThroughOnce(t *testing.T) {
	// A header with a field that nobody knows: an array of chains of arrays in each other.
	b := []byte{byte(TypePushPull), 0x81, 0xa1, 'x', 0xdd, 0, 0, 4, 0}
	for range 1024 {
		b = append(append(b, bytes.Repeat([]byte{0x91}, 1000)...), 1)
	}
	read := func(n int) time.Duration {
		s := NewStreamReader(&pieces{b, n}, nil)
		begun := time.Now()
		if _, _, err := s.Next(StreamFrame{}); err != nil {
			t.Fatal(err)
		}
		if state, err := s.PushPull(); err != nil || len(state.Rows) != 0 {
			t.Fatalf("%v, %v", state, err)
		}
		return time.Since(begun)
	}
	whole := read(len(b))
	if took := read(1000); took > 20*whole+100*time.Millisecond {
		t.Errorf("in pieces it takes %v, whole %v", took, whole)
	}
}

func TestAScannerThatGoesOnSeesWhatOneThatBeginsAnewSees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "bytes")
		var s scanner
		open := []uint64{1}
		for n := 0; n <= len(b); n += rapid.IntRange(1, 9).Draw(t, "more") {
			at, fresh := extent(b[:n])
			var err error
			open, err = s.walk(b[:n], open)
			if fmt.Sprint(err) != fmt.Sprint(fresh) || s.at != at {
				t.Fatalf("of %x at %d: %v, begun anew at %d: %v", b[:n], s.at, err, at, fresh)
			}
			var short, anew *Error
			if errors.As(err, &short) && errors.As(fresh, &anew) && short.Need != anew.Need {
				t.Fatalf("of %x: %d bytes are wanting, begun anew %d", b[:n], short.Need, anew.Need)
			}
			if !errors.Is(err, ErrShort) {
				return
			}
		}
	})
}

func TestAValueMayNotBeLongerInsideACompressionEither(t *testing.T) {
	ping := Ping{Node: strings.Repeat("a", maxValue)}
	frame := Frame{Compress: new(Compressor)}
	stream, err := frame.AppendStream(nil, new(Nonce), ping.Append(nil))
	if err != nil || len(stream) >= maxValue {
		t.Fatalf("%d bytes, %v", len(stream), err)
	}
	r := NewStreamReader(bytes.NewReader(stream), nil)
	if _, _, err := r.Next(StreamFrame{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Ping(&ping); !errors.Is(err, errValueLong) {
		t.Errorf("got %v", err)
	}
}
