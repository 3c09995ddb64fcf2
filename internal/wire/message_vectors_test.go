package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// newMessage returns an empty message of a type that has a msgpack body.
func newMessage(typ Type) message {
	switch typ {
	case TypePing:
		return new(Ping)
	case TypeIndirectPing:
		return new(IndirectPing)
	case TypeAck:
		return new(Ack)
	case TypeNack:
		return new(Nack)
	case TypeSuspect:
		return new(Suspect)
	case TypeAlive:
		return new(Alive)
	case TypeDead:
		return new(Dead)
	case TypePushPull:
		return new(PushPullHeader)
	case TypeUser:
		return new(UserHeader)
	case TypeCompressed:
		return new(Compressed)
	case TypeError:
		return new(ErrorReply)
	default:
		return nil
	}
}

// wantFields compares a message with the fields that a vector names. Those it does not name are zero.
func wantFields(t *testing.T, m message, want map[string]any) {
	t.Helper()
	v := reflect.ValueOf(m).Elem()
	for name := range want {
		if !v.FieldByName(name).IsValid() {
			t.Errorf("field %s: there is none", name)
		}
	}
	for i := range v.NumField() {
		name, got := v.Type().Field(i).Name, v.Field(i)
		w, ok := want[name]
		if !ok {
			if !got.IsZero() {
				t.Errorf("field %s: %v, want it empty", name, got)
			}
			continue
		}
		switch got.Kind() {
		case reflect.Slice:
			wb := vectorBytes(t, w)
			if !bytes.Equal(got.Bytes(), wb) || got.IsNil() != (wb == nil) {
				t.Errorf("field %s: %x (nil: %t), want %x (nil: %t)", name, got.Bytes(), got.IsNil(), wb, wb == nil)
			}
		case reflect.String:
			if got.String() != string(vectorBytes(t, w)) {
				t.Errorf("field %s: %q, want %v", name, got, w)
			}
		case reflect.Bool:
			if got.Bool() != w.(bool) {
				t.Errorf("field %s: %t", name, got.Bool())
			}
		case reflect.Int:
			if float64(got.Int()) != w.(float64) {
				t.Errorf("field %s: %d, want %v", name, got.Int(), w)
			}
		default:
			if float64(got.Uint()) != w.(float64) {
				t.Errorf("field %s: %d, want %v", name, got.Uint(), w)
			}
		}
	}
}

// wantMessage decodes b, compares it with a vector's decoded form and returns its re-encoding.
func wantMessage(t *testing.T, kind string, b []byte, want *vectorMessage) (again []byte) {
	t.Helper()
	if Type(b[0]) != want.Type {
		t.Fatalf("type %s, want %s", Type(b[0]), want.Type)
	}
	switch {
	case want.Type == TypeCompound:
		return wantParts(t, b, want)
	case want.Type == TypeUser && kind == "packet":
		if !bytes.Equal(b[1:], vectorBytes(t, want.Body)) {
			t.Errorf("body %x, want %v", b[1:], want.Body)
		}
		return b
	}
	m := newMessage(want.Type)
	rest, err := m.DecodeNext(b[1:])
	if err != nil {
		t.Fatal(err)
	}
	again = m.Append(nil)
	if want.Header == nil {
		wantFields(t, m, want.Fields)
		return append(again, rest...)
	}
	wantFields(t, m, want.Header)
	tail := want.Body
	if want.Type == TypePushPull {
		tail = want.UserState
		for _, fields := range want.Nodes {
			var r Row
			if rest, err = r.DecodeNext(rest); err != nil {
				t.Fatal(err)
			}
			wantFields(t, &r, fields)
			again = r.Append(again)
		}
	}
	if !bytes.Equal(rest, vectorBytes(t, tail)) {
		t.Errorf("behind the header: %d bytes %.40x, want %v", len(rest), rest, tail)
	}
	return append(again, rest...)
}

// wantParts takes a compound apart, without the code that does so for packets.
func wantParts(t *testing.T, b []byte, want *vectorMessage) (again []byte) {
	t.Helper()
	n := int(b[1])
	again = append(again, b[:2+2*n]...)
	at := 2 + 2*n
	for i := range want.Parts {
		size := int(binary.BigEndian.Uint16(b[2+2*i:]))
		again = append(again, wantMessage(t, "packet", b[at:at+size], &want.Parts[i])...)
		at += size
	}
	return again
}

func TestEveryVectorDecodesToItsFieldsAndEncodesToItsBytes(t *testing.T) {
	checked := 0
	for _, file := range []string{
		"messages_packet", "messages_stream", "msgpack_encode", "pushpull",
		"compound", "legacy", "sockets", "crc_compress", "encryption", "label",
	} {
		for _, v := range loadVectors(t, file) {
			want, ok := v.decoded(t)
			b, whole := v.bytes(t)
			if !ok || !whole || want.NodesNote != "" || want.Type == TypeCompound && want.Parts == nil {
				continue
			}
			checked++
			t.Run(file+"/"+v.Name, func(t *testing.T) {
				again := wantMessage(t, v.Kind, b, &want)
				oldInts := v.Config.Codec != "" && !strings.HasPrefix(v.Config.Codec, "go-msgpack/v2") && want.Header != nil
				if !oldInts && !bytes.Equal(again, b) {
					t.Errorf("encoded again\n%x, want\n%x", again, b)
				}
			})
		}
	}
	if checked < 190 {
		t.Errorf("only %d vectors were looked at", checked)
	}
}

// observed is what a fresh node of the reference did with the bytes.
type observed struct {
	Log       []string
	DecodedAs map[string]any `json:"decoded_as"`
	NodeTable map[string]any `json:"node_table"`
	Ack       any
}

// The reference's log is the only place where it says that a body was bad.
func (o *observed) refused() bool {
	for _, line := range o.Log {
		if strings.Contains(line, "Failed to decode") {
			return true
		}
	}
	return false
}

func TestABodyIsRefusedExactlyWhereTheReferenceRefusesIt(t *testing.T) {
	checked := 0
	for _, file := range []string{"msgpack_decode", "malformed_packet", "reactions", "crashes", "sockets", "legacy"} {
		for _, v := range loadVectors(t, file) {
			b, whole := v.bytes(t)
			if v.Kind != "packet" || v.Config.Key != "" || v.Decoded != nil || !whole || len(b) == 0 || b[0] > 5 && b[0] != 11 {
				continue
			}
			var o observed
			if len(v.Observed) > 0 && v.Observed[0] == '{' {
				if err := json.Unmarshal(v.Observed, &o); err != nil {
					t.Fatal(v.Name, err)
				}
			}
			if v.Name == "alive_truncated_everywhere" {
				continue // a test of its own
			}
			checked++
			t.Run(file+"/"+v.Name, func(t *testing.T) {
				m := newMessage(Type(b[0]))
				_, err := m.DecodeNext(b[1:])
				if refused := o.refused(); refused != (err != nil) {
					t.Fatalf("error %v; refused by the reference: %t", err, refused)
				}
				if err != nil {
					wantError(t, err)
				} else {
					wantObserved(t, m, &o)
				}
			})
		}
	}
	if checked < 200 {
		t.Errorf("only %d vectors were looked at", checked)
	}
}

// wantError checks that err is this package's own.
func wantError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Layer != LayerMessage || e.Reason == "" {
		t.Errorf("%#v is no error of the message layer", err)
	}
	if errors.Is(err, ErrShort) != (e.Need > 0) {
		t.Errorf("%v: need %d", err, e.Need)
	}
}

// wantObserved compares a message with what could be seen of it outside the reference.
func wantObserved(t *testing.T, m message, o *observed) {
	t.Helper()
	if o.DecodedAs != nil && o.DecodedAs["Port"] != nil {
		if a := m.(*Alive); a.Port == 0 {
			a.Port = 7946 // the reference reports a port of 0 as its own
		}
		wantFields(t, m, o.DecodedAs)
	}
	if ack, ok := o.Ack.(map[string]any); ok && ack["SeqNo"] != nil {
		if p, ok := m.(*Ping); ok && float64(p.SeqNo) != ack["SeqNo"].(float64) {
			t.Errorf("SeqNo %d, the reference answered %v", p.SeqNo, ack["SeqNo"])
		}
	}
}

func TestStreamVectorsDecodeOrAreRefusedAtTheirHeader(t *testing.T) {
	refused := map[string]bool{
		"stream_pushpull_nodes_float": true,
		"stream_compress_algo_256":    true,
		"pushpull_header_garbage":     true,
		"pushpull_type_only":          true,
		"compress_type_only":          true,
		"compress_garbage":            true,
		"compress_truncated_in_buf":   true,
		"ping_truncated":              true,
	}
	for _, file := range []string{"msgpack_decode", "malformed_stream", "legacy"} {
		for _, v := range loadVectors(t, file) {
			b, whole := v.bytes(t)
			// What older releases refuse (bin8) is nothing that we copy.
			if v.Kind != "stream" || v.Config.Key != "" || !whole || len(b) == 0 || v.Decoded != nil || b[0] > 9 {
				continue
			}
			m := newMessage(Type(b[0]))
			name := strings.TrimSuffix(v.Name, "_open")
			if m == nil || b[0] > 0 && b[0] < 6 {
				continue
			}
			t.Run(file+"/"+v.Name, func(t *testing.T) {
				rest, err := m.DecodeNext(b[1:])
				if refused[name] != (err != nil) {
					t.Fatalf("error %v", err)
				}
				if err != nil {
					wantError(t, err)
				}
				if strings.HasPrefix(name, "pushpull_row_garbage") {
					if _, err := new(Row).DecodeNext(rest); err == nil {
						t.Error("the row was read")
					}
				}
			})
		}
	}
}

func TestEveryPrefixOfAMessageIsShort(t *testing.T) {
	for _, v := range loadVectors(t, "msgpack_decode") {
		b, _ := v.bytes(t)
		m := newMessage(Type(b[0]))
		rest, err := m.DecodeNext(b[1:])
		if err != nil {
			continue
		}
		body := b[1 : len(b)-len(rest)]
		for n := range body {
			_, err := m.DecodeNext(body[:n:n])
			var e *Error
			if !errors.Is(err, ErrShort) || !errors.As(err, &e) {
				t.Fatalf("%s: %d of %d bytes: %v", v.Name, n, len(body), err)
			}
			if e.Need < 1 || e.Need > len(body)-n {
				t.Fatalf("%s: %d of %d bytes: %d more are wanted", v.Name, n, len(body), e.Need)
			}
		}
	}
}
