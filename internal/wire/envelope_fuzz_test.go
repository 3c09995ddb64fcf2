package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// fuzzSeeds adds all vectors of one kind, with an extra argument for how to use them.
func fuzzSeeds(f *testing.F, kind string) {
	for _, file := range envelopeFiles {
		for _, v := range loadEnvelopes(f, file) {
			if b, whole := v.bytes(f); whole && v.Kind == kind && len(b) < 5000 {
				f.Add(b, byte(0))
				f.Add(b, byte(3))
			}
		}
	}
}

// wantOurError checks that err is this package's own.
func wantOurError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Layer == 0 || e.Reason == "") {
		t.Fatalf("%#v is no error of this package", err)
	}
}

// FuzzOpenPacket opens any bytes, also as the content of a sealed and labelled packet.
// The bits of how: 1 a label, 2 a key, 4 seal b first, 8 encryption version 1, 16 without Verify, 32 SkipLabel.
func FuzzOpenPacket(f *testing.F) {
	fuzzSeeds(f, "packet")
	key, other := mustKey(f, make([]byte, 16)), mustKey(f, make([]byte, 32))
	o := new(Opener)
	f.Fuzz(func(t *testing.T, b []byte, how byte) {
		if len(b) > 64<<10 {
			return
		}
		frame := Frame{SealVersion: how >> 3 & 1}
		o.Label, o.Verify, o.SkipLabel = "", how&16 == 0, how&32 != 0
		var keys []*Key
		if how&1 != 0 {
			o.Label, frame.Label = "blue", "blue"
		}
		if how&2 != 0 {
			keys, frame.Key = []*Key{other, key}, key
		}
		packet := b
		if how&4 != 0 && len(b) > 0 {
			var err error
			if packet, err = frame.AppendPacket(nil, new(Nonce), [][]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		kept, before := bytes.Clone(packet), allocated()
		got, err := o.Open(packet, keys)
		if n := allocated() - before; n > 1<<20 {
			t.Fatalf("%d bytes were allocated for a packet of %d", n, len(packet))
		}
		if !bytes.Equal(packet, kept) {
			t.Fatal("the packet was written to")
		}
		wantOurError(t, err)
		if err == nil && got.Lost > 0 || err != nil && got.Lost == 0 && len(got.Messages) > 0 {
			t.Fatalf("%d messages, %d lost, %v", len(got.Messages), got.Lost, err)
		}
		if len(got.Messages) > maxTotalParts {
			t.Fatalf("%d messages", len(got.Messages))
		}
		wantPackedAgain(t, got.Messages)
	})
}

// wantPackedAgain packs messages that were opened and opens them once more.
func wantPackedAgain(t *testing.T, messages []Message) {
	t.Helper()
	if len(messages) == 0 || len(messages) > MaxParts {
		return
	}
	var msgs [][]byte
	for _, m := range messages {
		msgs = append(msgs, append([]byte{byte(m.Type)}, m.Body...))
		if len(m.Body) >= MaxPart {
			return
		}
	}
	f := Frame{Checksum: true, Compress: new(Compressor)}
	packet, err := f.AppendPacket(nil, nil, msgs)
	if err != nil {
		t.Fatal(err)
	}
	o := Opener{MaxInflated: 1 << 20}
	again, err := o.Open(packet, nil)
	if err != nil || len(again.Messages) != len(msgs) {
		t.Fatalf("%d messages, %v", len(again.Messages), err)
	}
	for i, m := range again.Messages {
		if m.Type != Type(msgs[i][0]) || !bytes.Equal(m.Body, msgs[i][1:]) {
			t.Fatalf("message %d has changed", i)
		}
	}
}

// FuzzStream serves a stream of any bytes, whole and byte by byte.
// The bits of how: 1 a key, 2 seal b first, 4 Verify.
func FuzzStream(f *testing.F) {
	fuzzSeeds(f, "stream")
	key := mustKey(f, make([]byte, 16))
	f.Fuzz(func(t *testing.T, b []byte, how byte) {
		var frame StreamFrame
		if how&1 != 0 {
			frame = StreamFrame{Keys: []*Key{key}, Verify: how&4 != 0}
		}
		if how&2 != 0 && len(b) > 0 {
			var err error
			seal := Frame{Key: key, SealVersion: how >> 7}
			if b, err = seal.AppendStream(nil, new(Nonce), b); err != nil {
				t.Fatal(err)
			}
		}
		announced := 0
		budget := func(n int) error {
			announced += n
			return nil
		}
		before := allocated()
		typ, msg, err := serve(NewStreamReader(bytes.NewReader(bytes.Clone(b)), budget), frame)
		// Compressed data may grow by LZW's thousand; what else there is are copies and rows.
		taken := int(allocated() - before)
		if most := 2*announced + 128*len(b) + 1<<20; taken > most {
			t.Fatalf("%d bytes were allocated, %d announced, for a stream of %d", taken, announced, len(b))
		}
		wantOurError(t, ignoreEOF(err))
		typ2, msg2, err2 := serve(NewStreamReader(iotest.OneByteReader(bytes.NewReader(b)), nil), frame)
		// The reasons may differ: a broken value first waits for the bytes that its start promises.
		if typ2 != typ || !bytes.Equal(msg2, msg) || (err == nil) != (err2 == nil) {
			t.Fatalf("%s of %d bytes, %v; byte by byte %s of %d bytes, %v", typ, len(msg), err, typ2, len(msg2), err2)
		}
		if err != nil {
			return
		}
		again, msg2, err := serve(NewStreamReader(bytes.NewReader(msg), nil), StreamFrame{})
		if err != nil || again != typ || !bytes.Equal(msg2, msg) {
			t.Fatalf("%s of %d bytes, encoded again %s of %d, %v", typ, len(msg), again, len(msg2), err)
		}
	})
}

// serve reads one message and encodes it again.
func serve(s *StreamReader, f StreamFrame) (Type, []byte, error) {
	if _, err := s.Label(); err != nil {
		return 0, nil, err
	}
	typ, _, err := s.Next(f)
	if err != nil {
		return 0, nil, err
	}
	msg, err := readMessage(s, typ)
	return typ, msg, err
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func FuzzCompound(f *testing.F) {
	f.Add([]byte{2, 0, 1, 0, 2, 8, 8, 8})
	f.Add([]byte{3, 0, 1, 0, 9, 0, 1, 8, 8, 8})
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parseCompound(body)
		if err != nil {
			wantOurError(t, err)
			return
		}
		count := p.left()
		if count != int(body[0]) {
			t.Fatalf("%d parts, %d are said", count, body[0])
		}
		var msgs [][]byte
		for part, ok := p.next(); ok; part, ok = p.next() {
			msgs = append(msgs, part)
		}
		if len(msgs)+p.left() != count {
			t.Fatalf("%d parts and %d left of %d", len(msgs), p.left(), count)
		}
		if p.left() > 0 || count == 0 {
			return
		}
		again, err := appendCompound(nil, msgs)
		if err != nil || !bytes.HasPrefix(body, again[1:]) {
			t.Fatalf("%x, made again %x, %v", body, again, err)
		}
	})
}

func FuzzInflate(f *testing.F) {
	for _, msg := range [][]byte{user("hello hello hello"), noise(300), longTable()[:20000]} {
		var c Compressed
		if err := c.Decode(mustCompress(f, msg)[1:]); err != nil {
			f.Fatal(err)
		}
		f.Add(c.Buf)
	}
	var used inflater
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 100_000
		before := allocated()
		got, err := used.appendInflated([]byte("before"), b, limit, nil)
		if n := allocated() - before; n > 1<<20 {
			t.Fatalf("%d bytes were allocated for %d", n, len(b))
		}
		if !bytes.HasPrefix(got, []byte("before")) || len(got) > limit+6 || err != nil && len(got) > 6 {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		wantOurError(t, err)
		if fresh, freshErr := new(inflater).appendInflated(nil, b, limit, nil); err != freshErr || !bytes.Equal(got[6:], fresh) {
			t.Fatalf("used: %d bytes, %v; fresh: %d bytes, %v", len(got), err, len(fresh), freshErr)
		}
		// What b was: any bytes may also stand for a message to compress.
		if m, ok := new(Compressor).compress(b); ok {
			again, err := used.appendInflated(nil, m.Buf, len(b), nil)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzSeal(f *testing.F) {
	f.Add([]byte("plain text"), []byte("label"), []byte("0123456789abcdef"), byte(1))
	f.Add([]byte{}, []byte{}, make([]byte, 32), byte(0))
	other := mustKey(f, make([]byte, 24))
	f.Fuzz(func(t *testing.T, plain, aad, raw []byte, how byte) {
		k, err := NewKey(raw)
		if err != nil {
			return
		}
		nonce := Nonce(bytes.Repeat([]byte{how}, nonceSize))
		b := append(beginSeal([]byte("before"), how&1, &nonce), plain...)
		b = endSeal(b, 6, k, aad)
		sealed := b[6:]
		if string(b[:6]) != "before" || len(sealed) != sealedSize(how&1, len(plain)) {
			t.Fatalf("%d bytes became %d", len(plain), len(sealed))
		}
		for _, keys := range [][]*Key{{k}, {other, k}, {k, other}} {
			got, err := openSeal(nil, sealed, aad, keys)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%x, %v", got, err)
			}
		}
		kept := bytes.Clone(sealed)
		kept[1+int(how)%(len(kept)-1)] ^= 1 << (how % 8) // all but the version is authenticated
		if _, err := openSeal(nil, kept, aad, []*Key{other, k}); err == nil {
			t.Fatal("opened though a bit was flipped")
		}
		if _, err := openSeal(nil, sealed, append(bytes.Clone(aad), 'x'), []*Key{k}); err != errSealKey {
			t.Fatal("opened with other authenticated data", err)
		}
		// The plain text as if it came from the network, and in place.
		_, err = openSeal(nil, plain, aad, []*Key{k})
		wantOurError(t, err)
		got, err := openSeal(sealed[1+nonceSize:][:0], sealed, aad, []*Key{k})
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("in place: %x, %v", got, err)
		}
	})
}
