package wire

import (
	"bytes"
	"compress/lzw"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// standard is what compress/lzw makes of compressed data, in our words.
func standard(src []byte, limit int) ([]byte, error) {
	r := lzw.NewReader(bytes.NewReader(src), lzw.LSB, litWidth)
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(out) > limit:
		return nil, errInflateTooMuch
	case err == nil:
		return out, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errInflateCut
	default:
		return nil, errInflateBad
	}
}

func likeTheStandardLibrary(t *testing.T, f *inflater, src []byte, limit int) {
	t.Helper()
	want, wantErr := standard(src, limit)
	got, err := f.appendInflated(nil, src, limit, nil)
	if err != wantErr || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes %.64x with limit %d: %d bytes, %v; compress/lzw says %d bytes, %v",
			len(src), src, limit, len(got), err, len(want), wantErr)
	}
}

// texts are inputs that take the decoder everywhere: codes that stand for what is being written, tables that
// run full and are cleared, and data that does not repeat.
func texts(r *rand.Rand) [][]byte {
	random := make([]byte, 30_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	few := bytes.Clone(random)
	for i := range few {
		few[i] &= 3
	}
	return [][]byte{
		nil, []byte("a"), bytes.Repeat([]byte("a"), 50_000), bytes.Repeat([]byte("ab"), 3000), longTable(), random, few,
		append(bytes.Clone(random[:5000]), bytes.Repeat([]byte("state"), 5000)...),
	}
}

func TestInflateDoesWhatTheStandardLibraryDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var f inflater
	for _, text := range texts(r) {
		var b bytes.Buffer
		w := lzw.NewWriter(&b, lzw.LSB, litWidth)
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		src := b.Bytes()
		likeTheStandardLibrary(t, &f, src, len(text))
		likeTheStandardLibrary(t, &f, src, max(0, len(text)-1))
		for range 300 {
			bad := bytes.Clone(src)
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			}
			likeTheStandardLibrary(t, &f, bad[:r.IntN(len(bad)+1)], 40_000)
		}
	}
}

// A full table is never extended, only cleared: the encoder of compress/lzw clears at once, others may go on.
func TestInflateGoesOnWithAFullTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var f inflater
	for range 20 {
		var packed []byte
		var bits uint64
		have, width, highest, last := uint(0), uint(litWidth+1), uint(lzwEnd), false
		for range 6000 {
			code := uint(r.IntN(int(highest) + 1))
			if code == lzwClear || code == lzwEnd || code == highest && !last && highest < 1<<lzwMaxWidth-1 {
				code = uint(r.IntN(lzwClear))
			}
			bits |= uint64(code) << have
			for have += width; have >= 8; have -= 8 {
				packed, bits = append(packed, byte(bits)), bits>>8
			}
			last = true
			if highest+1 < 1<<width {
				highest++
			} else if width < lzwMaxWidth {
				highest, width = highest+1, width+1
			}
		}
		bits |= uint64(lzwEnd) << have
		for range 3 {
			packed, bits = append(packed, byte(bits)), bits>>8
		}
		likeTheStandardLibrary(t, &f, packed, maxStreamInflated)
	}
}

func FuzzInflateDoesWhatTheStandardLibraryDoes(f *testing.F) {
	for _, text := range texts(rand.New(rand.NewPCG(1, 2))) {
		if m, ok := new(Compressor).compress(text); ok {
			f.Add(m.Buf)
		}
	}
	var used inflater
	f.Fuzz(func(t *testing.T, src []byte) { likeTheStandardLibrary(t, &used, src, 100_000) })
}

func BenchmarkInflate(b *testing.B) {
	text := longTable()
	m, ok := new(Compressor).compress(text)
	if !ok {
		b.Fatal("it does not compress")
	}
	var f inflater
	dst := make([]byte, 0, len(text))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := f.appendInflated(dst[:0], m.Buf, maxStreamInflated, nil); err != nil {
			b.Fatal(err)
		}
	}
}
