package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheGeneratedFileIsCurrent(t *testing.T) {
	want, err := face("../../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../memberlist.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the root's exported names or their words have changed: run go generate in the folder dropin")
	}
}

func TestEveryKindOfDeclarationIsHandedOver(t *testing.T) {
	source := `package any

import (
	"net"
	stamp "time"
)

// One and two.
const (
	One = iota // the first
	two
)

// Wrong is an error.
var Wrong, hidden error

// Thing has a method, which comes along.
type Thing struct{ hidden int }

func (t *Thing) Method() {}

// Do does it. How it does that is the root's to say.
//
// At length.
func Do(a, b net.IP, rest ...stamp.Time) (*Thing, error) { return nil, nil }

// Go returns nothing.
func Go() {}

type secret int

func quiet() {}
`
	want := []string{
		"import (\n\t\"net\"\n\tstamp \"time\"\n\n\troot \"github.com/seed-f61b0479/memberlist\"\n)\n",
		"// One and two.\nconst (\n\tOne = root.One // the first\n)\n",
		"// Wrong is an error.\nvar Wrong = root.Wrong\n",
		"// Thing has a method, which comes along.\ntype Thing = root.Thing\n",
		"// Do does it.\nfunc Do(a, b net.IP, rest ...stamp.Time) (*Thing, error) {\n\treturn root.Do(a, b, rest...)\n}\n",
		"// Go returns nothing.\nfunc Go() {\n\troot.Go()\n}\n",
	}
	got, err := faceOf(t, source)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("missing:\n%s", w)
		}
	}
	for _, name := range []string{"two", "hidden", "secret", "quiet", "Method"} {
		if strings.Contains(got, name+" ") || strings.Contains(got, name+"(") {
			t.Errorf("%s should not be there", name)
		}
	}
	if t.Failed() {
		t.Logf("got:\n%s", got)
	}
}

func TestWhatCannotBeHandedOverIsRefused(t *testing.T) {
	for name, declaration := range map[string]string{
		"a type with parameters":      "type Box[T any] struct{ t T }",
		"a function with parameters":  "func Do[T any](t T) {}",
		"a parameter without a name":  "func Do(int) {}",
		"a parameter named by a dash": "func Do(_ int) {}",
		"a file that is no Go":        "func Do(",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := faceOf(t, "package any\n"+declaration); err == nil {
				t.Errorf("no error, but:\n%s", got)
			}
		})
	}
}

// faceOf generates from a package of one file.
func faceOf(t *testing.T, source string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "any.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := face(dir)
	return string(got), err
}
