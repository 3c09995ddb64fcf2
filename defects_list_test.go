package memberlist

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryDefectHasATest keeps the list and the tests together.
func TestEveryDefectHasATest(t *testing.T) {
	tested := make(map[string]bool)
	id := regexp.MustCompile(`^Test(Defect|OldDefect)([BF])0*([1-9][0-9]*)`)
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range tree.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				if m := id.FindStringSubmatch(f.Name.Name); m != nil {
					tested[m[2]+m[3]] = true
				}
			}
		}
		return nil
	}
	if err := filepath.WalkDir(".", walk); err != nil {
		t.Fatal(err)
	}
	list, err := os.Open("testdata/defects.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	rows := 0
	for lines := bufio.NewScanner(list); lines.Scan(); {
		id, what, ok := strings.Cut(lines.Text(), " ")
		if !ok || id == "#" {
			continue
		}
		if rows++; !tested[id] {
			t.Errorf("no test is named after %s: %s", id, what)
		}
	}
	if rows < 40 {
		t.Errorf("only %d rows in the list", rows)
	}
}
