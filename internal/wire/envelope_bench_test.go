package wire

import (
	"bytes"
	"fmt"
	"testing"
)

// benchState is the state of a cluster of n ordinary members.
func benchState(n int) *State {
	s := &State{Join: true, User: []byte("user state")}
	for i := range n {
		s.Rows = append(s.Rows, Row{
			Name: fmt.Sprintf("node-%05d.dc1", i), Addr: []byte{10, 0, byte(i >> 8), byte(i)}, Port: 7946,
			Meta: []byte("role=web"), Incarnation: uint32(i), State: i % 2, Vsn: []byte{1, 5, 2, 0, 0, 0},
		})
	}
	return s
}

func BenchmarkPacket(b *testing.B) {
	key, err := NewKey(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	ping := [][]byte{(&Ping{SeqNo: 7, Node: "bravo", SourceAddr: []byte{10, 0, 0, 1}, SourcePort: 7946, SourceNode: "alpha"}).Append(nil)}
	alives := aliveCompound(16)
	for _, c := range []struct {
		name string
		f    Frame
		msgs [][]byte
	}{
		{"ping plain", Frame{}, ping},
		{"ping AES-256", Frame{Key: key, SealVersion: 1}, ping},
		{"ping all", Frame{Label: "blue", Key: key, SealVersion: 1, Checksum: true}, ping},
		{"16 alives plain", Frame{}, alives},
		{"16 alives AES-256", Frame{Key: key, SealVersion: 1}, alives},
		{"16 alives compressed", Frame{Compress: new(Compressor)}, alives},
	} {
		nonce, keys := new(Nonce), []*Key(nil)
		if c.f.Key != nil {
			keys = append(keys, c.f.Key)
		}
		packet, err := c.f.AppendPacket(nil, nonce, c.msgs)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("append/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 4096)
			for b.Loop() {
				if _, err := c.f.AppendPacket(buf, nonce, c.msgs); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("open/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			o := Opener{Label: c.f.Label, Verify: true}
			for b.Loop() {
				if _, err := o.Open(packet, keys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkState(b *testing.B) {
	const rows = 10_000
	state := benchState(rows)
	key, err := NewKey(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    Frame
	}{
		{"plain", Frame{}},
		{"AES-256", Frame{Key: key, SealVersion: 1}},
		{"compressed", Frame{Compress: new(Compressor)}},
	} {
		frame := StreamFrame{}
		if c.f.Key != nil {
			frame.Keys = []*Key{c.f.Key}
		}
		encode := func(buf, stream []byte) ([]byte, []byte) {
			buf = state.Append(buf[:0])
			stream, err := c.f.AppendStream(stream[:0], new(Nonce), buf)
			if err != nil {
				b.Fatal(err)
			}
			return buf, stream
		}
		b.Run("append/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				encode(nil, nil)
			}
		})
		_, stream := encode(nil, nil)
		b.Run("read/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				s := NewStreamReader(bytes.NewReader(stream), nil)
				if _, _, err := s.Next(frame); err != nil {
					b.Fatal(err)
				}
				if got, err := s.PushPull(); err != nil || len(got.Rows) != rows {
					b.Fatal(err)
				}
			}
		})
	}
}
