package swim

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// better are the recorded reactions from which ours differ, and why.
var better = map[string]string{
	"alive_vsn_nil":                    "versions of fewer than six bytes are absurd",
	"alive_vsn_0":                      "versions of fewer than six bytes are absurd",
	"alive_vsn_2":                      "versions of fewer than six bytes are absurd",
	"alive_vsn_3":                      "versions of fewer than six bytes are absurd",
	"alive_vsn_5":                      "versions of fewer than six bytes are absurd",
	"alive_vsn_shorter_update":         "versions of fewer than six bytes are absurd",
	"alive_empty_map":                  "versions of fewer than six bytes are absurd",
	"alive_vsn_7":                      "what follows the sixth byte is not told on",
	"alive_vsn_pcur_outside":           "a version that is spoken and not understood is absurd",
	"alive_vsn_future":                 "a minimum above what we understand is absurd",
	"alive_vsn_dmin_gt_dmax":           "a minimum above the maximum is absurd",
	"alive_addr_nil":                   "nobody can be reached without an address",
	"alive_conflict_4_vs_16_bytes":     "the two forms of an address are one",
	"alive_after_higher_dead_evidence": "evidence of a death at a higher incarnation is remembered",
	"dead_of_left":                     "evidence of a death at a higher incarnation is remembered",
	"pushpull_dead_row_vsn_zero":       "the dead are no part of the version check",
	"dead_max_incarnation":             "an incarnation so far ahead is not honest",
	"self_suspect_2pow32_minus_2":      "an incarnation so far ahead is not honest",
	"self_suspect_max_wraps":           "an incarnation so far ahead is not honest",
	"self_dead_max_wraps":              "an incarnation so far ahead is not honest",
	"self_alive_max_wraps":             "an incarnation so far ahead is not honest",
	"self_suspect_max_twice":           "an incarnation so far ahead is not honest",
}

// elsewhere are those that are not about this package.
var elsewhere = map[string]string{
	"alive_delegate_vsn_nil":            "the Alive delegate is asked by the shell",
	"alive_delegate_vsn_5":              "the Alive delegate is asked by the shell",
	"pushpull_user_state_join":          "user state is the shell's",
	"pushpull_user_state_empty":         "user state is the shell's",
	"pushpull_merge_delegate_join_true": "the Merge delegate is asked by the shell",
}

type vector struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Config struct {
		Protocol uint8 `json:"protocol_version"`
	} `json:"config"`
	Hex      string   `json:"hex"`
	HexRuns  [][2]any `json:"hex_runs"`
	Setup    []string `json:"setup_fed_before"`
	Observed struct {
		Sent []struct {
			Msg    string         `json:"msg"`
			To     string         `json:"to"`
			Fields map[string]any `json:"fields"`
		} `json:"sent"`
		Events []string         `json:"events"`
		Table  []map[string]any `json:"node_table_after"`
	} `json:"observed"`
}

func TestWeReactAsTheReferenceDoesExceptWhereWeAreBetter(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/reactions.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range vectors {
		seen[v.Name] = true
		if elsewhere[v.Name] != "" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			got, want := v.ours(t), v.theirs()
			switch why := better[v.Name]; {
			case why == "" && got != want:
				t.Errorf("we react with\n%s\nthe reference with\n%s", got, want)
			case why != "" && got == want:
				t.Errorf("we react as the reference does, although %s", why)
			}
		})
	}
	for name := range maps.Keys(better) {
		if !seen[name] {
			t.Errorf("no vector %s", name)
		}
	}
}

// theirs words what the reference did.
func (v *vector) theirs() string {
	var said []string
	for _, row := range v.Observed.Table {
		said = append(said, fmt.Sprintf("row %v %v %v@%v state %v meta %v vsn %v",
			plain(row["Name"]), plain(row["Addr"]), row["Port"], row["Incarnation"], row["State"], plain(row["Meta"]), plain(row["Vsn"])))
	}
	for _, s := range v.Observed.Sent {
		f := s.Fields
		switch s.Msg {
		case "alive":
			said = append(said, fmt.Sprintf("alive %v@%v at %v %v meta %v vsn %v", plain(f["Node"]), f["Incarnation"], plain(f["Addr"]), f["Port"], plain(f["Meta"]), plain(f["Vsn"])))
		case "ackResp":
			said = append(said, fmt.Sprintf("ack %v to %s", f["SeqNo"], s.To))
		default:
			said = append(said, fmt.Sprintf("%s %v@%v from %v", s.Msg, plain(f["Node"]), f["Incarnation"], plain(f["From"])))
		}
	}
	for _, e := range v.Observed.Events {
		if verb, rest, _ := strings.Cut(e, " "); !strings.HasPrefix(rest, "nnnn") && strings.HasPrefix(verb, "Notify") && verb != "NotifyMerge" {
			name, _, _ := strings.Cut(rest, " ")
			said = append(said, verb+" "+name)
		}
	}
	slices.Sort(said)
	return strings.Join(said, "\n")
}

// plain makes the spellings of a value one: bytes, nil, long runs.
func plain(x any) string {
	switch x := x.(type) {
	case nil:
		return "hex:"
	case string:
		return x
	case map[string]any:
		b, _ := hex.DecodeString(x["repeat_hex"].(string))
		return fmt.Sprintf("%d times %x", int(x["count"].(float64)), b)
	}
	return fmt.Sprint(x)
}

// long words bytes as the vectors do.
func long(b []byte) string {
	if len(b) > 100 {
		return fmt.Sprintf("%d times %x", len(b), b[:1])
	}
	return fmt.Sprintf("hex:%x", b)
}

func longText(s string) string {
	if len(s) > 100 {
		return long([]byte(s))
	}
	return s
}

// ours feeds the vector to a machine and words what that one did.
func (v *vector) ours(t *testing.T) string {
	p := lan()
	p.Name, p.PortFixed = "alpha", v.Config.Protocol == 1
	m := New(p, rand.New(rand.NewPCG(1, 2)))
	versions := current
	versions.PCur = v.Config.Protocol
	m.Start(noon, Identity{Addr: addrOf(1), Meta: []byte("me"), Versions: versions})
	var out Output
	for _, setup := range v.Setup {
		b, err := hex.DecodeString(setup)
		if err != nil {
			t.Fatal(err)
		}
		feed(t, m, b)
	}
	m.Take(&out)
	feed(t, m, v.bytes(t))
	m.Take(&out)
	var said []string
	for _, r := range m.Rows(nil) {
		said = append(said, fmt.Sprintf("row %s %s %d@%d state %d meta %s vsn %s",
			longText(r.Name), long(r.Addr), r.Port, r.Incarnation, r.State, long(r.Meta), long(r.Vsn)))
	}
	for _, b := range out.Broadcasts {
		if len(b.Body) < 1400 {
			said = append(said, rumourWorded(t, b.Body))
		}
	}
	for _, p := range out.Packets {
		var a wire.Ack
		if err := a.Decode(p.Body[1:]); err != nil || wire.Type(p.Body[0]) != wire.TypeAck {
			t.Errorf("sent %x: %v", p.Body, err)
		}
		said = append(said, fmt.Sprintf("ack %d to %v", a.SeqNo, p.To.Addr))
	}
	verbs := map[NewsKind]string{Joined: "NotifyJoin", Updated: "NotifyUpdate", Departed: "NotifyLeave", Conflict: "NotifyConflict"}
	for _, n := range out.News {
		if verb := verbs[n.Kind]; verb != "" && len(n.Member.Name) < 100 {
			said = append(said, verb+" "+n.Member.Name)
		}
	}
	slices.Sort(said)
	return strings.Join(said, "\n")
}

func rumourWorded(t *testing.T, msg []byte) string {
	var a wire.Alive
	var d wire.Dead // a suspicion has the same fields
	kind := map[wire.Type]string{wire.TypeSuspect: "suspect", wire.TypeDead: "dead"}[wire.Type(msg[0])]
	if kind != "" {
		if err := d.Decode(msg[1:]); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %s@%d from %s", kind, d.Node, d.Incarnation, d.From)
	}
	if err := a.Decode(msg[1:]); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("alive %s@%d at %s %d meta %s vsn %s", a.Node, a.Incarnation, long(a.Addr), a.Port, long(a.Meta), long(a.Vsn))
}

func (v *vector) bytes(t *testing.T) (b []byte) {
	text := v.Hex
	for _, run := range v.HexRuns {
		text += strings.Repeat(run[0].(string), int(run[1].(float64)))
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// feed gives one message to the machine, as the shell would.
func feed(t *testing.T, m *Machine, b []byte) {
	t.Helper()
	var err error
	switch body := b[1:]; wire.Type(b[0]) {
	case wire.TypeAlive:
		var x wire.Alive
		err = x.Decode(body)
		m.Alive(noon, &x)
	case wire.TypeSuspect:
		var x wire.Suspect
		err = x.Decode(body)
		m.Suspect(noon, &x)
	case wire.TypeDead:
		var x wire.Dead
		err = x.Decode(body)
		m.Dead(noon, &x)
	case wire.TypePing:
		var x wire.Ping
		err = x.Decode(body)
		m.Ping(noon, Source{Peer: Peer{Addr: addrOf(9)}}, &x, nil)
	case wire.TypeAck:
		var x wire.Ack
		err = x.Decode(body)
		m.Ack(noon, &x)
	case wire.TypeNack:
		var x wire.Nack
		err = x.Decode(body)
		m.Nack(noon, &x)
	case wire.TypePushPull:
		var h wire.PushPullHeader
		body, err = h.DecodeNext(body)
		rows := make([]wire.Row, h.Nodes)
		for i := range rows {
			if err == nil {
				body, err = rows[i].DecodeNext(body)
			}
		}
		if m.Check(rows) == nil {
			m.Merge(noon, rows)
		}
	default:
		t.Fatalf("message %x", b)
	}
	if err != nil {
		t.Fatal(err)
	}
}
