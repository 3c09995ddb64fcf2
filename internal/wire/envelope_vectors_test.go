package wire

import (
	"bytes"
	"compress/lzw"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// envelopeFiles are the vector files with something to see around the messages.
var envelopeFiles = []string{
	"compound", "crc_compress", "encryption", "label", "malformed_packet", "malformed_stream",
	"messages_stream", "pushpull", "crashes", "legacy",
}

// envelopeVector is a vector with all of its node's configuration that concerns the envelope.
type envelopeVector struct {
	vector
	Direction string
	Config    struct {
		vectorConfig
		ExtraKey  string `json:"extra_key_1"`
		Verify    *bool  `json:"verify_incoming"`
		SkipLabel bool   `json:"skip_inbound_label_check"`
	}
}

func loadEnvelopes(t testing.TB, file string) []envelopeVector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []envelopeVector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return all
}

func (v *envelopeVector) keys(t testing.TB) (keys []*Key) {
	for _, raw := range []string{v.Config.Key, v.Config.ExtraKey} {
		if raw != "" {
			keys = append(keys, mustKey(t, unhex(t, raw)))
		}
	}
	return keys
}

// verify is on unless a vector says otherwise, or is of a node that sends plain text in spite of its keys,
// which its own kind refuses.
func (v *envelopeVector) verify() bool {
	return (v.Config.Verify == nil || *v.Config.Verify) && !strings.HasPrefix(v.Name, "verify_outgoing_off_")
}

func mustKey(t testing.TB, raw []byte) *Key {
	t.Helper()
	k, err := NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (v *envelopeVector) opener() *Opener {
	return &Opener{Label: v.Config.Label, SkipLabel: v.Config.SkipLabel, Verify: v.verify()}
}

// labelled tells whether a stream may begin with a label header: answers do not.
func (v *envelopeVector) labelled() bool {
	return v.Direction != "listener_to_dialer" && !strings.HasPrefix(v.Direction, "fed to dialer")
}

// next reads up to the type of the first message, with the label rules that the shell applies.
func (v *envelopeVector) next(t testing.TB, s *StreamReader) (Type, bool, error) {
	label := v.Config.Label
	if v.labelled() {
		got, err := s.Label()
		switch {
		case err != nil:
			return 0, false, err
		case v.Config.SkipLabel && got != "":
			label = got
		case !v.Config.SkipLabel && got != label:
			return 0, false, errLabelOther
		}
	}
	return s.Next(StreamFrame{Keys: v.keys(t), Verify: v.verify(), Label: label})
}

// vectorLayer is one layer of a decoded form.
type vectorLayer struct {
	Layer     string
	Label     string
	Version   uint8
	Nonce     string
	Plaintext string
	Inflated  any
}

// layers takes a decoded form apart: frame and innermost message.
// Plain holds the innermost bytes as far as a layer shows them.
func (v *envelopeVector) layers(t testing.TB) (f Frame, nonce *Nonce, compressed bool, plain []byte, msg vectorMessage, ok bool) {
	msg, ok = v.decoded(t)
	if ok {
		plain, ok = v.bytes(t)
		return f, nil, false, plain, msg, ok
	}
	if v.Decoded == nil || len(msg.Layers) == 0 {
		return
	}
	for _, text := range msg.Layers {
		var l vectorLayer
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatal(err)
		}
		switch l.Layer {
		case "label":
			f.Label = l.Label
		case "encrypted":
			f.SealVersion = l.Version
			nonce = (*Nonce)(unhex(t, l.Nonce))
			plain = unhex(t, l.Plaintext)
		case "crc":
			f.Checksum = true
		case "compress":
			compressed = true
			if s, isText := l.Inflated.(string); isText {
				plain = unhex(t, s)
			} else {
				plain = longTable()
			}
		case "":
			if err := json.Unmarshal(text, &msg); err != nil {
				t.Fatal(err)
			}
			ok = true
		}
	}
	if keys := v.keys(t); nonce != nil && len(keys) > 0 {
		f.Key = keys[0]
		f.Label = v.Config.Label // authenticated even where no header shows it
	}
	if plain == nil { // only label and checksum around it
		whole, _ := v.bytes(t)
		if _, whole, _ = StripLabel(whole); v.Kind == "packet" {
			whole, _ = stripChecksum(whole)
		}
		plain = whole
	} else if f.Checksum && !compressed {
		plain, _ = stripChecksum(plain)
	}
	return f, nonce, compressed, plain, msg, ok
}

// longTable is the message of the vector that fills LZW's table, made as its note says.
func longTable() []byte {
	b := []byte{byte(TypeUser)}
	x := uint32(1)
	for range 60000 {
		x = x*1664525 + 1013904223
		b = append(b, 0x61+byte(x>>30))
	}
	return b
}

// mustCompress compresses even what does not gain, as the reference does on streams.
func mustCompress(t testing.TB, msg []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := lzw.NewWriter(&out, lzw.LSB, litWidth)
	if _, err := w.Write(msg); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return (&Compressed{Buf: out.Bytes()}).Append(nil)
}

func TestCapturedPacketsOpenToTheirMessagesAndAreMadeAgain(t *testing.T) {
	checked := 0
	for _, file := range envelopeFiles {
		for _, v := range loadEnvelopes(t, file) {
			f, nonce, compressed, plain, msg, ok := v.layers(t)
			if !ok || v.Kind != "packet" || v.Verdict == "rejected" {
				continue
			}
			checked++
			t.Run(file+"/"+v.Name, func(t *testing.T) {
				if compressed && len(plain) >= minCompress {
					if m, ok := new(Compressor).shrink(plain); !ok || !bytes.Equal(m.Append(nil), mustCompress(t, plain)) {
						t.Error("the compressor makes something else of it")
					}
				}
				inner := plain
				if compressed {
					inner = mustCompress(t, plain)
				}
				packet, err := f.AppendPacket([]byte("before"), nonce, [][]byte{inner})
				if err != nil {
					t.Fatal(err)
				}
				packet = packet[len("before"):]
				if !strings.HasPrefix(v.Name, "v0_padding_") { // padding that no encoder writes
					v.wantPacket(t, packet)
				}
				if sent, whole := v.bytes(t); whole {
					packet = sent
				}
				opened, err := v.opener().Open(packet, v.keys(t))
				if err != nil || opened.Sealed != (nonce != nil) || opened.Lost != 0 {
					t.Fatalf("sealed %t, lost %d, error %v", opened.Sealed, opened.Lost, err)
				}
				wantOpened(t, opened.Messages, plain, &msg)
			})
		}
	}
	if checked < 70 {
		t.Errorf("only %d vectors were looked at", checked)
	}
}

// wantPacket compares packet with the vector's bytes, or with what is left of them.
func (v *envelopeVector) wantPacket(t *testing.T, packet []byte) {
	t.Helper()
	want, whole := v.bytes(t)
	if whole && !bytes.Equal(packet, want) {
		t.Errorf("made again\n%x, want\n%x", packet, want)
	}
	if !whole && (len(packet) != v.Len || sha(packet) != v.SHA256) {
		t.Errorf("made again %d bytes, want %d with sum %s", len(packet), v.Len, v.SHA256)
	}
}

// wantOpened compares messages with a decoded form whose bytes are plain.
func wantOpened(t *testing.T, messages []Message, plain []byte, want *vectorMessage) {
	t.Helper()
	bodies := [][]byte{}
	for _, m := range messages {
		bodies = append(bodies, append([]byte{byte(m.Type)}, m.Body...))
	}
	if want.Type != TypeCompound {
		if len(bodies) != 1 || !bytes.Equal(bodies[0], plain) {
			t.Fatalf("%d messages, want the one of %d bytes", len(bodies), len(plain))
		}
		if len(plain) < 1<<10 {
			wantMessage(t, "packet", bodies[0], want)
		}
		return
	}
	if want.Parts != nil {
		if len(bodies) != len(want.Parts) {
			t.Fatalf("%d messages, want %d", len(bodies), len(want.Parts))
		}
		for i := range bodies {
			wantMessage(t, "packet", bodies[i], &want.Parts[i])
		}
	}
	again, err := appendCompound(nil, bodies)
	if err != nil || !bytes.Equal(again, plain) {
		t.Errorf("made again\n%x, want\n%x", again, plain)
	}
	if len(bodies) < 2 {
		return
	}
	if again, err = new(Frame).AppendPacket(nil, nil, bodies); err != nil || !bytes.Equal(again, plain) {
		t.Errorf("framed again\n%x, want\n%x", again, plain)
	}
}

func TestCapturedStreamsReadToTheirMessagesAndAreMadeAgain(t *testing.T) {
	checked := 0
	for _, file := range envelopeFiles {
		for _, v := range loadEnvelopes(t, file) {
			f, nonce, compressed, plain, msg, ok := v.layers(t)
			if !ok || v.Kind != "stream" || msg.NodesNote != "" {
				continue
			}
			checked++
			t.Run(file+"/"+v.Name, func(t *testing.T) {
				want, _ := v.bytes(t)
				inner := plain
				if compressed {
					inner = mustCompress(t, plain)
				}
				var stream []byte
				if v.labelled() {
					stream, _ = AppendLabel(nil, v.Config.Label)
				}
				stream, err := f.AppendStream(stream, nonce, inner)
				if err != nil || !bytes.Equal(stream, want) {
					t.Errorf("made again (%v)\n%x, want\n%x", err, stream, want)
				}
				wantStream(t, &v, bytes.NewReader(want), plain, &msg)
				wantStream(t, &v, iotest.OneByteReader(bytes.NewReader(want)), plain, &msg)
			})
		}
	}
	if checked < 80 {
		t.Errorf("only %d vectors were looked at", checked)
	}
}

// wantStream reads a stream's one message and compares it with plain and with its decoded form.
func wantStream(t *testing.T, v *envelopeVector, r io.Reader, plain []byte, want *vectorMessage) {
	t.Helper()
	s := NewStreamReader(r, nil)
	typ, _, err := v.next(t, s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readMessage(s, typ)
	if err != nil {
		t.Fatal(err)
	}
	oldInts := v.Config.Codec != "" && !strings.HasPrefix(v.Config.Codec, "go-msgpack/v2")
	if !oldInts && !bytes.Equal(got, plain) {
		t.Errorf("read and encoded again\n%x, want\n%x", got, plain)
	}
	wantMessage(t, "stream", got, want)
	if _, _, err := s.Next(StreamFrame{}); err != io.EOF {
		t.Errorf("after the message: %v", err)
	}
}

// readMessage reads the message that Next announced and encodes it again.
func readMessage(s *StreamReader, typ Type) ([]byte, error) {
	var m message
	var err error
	switch typ {
	case TypePing:
		x := new(Ping)
		m, err = x, s.Ping(x)
	case TypeAck:
		x := new(Ack)
		m, err = x, s.Ack(x)
	case TypeError:
		x := new(ErrorReply)
		m, err = x, s.ErrorReply(x)
	case TypeUser:
		b, err := s.UserMessage()
		return append((&UserHeader{UserMsgLen: len(b)}).Append(nil), b...), err
	case TypePushPull:
		x, err := s.PushPull()
		if err != nil {
			return nil, err
		}
		return x.Append(nil), nil
	default:
		return nil, fmt.Errorf("Next let type %s pass", typ)
	}
	if err != nil {
		return nil, err
	}
	return m.Append(nil), nil
}

func TestWhatTheReferencesOverflowingEncodersSendIsReadAsFarAsItGoes(t *testing.T) {
	want := map[string]string{
		"compound_piggyback_257_parts_wraps": "ping that is message: malformed",
		"compound_part_over_65535_wraps":     fmt.Sprintf("ack, user %q", strings.Repeat("b", 4464)),
	}
	for _, v := range loadEnvelopes(t, "compound") {
		if want[v.Name] == "" {
			continue
		}
		b, _ := v.bytes(t)
		if got := packetOutcome(v.opener().Open(b, nil)); got != want[v.Name] {
			t.Errorf("%s: %.100s", v.Name, got)
		}
		delete(want, v.Name)
	}
	if len(want) > 0 {
		t.Error("not found:", want)
	}
}

func TestTheEncodersOfTheReferenceThatOverflowAreNotCopied(t *testing.T) {
	many := make([][]byte, 256)
	for i := range many {
		many[i] = []byte{byte(TypeUser)}
	}
	long := [][]byte{{byte(TypeUser)}, make([]byte, MaxPart+1)}
	for name, msgs := range map[string][][]byte{"256 parts": many, "a part of 65,536 bytes": long} {
		b, err := new(Frame).AppendPacket([]byte("before"), nil, msgs)
		var e *Error
		if !errors.As(err, &e) || e.Layer != LayerCompound || string(b) != "before" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, msgs := range map[string][][]byte{"255 parts": many[:MaxParts], "a part of 65,535 bytes": {{8}, long[1][:MaxPart]}} {
		msgs[1][0] = byte(TypeUser)
		b, err := new(Frame).AppendPacket(nil, nil, msgs)
		if err != nil {
			t.Fatal(name, err)
		}
		o, err := new(Opener).Open(b, nil)
		if err != nil || len(o.Messages) != len(msgs) || len(o.Messages[1].Body) != len(msgs[1])-1 {
			t.Errorf("%s: %d messages, %v", name, len(o.Messages), err)
		}
	}
}
