package memberlist_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"testing"
)

// What a name stands for is compared with testdata/api.txt in the root, to whose names ours are tied by
// aliases; here it is enough that none is missing and that each is of its kind.
func TestEveryNameOfTheAPIIsOffered(t *testing.T) {
	words, err := os.ReadFile("../testdata/api.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := exported(t, "api.txt", "package memberlist\n"+string(words))
	got := exported(t, "memberlist.go", nil)
	for name, kind := range want {
		if got[name] != kind {
			t.Errorf("%s: got %q, want %q", name, got[name], kind)
		}
	}
	if len(want) < 50 {
		t.Errorf("read only %d names: this test looks at the wrong file", len(want))
	}
}

// exported returns the kind of each exported name of a file's top level.
func exported(t *testing.T, file string, source any) map[string]string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	note := func(name *ast.Ident, kind string) {
		if name.IsExported() {
			kinds[name.Name] = kind
		}
	}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				note(d.Name, "func")
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					note(s.Name, "type")
				case *ast.ValueSpec:
					for _, name := range s.Names {
						note(name, d.Tok.String())
					}
				}
			}
		}
	}
	return kinds
}
