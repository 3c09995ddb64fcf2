package memberlist

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// quietLog logs nothing.
func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// safeBuffer is a buffer that many may write to.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func TestBetter6LinesBearTheirLevelAndTheNameOfTheLibrary(t *testing.T) {
	for _, logger := range []bool{false, true} {
		bubble(t, func(t *testing.T, b *lab) {
			out := &safeBuffer{}
			nodes := b.cluster(3, func(c *Config) {
				if c.Name != "a" {
					return
				}
				c.Logger = nil
				if logger {
					c.Logger = log.New(out, "", 0)
				} else {
					c.LogOutput = out
				}
			})
			nodes[2].Shutdown()
			b.eventually(time.Minute, "c is gone", func() bool { return names(nodes[0]) == "a b" })
			text := out.String()
			for line := range strings.Lines(text) {
				level, rest, _ := strings.Cut(line[strings.Index(line, "["):], " ")
				if !strings.Contains("[DEBUG] [INFO] [WARN] [ERR]", level) || !strings.HasPrefix(rest, "memberlist: ") {
					t.Errorf("line %q", line)
				}
			}
			for _, want := range []string{"[INFO] memberlist: member suspected member=c", "[INFO] memberlist: member gone member=c state=dead"} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in %s", want, text)
				}
			}
		})
	}
}

func TestBetter6RecordsBearStableAttributes(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		book := &logbook{level: slog.LevelDebug}
		nodes := b.cluster(3, func(c *Config) {
			if c.Name == "a" {
				book.into(c)
			}
		})
		nodes[2].Shutdown()
		b.eventually(time.Minute, "c is gone", func() bool { return names(nodes[0]) == "a b" })
		for message, keys := range map[string][]string{
			"member joined":    {"member"},
			"member suspected": {"member", "from"},
			"member gone":      {"member", "state", "confirmations"},
			"probe failed":     {"member"},
		} {
			all := book.of(message)
			if len(all) == 0 && message != "probe failed" { // b may have been the one that noticed
				t.Errorf("no record %q", message)
			}
			for _, rec := range all {
				for _, key := range keys {
					if attr(rec, key) == "" {
						t.Errorf("%q has no %s", message, key)
					}
				}
			}
		}
	})
}

func TestBetter6ALevelThatIsOffIsNotLogged(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		book := &logbook{level: slog.LevelError}
		nodes := b.cluster(3, book.into)
		nodes[2].Shutdown()
		time.Sleep(time.Minute)
		book.mu.Lock()
		defer book.mu.Unlock()
		if len(book.all) != 0 {
			t.Errorf("%d records below the level", len(book.all))
		}
	})
}

func TestBetter6ForeignPacketsAreLoggedOnceInTenSecondsOfEachKind(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		book := &logbook{}
		m := b.create("m", book.into)
		stranger := b.net.NewTransport("stranger")
		ping := wire.Ping{SeqNo: 1, Node: "somebody else"}
		for range 300 { // a minute
			for _, packet := range [][]byte{{99, 1, 2, 3}, ping.Append(nil)} {
				if _, err := stranger.WriteTo(packet, m.LocalNode().Address()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(200 * time.Millisecond)
		}
		for message, keys := range map[string][]string{
			"dropped a packet":                  {"from", "error"},
			"a ping was meant for another node": {"for"},
		} {
			all := book.of(message)
			if len(all) != 6 {
				t.Errorf("%q was logged %d times in a minute, want 6", message, len(all))
			}
			for i, rec := range all {
				for _, key := range keys {
					if attr(rec, key) == "" {
						t.Errorf("%q has no %s", message, key)
					}
				}
				if i > 0 && attr(rec, "suppressed") != "49" {
					t.Errorf("%q says that %s were kept silent", message, attr(rec, "suppressed"))
				}
			}
		}
	})
}

func TestSection5LabelsUnderSkipInboundLabelCheck(t *testing.T) {
	key := bytes.Repeat([]byte{3}, 32)
	for name, tc := range map[string]struct {
		a, b   string // labels
		skips  string // who skips the check
		key    []byte
		united bool
	}{
		"equal labels, both skip":             {"blue", "blue", "ab", nil, true},
		"equal labels, both skip, sealed":     {"blue", "blue", "ab", key, true},
		"equal labels, one skips":             {"blue", "blue", "a", nil, true},
		"equal labels, one skips, sealed":     {"blue", "blue", "b", key, true},
		"equal labels, none skips, sealed":    {"blue", "blue", "", key, true},
		"different labels, both skip":         {"blue", "red", "ab", nil, true},
		"different labels, both skip, sealed": {"blue", "red", "ab", key, true},
		"no label and one, both skip":         {"", "red", "ab", nil, true},
		"different labels, none skips":        {"blue", "red", "", nil, false},
		"no label and one, none skips":        {"", "red", "", key, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				book := &logbook{}
				tweak := func(c *Config) {
					c.Label = map[string]string{"a": tc.a, "b": tc.b}[c.Name]
					c.SkipInboundLabelCheck, c.SecretKey = strings.Contains(tc.skips, c.Name), tc.key
					book.into(c)
				}
				x, y := b.create("a", tweak), b.create("b", tweak)
				n, err := y.Join([]string{x.LocalNode().Address()})
				time.Sleep(time.Minute)
				if united := n == 1 && names(x) == "a b" && names(y) == "a b"; united != tc.united {
					t.Errorf("united %v: joined %d, %v; a sees %q, b sees %q", united, n, err, names(x), names(y))
				}
				if tc.united && len(book.of("member suspected"))+x.GetHealthScore()+y.GetHealthScore() != 0 {
					t.Error("packets do not pass")
				}
			})
		})
	}
}

func TestSection5ProtocolVersion1FixesThePortAndSealsTheOldWay(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		key := bytes.Repeat([]byte{3}, 16)
		old := func(c *Config) { c.SecretKey = key; elder(c) }
		var in letterbox
		a := b.create("a", old, in.receives)
		z := b.create("z", old)
		b.join(z, a)
		time.Sleep(time.Minute)
		if names(a) != "a z" || names(z) != "a z" || a.GetHealthScore() != 0 {
			t.Errorf("a sees %q, z sees %q", names(a), names(z))
		}
		if a.ProtocolVersion() != 1 || node(z, "a").PCur != 1 {
			t.Errorf("versions %d and %d", a.ProtocolVersion(), node(z, "a").PCur)
		}
		if err := z.SendBestEffort(a.LocalNode(), []byte("hello")); err != nil || len(in.take()) != 1 {
			t.Errorf("send: %v", err)
		}
		// Whatever port a claim names, a node of version 1 is where all are.
		claim := wire.Alive{Incarnation: 1, Node: "x", Addr: []byte{127, 9, 9, 9}, Port: 5, Vsn: a.conf.BuildVsnArray()}
		frame := wire.Frame{}
		frame.Key, _ = wire.NewKey(key)
		buf, err := frame.AppendPacket(nil, &wire.Nonce{}, [][]byte{claim.Append(nil)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.net.NewTransport("s").WriteTo(buf, a.LocalNode().Address()); err != nil {
			t.Fatal(err)
		}
		b.eventually(time.Second, "a knows x", func() bool { return node(a, "x") != nil })
		if got := int(node(a, "x").Port); got != a.conf.BindPort {
			t.Errorf("x is at port %d, want BindPort", got)
		}
	})
}
