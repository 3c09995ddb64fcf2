package memberlist_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// consumer is a module that uses memberlist, and whose own tests say what it relies on.
type consumer struct {
	module, version string
	packages        []string // all whose tests need nothing but loopback
	selection       string   // the tests that are run by default; those that showed a difference are among them
	among           []string // the packages that these are in
}

var consumers = []consumer{
	{
		module: "github.com/hashicorp/serf", version: "v0.11.0",
		packages: []string{"./client/...", "./cmd/...", "./coordinate/...", "./serf/..."},
		selection: "^(TestSerf_(eventsFailed|eventsJoin|eventsLeave|eventsUser|join|joinLeave|Join_Cancel|PingDelegateVersioning|" +
			"PingDelegateRogueCoordinate|role|state|update|reconnect)|TestKeyManager_.*|TestKeysCommandRun_.*)$",
		among: []string{"./cmd/serf/command", "./serf"},
	},
	{
		module: "github.com/prometheus/alertmanager", version: "v0.34.2",
		packages: []string{"./cluster/..."}, selection: ".", among: []string{"./cluster/..."},
	},
}

// With DROPIN_CONSUMERS=all every test of the consumers runs, which takes some minutes.
func TestNoTestOfAConsumerFailsThatPassesWithTheReference(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the test suites of other modules")
	}
	for _, c := range consumers {
		packages, selection := c.among, c.selection
		if os.Getenv("DROPIN_CONSUMERS") == "all" {
			packages, selection = c.packages, "."
		}
		t.Run(c.module, func(t *testing.T) {
			src := source(t, c.module+"@"+c.version)
			want := suite(t, siteOf(t, src, false), packages, selection)
			got := suite(t, siteOf(t, src, true), packages, selection)
			compare(t, got, want)
		})
	}
}

// source is the folder of a module in the module cache.
func source(t *testing.T, module string) string {
	t.Helper()
	out, err := site{dir: t.TempDir()}.run("go", "mod", "download", "-json", module)
	if at := strings.Index(out, "{"); at > 0 {
		out = out[at:] // before it comes what was downloaded
	}
	var answer struct{ Dir string }
	if fault := json.Unmarshal([]byte(out), &answer); err != nil || fault != nil {
		t.Fatalf("download %s: %v, %v\n%s", module, err, fault, out)
	}
	return answer.Dir
}

// compare reports what passes with the reference and not with ours.
func compare(t *testing.T, got, want map[string]bool) {
	t.Helper()
	passed := 0
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch {
		case !want[name]:
			t.Logf("%s fails with the reference; with ours it passes: %v", name, got[name])
		case !got[name]:
			t.Errorf("%s passes with the reference and not with ours", name)
		default:
			passed++
		}
	}
	if passed < 10 {
		t.Errorf("only %d tests pass with both: the selection has lost what it selects", passed)
	}
	t.Logf("%d tests pass with both", passed)
}

// suite runs the tests and returns which of them pass, by package and name. Those that fail get further tries,
// each by itself.
func suite(t *testing.T, s site, packages []string, selection string) map[string]bool {
	t.Helper()
	passes, outputs := s.test(t, selection, packages...)
	s.stands(t)
	for name, ok := range passes {
		pkg, test, _ := strings.Cut(name, " ")
		for try := 1; !ok && try < tries; try++ {
			again, _ := s.test(t, "^"+regexp.QuoteMeta(test)+"$", pkg)
			ok = again[name]
		}
		passes[name] = ok
		if !ok {
			t.Logf("%s fails with %s:\n%s", name, s, outputs[name])
		}
	}
	return passes
}

// test runs tests once. It tells for each that was not skipped whether it passed, and what it printed.
func (s site) test(t *testing.T, selection string, packages ...string) (passes map[string]bool, outputs map[string]string) {
	t.Helper()
	args := append([]string{"test", "-json", "-count=1", "-vet=off", "-p=1", "-timeout=10m", "-run=" + selection}, packages...)
	out, err := s.run("go", args...)
	passes, outputs = map[string]bool{}, map[string]string{}
	for line := range strings.Lines(out) {
		var e struct{ Action, Package, Test, Output string }
		if json.Unmarshal([]byte(line), &e) != nil || e.Test == "" || strings.Contains(e.Test, "/") {
			continue // the rest is told by the test as a whole
		}
		name := e.Package + " " + e.Test
		switch e.Action {
		case "run":
			passes[name] = false // unless it comes to its end
		case "pass":
			passes[name] = true
		case "skip":
			delete(passes, name)
		case "output":
			outputs[name] += e.Output
		}
	}
	if err != nil && !slices.Contains(slices.Collect(maps.Values(passes)), false) {
		t.Fatalf("go test with %s: %v\n%s", s, err, out)
	}
	return passes, outputs
}
