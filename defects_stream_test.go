package memberlist

import (
	"bytes"
	"compress/lzw"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// lzwOf compresses as the protocol does, whatever comes of it.
func lzwOf(t testing.TB, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := lzw.NewWriter(&out, lzw.LSB, 8)
	if _, err := w.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// survives checks that a node goes on serving streams and holds no memory for those that are over.
func survives(t *testing.T, m *Memberlist, s *stranger) {
	t.Helper()
	synctest.Wait()
	if held := m.streams.served.held.Load() + m.streams.queued.held.Load(); held != 0 {
		t.Errorf("%d bytes are still counted for streams that are over", held)
	}
	ping := wire.Ping{SeqNo: 7, Node: m.LocalNode().Name}
	request := ping.Append(nil)
	if keys := m.conf.Keyring; keys != nil && len(keys.GetKeys()) > 0 {
		request = sealedStream(t, keys.GetPrimaryKey(), request, "")
	}
	if answer := s.converse(m, request); len(answer) == 0 {
		t.Error("the node does not answer streams any more")
	}
}

func TestDefectB05AStateTakesMemoryForMembersThatCame(t *testing.T) {
	for _, test := range []struct {
		says    string
		streams int
		most    uint64
	}{
		{"one stream", 1, 1 << 20},
		{"as many as are answered at once", maxExchanges, 16 << 20},
	} {
		t.Run(test.says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				m, s := b.create("m", quiet), b.stranger("s")
				head := wire.PushPullHeader{Nodes: 1 << 20}
				got := allocated(func() {
					for range test.streams {
						s.begin(m, head.Append(nil))
					}
				})
				if got > test.most {
					t.Errorf("%d streams that announce 2^20 members took %d bytes, want at most %d", test.streams, got, test.most)
				}
				time.Sleep(time.Minute) // of their deadline
				survives(t, m, s)
			})
		})
	}
}

func TestDefectB06UserMessagesTakeMemoryAsTheyCome(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		begins := append((&wire.UserHeader{UserMsgLen: 20 << 20}).Append(nil), make([]byte, 8<<10)...)
		got := allocated(func() {
			for range 100 {
				s.begin(m, begins)
			}
		})
		if got > 16<<20 {
			t.Errorf("100 streams that announce 20 MiB and bring 8 KiB took %d bytes", got)
		}
		time.Sleep(time.Minute)
		survives(t, m, s)
	})
}

func TestDefectB06AllStreamsShareOneBudget(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		d := &inbox{}
		m, s := b.create("m", quiet, func(c *Config) { c.Delegate = d }), b.stranger("s")
		m.streams.served.held.Add(maxServedMemory - 1<<20) // other streams
		send := func(size int) {
			head := wire.UserHeader{UserMsgLen: size}
			conn, err := s.DialTimeout(m.LocalNode().Address(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(time.Minute))
			_, _ = conn.Write(append(head.Append(nil), make([]byte, size)...)) // refused or not, as it should be
			synctest.Wait()
		}
		send(4 << 20)
		if n := len(d.messages()); n != 0 {
			t.Error("a message passed that the budget has no room for")
		}
		send(100 << 10)
		if n := len(d.messages()); n != 1 {
			t.Error("a message was refused that the budget has room for")
		}
		m.streams.served.held.Add(-(maxServedMemory - 1<<20))
		survives(t, m, s)
	})
}

func TestDefectB08ASealedMessageWithNothingInsideIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet, func(c *Config) { c.SecretKey = keyA }), b.stranger("s")
		answer := s.converse(m, sealedStream(t, keyA, nil, ""))
		if len(answer) == 0 || wire.Type(answer[0]) != wire.TypeEncrypted {
			t.Errorf("answered %q, want a sealed error", answer)
		}
		survives(t, m, s)
	})
}

func TestDefectB09CompressedDataIsBoundedBeforeItIsDecoded(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		// A compressed message whose Buf claims 3 GiB; as much of it follows as the node takes.
		head := (&wire.Compressed{Buf: make([]byte, 1<<16)}).Append(nil)
		head = head[:len(head)-1<<16]
		binary.BigEndian.PutUint32(head[len(head)-4:], 3<<30)
		conn := s.begin(m, head)
		got := allocated(func() {
			chunk := make([]byte, 64<<10)
			for n := 0; n < 32<<20; n += len(chunk) {
				if _, err := conn.Write(chunk); err != nil {
					return
				}
			}
			t.Error("32 MiB of a message that can never be whole were taken")
		})
		if got > 4<<20 {
			t.Errorf("it took %d bytes of memory", got)
		}
		survives(t, m, s)
	})
}

func TestDefectB20APeerWithOurLabelIsWelcomeWhereLabelsAreNotChecked(t *testing.T) {
	for _, test := range []struct {
		says         string
		ours, theirs string
		key          []byte
	}{
		{"the same label", "blue", "blue", nil},
		{"the same label, sealed", "blue", "blue", keyA},
		{"no label at theirs", "blue", "", nil},
		{"no label at ours", "", "blue", nil},
	} {
		t.Run(test.says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				with := func(label string) func(*Config) {
					return func(c *Config) { c.Label, c.SkipInboundLabelCheck, c.SecretKey = label, true, test.key }
				}
				m, z := b.create("m", with(test.ours)), b.create("z", with(test.theirs))
				b.join(z, m)
				time.Sleep(10 * time.Second)
				if names(m) != "m z" || names(z) != "m z" || m.GetHealthScore() != 0 {
					t.Errorf("m sees %q with health %d, z sees %q", names(m), m.GetHealthScore(), names(z))
				}
			})
		})
	}
}

func TestDefectB30CompressionNeverMakesAStreamLonger(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		chance := rand.New(rand.NewPCG(1, 2))
		ask := wire.State{Rows: []wire.Row{s.row(1)}}
		for i := range 300 {
			row := s.row(1)
			row.Name, row.Meta = "n"+strings.Repeat("x", i%7)+string(rune('A'+i)), make([]byte, 400)
			for j := range row.Meta {
				row.Meta[j] = byte(chance.Uint32())
			}
			ask.Rows = append(ask.Rows, row)
		}
		s.converse(m, ask.Append(nil))
		answer := s.converse(m, (&wire.State{Rows: []wire.Row{s.row(1)}}).Append(nil))
		state := b.state(answer)
		if len(state.Rows) != 302 {
			t.Fatalf("%d rows, want 302", len(state.Rows))
		}
		if raw := len(state.Append(nil)); len(answer) > raw {
			t.Errorf("the state took %d bytes, and %d would do", len(answer), raw)
		}
	})
}

func TestDefectB31AReliableMessageHasADeadline(t *testing.T) {
	const timeout = 500 * time.Millisecond
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", quiet, func(c *Config) { c.TCPTimeout, c.EnableCompression = timeout, false })
		s := b.stranger("s") // accepts, and never reads
		to := &Node{Name: "s", Addr: net.IP(s.at.Addr().AsSlice()), Port: s.at.Port()}
		begun := time.Now()
		err := m.SendReliable(to, make([]byte, 1<<20))
		if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took > timeout {
			t.Errorf("after %v: %v; want a timeout within %v", took, err, timeout)
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout/5)
		defer cancel()
		begun = time.Now()
		err = m.SendReliableContext(ctx, to, make([]byte, 1<<20))
		if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took > timeout/5 {
			t.Errorf("after %v: %v; want the context's error within %v", took, err, timeout/5)
		}
		survives(t, m, s)
	})
}

func TestOldDefectF01LengthsInTheHeaderOfAStateAreJudged(t *testing.T) {
	for _, test := range []struct {
		says string
		head wire.PushPullHeader
	}{
		{"too many members", wire.PushPullHeader{Nodes: 1<<20 + 1}},
		{"far too many members", wire.PushPullHeader{Nodes: 1<<62 - 1}},
		{"a negative number of members", wire.PushPullHeader{Nodes: -1}},
		{"too much user state", wire.PushPullHeader{UserStateLen: 20<<20 + 1}},
		{"far too much user state", wire.PushPullHeader{UserStateLen: 1<<62 - 1}},
		{"negative user state", wire.PushPullHeader{UserStateLen: -1}},
	} {
		t.Run(test.says, func(t *testing.T) { refusedAtOnce(t, test.head.Append(nil)) })
	}
}

func TestOldDefectF02LengthsOfUserMessagesAreJudged(t *testing.T) {
	for _, test := range []struct {
		says string
		size int
	}{
		{"too long", 20<<20 + 1},
		{"far too long", 1<<62 - 1},
		{"negative", -1},
		{"as negative as can be", -1 << 63},
	} {
		t.Run(test.says, func(t *testing.T) {
			refusedAtOnce(t, (&wire.UserHeader{UserMsgLen: test.size}).Append(nil))
		})
	}
}

// refusedAtOnce checks that a node ends a stream that begins like that, at once and for little memory.
func refusedAtOnce(t *testing.T, begins []byte) {
	t.Helper()
	bubble(t, func(t *testing.T, b *lab) {
		d := &inbox{}
		m, s := b.create("m", quiet, func(c *Config) { c.Delegate = d }), b.stranger("s")
		begun := time.Now()
		var answer []byte
		got := allocated(func() { answer = s.converse(m, begins) })
		if took := time.Since(begun); took > 0 {
			t.Errorf("the stream was kept for %v", took)
		}
		if got > 1<<20 {
			t.Errorf("it took %d bytes of memory", got)
		}
		if len(answer) > 0 && wire.Type(answer[0]) != wire.TypeError {
			t.Errorf("it was answered %q", answer)
		}
		if len(d.messages()) > 0 {
			t.Error("the application was told a message")
		}
		survives(t, m, s)
	})
}

func TestOldDefectF03WhatAStreamInflatesToIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		bomb := (&wire.Compressed{Buf: lzwOf(t, 64<<20)}).Append(nil)
		var answer []byte
		got := allocated(func() { answer = s.converse(m, bomb) })
		if text := b.errorReply(answer); !strings.Contains(text, "inflate") {
			t.Errorf("answered %q, want an error about inflation", text)
		}
		if got > 120<<20 { // doubled up to 40 MiB, and what stands before
			t.Errorf("it took %d bytes of memory", got)
		}
		survives(t, m, s)
	})
}

func TestOldDefectF05CompressedDataThatHoldsNothingIsAnError(t *testing.T) {
	for _, test := range []struct {
		says string
		buf  []byte
	}{
		{"LZW of nothing", lzwOf(t, 0)},
		{"no LZW at all", nil},
	} {
		t.Run(test.says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				m, s := b.create("m", quiet), b.stranger("s")
				answer := s.converse(m, (&wire.Compressed{Buf: test.buf}).Append(nil))
				if b.errorReply(answer) == "" {
					t.Errorf("answered %q, want an error", answer)
				}
				survives(t, m, s)
			})
		})
	}
}

func TestOldDefectF06AStreamThatEndsInsideItsLabelIsClosed(t *testing.T) {
	for _, begins := range []string{"\xf4", "\xf4\x00", "\xf4\x04bl", "\xf4\x04blue", "\xf4\x04pink", ""} {
		bubble(t, func(t *testing.T, b *lab) {
			m, s := b.create("m", quiet, func(c *Config) { c.Label = "blue" }), b.stranger("s")
			conn := s.begin(m, []byte(begins))
			conn.Close()
			synctest.Wait()
			if n := m.streams.sockets(); n != 0 {
				t.Errorf("after %q %d streams are open", begins, n)
			}
		})
	}
}

func TestOldDefectF18StateExchangesAtOnceAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		head := (&wire.PushPullHeader{Nodes: 1}).Append(nil) // the member never comes
		for range maxExchanges {
			s.begin(m, head)
		}
		answer := s.converse(m, (&wire.State{Rows: []wire.Row{s.row(1)}}).Append(nil))
		if text := b.errorReply(answer); !strings.Contains(text, "busy") {
			t.Errorf("one exchange more than are answered at once was answered %q", text)
		}
		time.Sleep(m.conf.TCPTimeout + time.Millisecond)
		answer = s.converse(m, (&wire.State{Rows: []wire.Row{s.row(1)}}).Append(nil))
		if state := b.state(answer); len(state.Rows) == 0 {
			t.Error("no state after the others were over")
		}
	})
}
