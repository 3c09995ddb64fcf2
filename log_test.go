package memberlist

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logTo returns a logger as a Config with a Logger makes it, and what it writes.
func logTo(flags int) (*slog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	return newLogger(&Config{Logger: log.New(&out, "", flags)}), &out
}

func TestAddressesAreLoggedWithWhereTheyStand(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IP{10, 0, 0, 7}, Port: 7946}
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	for _, tc := range []struct{ got, want string }{
		{LogAddress(addr), "from=10.0.0.7:7946"},
		{LogAddress(nil), "from=<unknown address>"},
		{LogStringAddress("10.0.0.7:7946"), "from=10.0.0.7:7946"},
		{LogStringAddress(""), "from=<unknown address>"},
		{LogConn(here), "from=pipe"},
		{LogConn(nil), "from=<unknown address>"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func TestLinesBearTheLevelsThatProgramsFilter(t *testing.T) {
	l, out := logTo(0)
	l.Debug("one")
	l.Info("two", "n", 2)
	l.Warn("three", "member", "b", "waited", 3*time.Second)
	l.Error("four", "error", errors.New("it broke"))
	want := "[DEBUG] memberlist: one\n" +
		"[INFO] memberlist: two n=2\n" +
		"[WARN] memberlist: three member=b waited=3s\n" +
		"[ERR] memberlist: four error=\"it broke\"\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestAStrangersNameCannotForgeALine(t *testing.T) {
	for name, want := range map[string]string{
		"plain":                        "plain",
		"ключ":                         "ключ",
		"":                             `""`,
		"a b":                          `"a b"`,
		"a=b":                          `"a=b"`,
		"b\n[ERR] memberlist: forged":  `"b\n[ERR] memberlist: forged"`,
		"\x1b[2J":                      `"\x1b[2J"`,
		"\xff":                         `"\xff"`,
		`say "hello"`:                  `"say \"hello\""`,
		"line\u2028separator":          `"line\u2028separator"`,
		"a\u00a0non-breaking\u00a0gap": `"a\u00a0non-breaking\u00a0gap"`,
	} {
		l, out := logTo(0)
		l.Info("x", "name", name)
		if got := strings.TrimSuffix(strings.TrimPrefix(out.String(), "[INFO] memberlist: x name="), "\n"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLinesShowGroupsAndWhatTheLoggerWasGiven(t *testing.T) {
	l, out := logTo(0)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l.With("node", "a").WithGroup("probe").With("seq", 7).WithGroup("").
		Info("x", slog.Group("to", "name", "b", slog.Group("", "port", 1)), slog.Attr{}, "at", at)
	want := "[INFO] memberlist: x node=a probe.seq=7 probe.to.name=b probe.to.port=1 probe.at=2026-01-02T03:04:05Z\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out, want)
	}
}

func TestLinesNameTheFileThatLogged(t *testing.T) {
	l, out := logTo(log.Lshortfile)
	l.Info("one")
	l.LogAttrs(context.Background(), slog.LevelInfo, "two")
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "log_test.go:") {
			t.Errorf("got %q", line)
		}
	}
}

func TestALoggerIsMadeFromWhatTheConfigNames(t *testing.T) {
	var out bytes.Buffer
	newLogger(&Config{LogOutput: &out}).Warn("text")
	if !strings.HasSuffix(out.String(), " [WARN] memberlist: text\n") || strings.HasPrefix(out.String(), "[") {
		t.Errorf("LogOutput: got %q, want the time in front", out.String())
	}
	own := slog.New(slog.DiscardHandler)
	if newLogger(&Config{Slog: own, LogOutput: &out}) != own {
		t.Error("Slog does not win")
	}
	if newLogger(&Config{}) == nil {
		t.Error("no logger by default")
	}
}

func TestADisabledLevelCostsNothing(t *testing.T) {
	ctx := context.Background()
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	for name, conf := range map[string]*Config{
		"a discarding LogOutput": {LogOutput: io.Discard},
		"a discarding Logger":    {Logger: log.New(io.Discard, "", 0)},
		"a Slog without level":   {Slog: quiet},
	} {
		l := newLogger(conf)
		noise := newSampler(l)
		if allocs := testing.AllocsPerRun(100, func() {
			l.LogAttrs(ctx, slog.LevelDebug, "text", slog.String("member", "b"), slog.Int("n", 1))
			noise.warn("kind", "text", slog.String("member", "b"))
		}); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestALoggerThatIsTurnedOnLaterIsHeard(t *testing.T) {
	out := log.New(io.Discard, "", 0)
	l := newLogger(&Config{Logger: out})
	l.Info("unheard")
	var b bytes.Buffer
	out.SetOutput(&b)
	l.Info("heard")
	if b.String() != "[INFO] memberlist: heard\n" {
		t.Errorf("got %q", b.String())
	}
}

func TestPrintedLinesBecomeRecordsAgain(t *testing.T) {
	var out bytes.Buffer
	own := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	p := printLogger(own)
	p.Printf("[DEBUG] memberlist: %s", "a")
	p.Printf("[INFO] memberlist: b")
	p.Printf("[WARN] memberlist: c")
	p.Printf("[ERR] memberlist: d")
	p.Printf("e")
	want := "level=DEBUG msg=a\nlevel=INFO msg=b\nlevel=WARN msg=c\nlevel=ERROR msg=d\nlevel=INFO msg=e\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	theirs := log.Default()
	if printLogger(newLogger(&Config{Logger: theirs})) != theirs {
		t.Error("a Logger is not handed on as it is")
	}
}

func TestTheFirstOfAKindIsLoggedAtOnceAndThenOneInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := logTo(0)
		noise := newSampler(l)
		for range 100 { // ten a second
			noise.warn("label", "dropped", slog.String("from", "x"))
			time.Sleep(100 * time.Millisecond)
		}
		noise.warn("label", "dropped")
		noise.warn("seal", "other")
		time.Sleep(samplePeriod)
		noise.warn("label", "dropped")
		want := "[WARN] memberlist: dropped from=x\n" +
			"[WARN] memberlist: dropped suppressed=99\n" +
			"[WARN] memberlist: other\n" +
			"[WARN] memberlist: dropped\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out, want)
		}
	})
}

func TestASamplerRemembersABoundedNumberOfKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := logTo(0)
		noise := newSampler(l)
		for i := range 10 * sampleKeys {
			noise.warn("kind "+strconv.Itoa(i), "x")
		}
		if got := strings.Count(out.String(), "\n"); got != sampleKeys+1 {
			t.Errorf("logged %d lines, want one for each of %d kinds and one for the rest", got, sampleKeys)
		}
		if got := len(noise.kinds); got > sampleKeys+1 {
			t.Errorf("remembers %d kinds", got)
		}
		time.Sleep(samplePeriod)
		out.Reset()
		noise.warn("a new kind", "x")
		if len(noise.kinds) != 1 || out.Len() == 0 {
			t.Errorf("after a quiet period it remembers %d kinds and logged %q", len(noise.kinds), out)
		}
	})
}

func TestASamplerIsSafeForConcurrentUseAndSilentAsNil(t *testing.T) {
	var none *sampler
	none.warn("kind", "text")
	noise := newSampler(slog.New(slog.NewTextHandler(io.Discard, nil)))
	done := make(chan struct{})
	for range 4 {
		go func() {
			for i := range 1000 {
				noise.warn(strconv.Itoa(i%10), "text")
			}
			done <- struct{}{}
		}()
	}
	for range 4 {
		<-done
	}
	silent := 0
	for _, k := range noise.kinds {
		silent += k.silent
	}
	if silent != 4000-10 {
		t.Errorf("%d kept silent, want %d", silent, 4000-10)
	}
}
