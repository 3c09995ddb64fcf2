package memberlist_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reference is the version of hashicorp/memberlist that everything is compared with.
const reference = "v0.7.0"

// site is a copy of somebody's module, built with one implementation or the other.
type site struct {
	dir  string
	ours bool
}

// siteOf copies the module in src and makes it use the reference or, by replace lines, ours.
func siteOf(t *testing.T, src string, ours bool) site {
	t.Helper()
	s := site{dir: t.TempDir(), ours: ours}
	if err := os.CopyFS(s.dir, os.DirFS(src)); err != nil {
		t.Fatal(err)
	}
	// What comes from the module cache is read-only.
	for _, file := range []string{"go.mod", "go.sum"} {
		if err := os.Chmod(filepath.Join(s.dir, file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit := []string{"mod", "edit", "-require=github.com/hashicorp/memberlist@" + reference}
	if ours {
		edit = append(edit,
			"-replace=github.com/hashicorp/memberlist="+absolute(t, "."),
			"-replace=github.com/seed-f61b0479/memberlist="+absolute(t, ".."))
		s.trust(t, "go.sum")
	}
	if out, err := s.run("go", edit...); err != nil {
		t.Fatalf("go mod edit: %v\n%s", err, out)
	}
	return s
}

// trust adds our checksums to those of the copy, so that nobody need be asked for them.
func (s site) trust(t *testing.T, file string) {
	t.Helper()
	ours, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "go.sum")
	theirs, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Concat(bytes.Split(theirs, []byte("\n")), bytes.Split(ours, []byte("\n")))
	slices.SortFunc(lines, bytes.Compare)
	lines = slices.CompactFunc(lines, bytes.Equal)
	if err := os.WriteFile(path, append(bytes.TrimSpace(bytes.Join(lines, []byte("\n"))), '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a command in the copy and returns what it printed. The go command may complete go.mod there.
func (s site) run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stands checks that the implementation which is compiled in is the one that is meant.
func (s site) stands(t *testing.T) {
	t.Helper()
	out, err := s.run("go", "list", "-m", "-f", "{{with .Replace}}{{.Dir}}{{end}}", "github.com/hashicorp/memberlist")
	if err != nil || (strings.TrimSpace(out) != "") != s.ours {
		t.Fatalf("%s: replaced by %q, %v", s, out, err)
	}
}

func (s site) String() string {
	if s.ours {
		return "ours"
	}
	return fmt.Sprint("the reference ", reference)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
