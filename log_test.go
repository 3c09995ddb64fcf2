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
func logTo(flags int) (*slog.Logger, *written) {
	out := new(written)
	out.by = newLogger(&Config{Logger: log.New(&out.text, "", flags)})
	return out.by, out
}

// written is what a logger has written, once it has written all.
type written struct {
	by   *slog.Logger
	text bytes.Buffer
}

func (w *written) String() string {
	settleLog(w.by, nil)
	return w.text.String()
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

func TestALoggerIsMadeFromWhatTheConfigNames(t *testing.T) {
	var out bytes.Buffer
	l := newLogger(&Config{LogOutput: &out})
	l.Warn("text")
	settleLog(l, nil)
	if !strings.HasSuffix(out.String(), " [WARN] memberlist: text\n") || strings.HasPrefix(out.String(), "[") {
		t.Errorf("LogOutput: got %q, want the time in front", out.String())
	}
	var won bytes.Buffer
	l = newLogger(&Config{Slog: slog.New(slog.NewTextHandler(&won, nil)), LogOutput: &out})
	l.Warn("mine")
	settleLog(l, nil)
	if !strings.Contains(won.String(), "msg=mine") {
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

// stuckWriter is a log that nobody reads.
type stuckWriter chan struct{}

func (w stuckWriter) Write(b []byte) (int, error) {
	<-w
	return len(b), nil
}

func TestAWriterThatBlocksHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(stuckWriter)
		l := newLogger(&Config{LogOutput: stuck})
		noise := newSampler(l)
		for range 2 * logsWaiting {
			l.Info("one of many")
			noise.warn("kind", "noise")
		}
		begun := time.Now()
		limit, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if settleLog(l, limit.Done()); time.Since(begun) != time.Second {
			t.Errorf("waited %v for a writer that is stuck", time.Since(begun))
		}
		close(stuck)
		settleLog(l, nil)
	})
}

func TestRecordsThatWereLostAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, out := make(stuckWriter), new(bytes.Buffer)
		l := newLogger(&Config{Logger: log.New(io.MultiWriter(gate, out), "", 0)})
		l.Info("first")
		synctest.Wait() // it is being written
		for range logsWaiting + 7 {
			l.Info("more")
		}
		close(gate)
		settleLog(l, nil)
		if !strings.HasSuffix(out.String(), "too slow lost=7\n") {
			t.Errorf("ends with %q", out.String()[max(0, out.Len()-100):])
		}
	})
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
		noise.warn("a new kind", "x")
		if got := strings.Count(out.String(), "\n"); len(noise.kinds) != 1 || got != sampleKeys+2 {
			t.Errorf("after a quiet period it remembers %d kinds and logged %d lines in all", len(noise.kinds), got)
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
