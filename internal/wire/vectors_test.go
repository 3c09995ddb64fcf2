package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// vector is one entry of testdata/vectors; the README beside them explains the fields.
type vector struct {
	Name     string
	Note     string
	Source   string // captured or crafted
	Config   vectorConfig
	Kind     string // packet or stream
	Verdict  string
	Decoded  json.RawMessage
	Observed json.RawMessage

	Hex     string
	HexRuns [][2]any `json:"hex_runs"`
	Len     int
	SHA256  string
	HexHead string `json:"hex_head"`
	HexTail string `json:"hex_tail"`

	InReplyTo string `json:"in_reply_to_hex"`
}

// vectorConfig is how the node that sent or received the bytes was set up.
type vectorConfig struct {
	Memberlist      string
	Codec           string
	ProtocolVersion int `json:"protocol_version"`
	Label           string
	Key             string // hex, empty: none
	Compression     bool
}

// loadVectors reads one file of testdata/vectors, such as "compound".
func loadVectors(t testing.TB, file string) []vector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return all
}

// bytes returns the vector's bytes. It is false for the few that are too long and irregular
// to be stored whole.
func (v *vector) bytes(t testing.TB) ([]byte, bool) {
	t.Helper()
	if v.HexHead != "" {
		return nil, false
	}
	if v.HexRuns == nil {
		return unhex(t, v.Hex), true
	}
	var b []byte
	for _, run := range v.HexRuns {
		b = append(b, bytes.Repeat(unhex(t, run[0].(string)), int(run[1].(float64)))...)
	}
	if len(b) != v.Len {
		t.Fatalf("%s: %d bytes, %d are said", v.Name, len(b), v.Len)
	}
	return b, true
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectorMessage is the decoded form of one message.
type vectorMessage struct {
	Msg    string
	Type   Type
	Fields map[string]any
	Layers []json.RawMessage

	Body      any            // user
	Header    map[string]any // user and push/pull on a stream
	Nodes     []map[string]any
	NodesNote string `json:"nodes_note"`
	UserState any    `json:"user_state"`

	Lengths []int // compound
	Parts   []vectorMessage
}

// decoded returns the vector's decoded form. It is false where there is none
// or where it is not one message from its outside on.
func (v *vector) decoded(t testing.TB) (m vectorMessage, ok bool) {
	t.Helper()
	if v.Decoded == nil {
		return m, false
	}
	if err := json.Unmarshal(v.Decoded, &m); err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return m, m.Msg != ""
}

// vectorBytes turns a value of a decoded form into bytes: "hex:…", a long run, text, or null.
func vectorBytes(t testing.TB, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		if s, ok := bytes.CutPrefix([]byte(v), []byte("hex:")); ok {
			return unhex(t, string(s))
		}
		var count int
		var of string
		if n, _ := fmt.Sscanf(v, "%d x %s", &count, &of); n == 2 {
			return bytes.Repeat(unhex(t, of), count)
		}
		return []byte(v)
	case map[string]any:
		return bytes.Repeat(unhex(t, v["repeat_hex"].(string)), int(v["count"].(float64)))
	default:
		t.Fatalf("cannot read %v as bytes", v)
		return nil
	}
}
