package compare

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/hashicorp/memberlist"
	"go.uber.org/goleak"

	"github.com/seed-f61b0479/memberlist/compare/side/generate/derive"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// With a replace line for the reference everything here would compare our library with itself.
func TestTheReferenceIsTheReference(t *testing.T) {
	const path, version = "github.com/hashicorp/memberlist", "v0.7.0"
	if got := reflect.TypeFor[memberlist.Memberlist]().PkgPath(); got != path {
		t.Errorf("the reference's types come from %s", got)
	}
	create := runtime.FuncForPC(reflect.ValueOf(memberlist.Create).Pointer())
	if file, _ := create.FileLine(create.Entry()); !strings.Contains(file, path+"@"+version+"/") {
		t.Errorf("the reference's Create comes from %s, which is not %s", file, version)
	}
}

// Both kinds are driven by the same code, or a difference between them could be one between our adapters.
func TestTheReferencesAdapterIsCurrent(t *testing.T) {
	files, err := filepath.Glob("side/ours/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of package ours: %v", err)
	}
	for _, path := range files {
		ours, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		theirs, err := os.ReadFile(filepath.Join("side", "reference", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(theirs) != string(derive.Reference(name, ours)) {
			t.Errorf("side/reference/%s is out of date: run go generate in side/ours", name)
		}
	}
}
