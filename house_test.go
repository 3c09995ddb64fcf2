package memberlist_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The rules of the house that a machine can check. Each failure says the reason, so that whoever meets it
// can judge whether it is the code or the rule that should change.

const modulePath = "github.com/seed-f61b0479/memberlist"

// sourceFile is one Go file of this module; nested modules have houses of their own.
type sourceFile struct {
	path string // relative to the root, with slashes
	dir  string // "." is the root package
	test bool
	set  *token.FileSet
	tree *ast.File
	size int // lines
}

// at says where a node stands.
func (f *sourceFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.set.Position(n.Pos()).Line)
}

// imports returns the path of each import, and the name by which the file calls it.
func (f *sourceFile) imports() map[string]string {
	names := make(map[string]string)
	for _, spec := range f.tree.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if name == "v2" {
			name = filepath.Base(filepath.Dir(path))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[path] = name
	}
	return names
}

// house returns every Go file of the module.
func house(t *testing.T) []*sourceFile {
	t.Helper()
	files, err := parseHouse()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d files: the guards are looking at the wrong folder", len(files))
	}
	return files
}

// parseHouse reads them once for all guards.
var parseHouse = sync.OnceValues(func() (files []*sourceFile, err error) {
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && foreign(path, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		f, err := parse(path)
		files = append(files, f)
		return err
	})
	return files, err
})

// foreign says whether a folder belongs to somebody else: hidden ones, data, nested modules.
func foreign(path, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func parse(path string) (*sourceFile, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, src, parser.ParseComments)
	path = filepath.ToSlash(path)
	return &sourceFile{
		path: path, dir: filepath.ToSlash(filepath.Dir(path)), test: strings.HasSuffix(path, "_test.go"),
		set: set, tree: tree, size: strings.Count(string(src), "\n"),
	}, err
}

// pure are the packages that a simulation must be able to replay.
var pure = []string{"internal/swim", "internal/gossip", "internal/wire"}

func TestCoreStaysPure(t *testing.T) {
	banned := map[string]string{
		"net":         "the core names addresses (net/netip), it opens nothing",
		"sync":        "one owner at a time; the lock is the shell's",
		"log":         "the core returns news; the shell words it",
		"os":          "what the core knows, it was told",
		"context":     "the core never waits, so there is nothing to cancel",
		"crypto/rand": "chance is handed in, or a run could not be had again",
		"math/rand":   "chance is handed in as a *rand.Rand of math/rand/v2",
	}
	allowed := []string{"net/netip", "math/rand/v2"}
	for _, f := range house(t) {
		if f.test || !slices.Contains(pure, f.dir) {
			continue
		}
		for path := range f.imports() {
			for ban, reason := range banned {
				if (path == ban || strings.HasPrefix(path, ban+"/")) && !slices.Contains(allowed, path) {
					t.Errorf("%s imports %q: %s", f.path, path, reason)
				}
			}
		}
	}
}

func TestCoreReadsNoClockAndNoGlobalChance(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}
	chance := []string{"Rand", "New", "PCG", "NewPCG", "ChaCha8", "NewChaCha8", "Source"}
	for _, f := range house(t) {
		if f.test || !slices.Contains(pure, f.dir) {
			continue
		}
		names := f.imports()
		ast.Inspect(f.tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			switch {
			case !ok:
			case pkg.Name == names["time"] && slices.Contains(clock, sel.Sel.Name):
				t.Errorf("%s reads the clock (time.%s): time is an argument", f.at(n), sel.Sel.Name)
			case pkg.Name == names["math/rand/v2"] && !slices.Contains(chance, sel.Sel.Name):
				t.Errorf("%s uses the global random source (rand.%s): chance is a field", f.at(n), sel.Sel.Name)
			}
			return true
		})
	}
}

func TestImportsGoDownOnly(t *testing.T) {
	within := func(dir string) string { return modulePath + "/" + dir }
	walls := []struct {
		from   string // this folder and below
		to     []string
		reason string
	}{
		{"internal", []string{modulePath}, "the core does not know the shell around it"},
		{"internal/wire", []string{within("internal/swim"), within("internal/gossip")}, "bytes know no rules"},
		{"internal/gossip", []string{within("internal/swim"), within("internal/wire")}, "what is told next knows neither members nor bytes"},
		{"internal/swim", []string{within("internal/gossip")}, "the rules ask for broadcasts; the shell queues them"},
		{"", []string{within("internal/sim")}, "only tests and commands simulate"},
		{"", []string{within("armonmetrics")}, "a bridge is its user's choice"},
	}
	for _, f := range house(t) {
		if f.test || f.tree.Name.Name == "main" {
			continue
		}
		for _, w := range walls {
			inside := w.from == "" || f.dir == w.from || strings.HasPrefix(f.dir, w.from+"/")
			for path := range f.imports() {
				if inside && slices.Contains(w.to, path) && path != within(f.dir) {
					t.Errorf("%s imports %q: %s", f.path, path, w.reason)
				}
			}
		}
	}
}

func TestDependenciesStandWhereTheyBelong(t *testing.T) {
	allowed := map[string]struct {
		files  []string // a folder ends with a slash
		reason string
	}{
		"github.com/hashicorp/go-metrics":          {[]string{"metrics.go", "config.go", "net_transport.go", "armonmetrics/"}, "dropping it must stay a small change"},
		"github.com/armon/go-metrics":              {[]string{"armonmetrics/"}, "only the bridge knows it"},
		"github.com/hashicorp/go-msgpack/v2/codec": {[]string{"internal/wire/"}, "bytes are the wire's"},
		"github.com/google/btree":                  {[]string{"internal/gossip/"}, "the order is gossip's"},
		"github.com/hashicorp/memberlist":          {nil, "this module is written afresh; only compare/, a module of its own, may know the reference"},
	}
	for _, f := range house(t) {
		for path := range f.imports() {
			rule, ruled := allowed[path]
			if !ruled || f.test && path != "github.com/hashicorp/memberlist" {
				continue
			}
			if !slices.ContainsFunc(rule.files, func(place string) bool {
				return f.path == place || strings.HasSuffix(place, "/") && strings.HasPrefix(f.path, place)
			}) {
				t.Errorf("%s imports %q: %s", f.path, path, rule.reason)
			}
		}
	}
}

func TestFunctionsAndFilesStayShort(t *testing.T) {
	for _, f := range house(t) {
		file, function := 400, 70
		if f.test {
			file, function = 800, 100 // a table reads well at any length
		}
		if f.size > file {
			t.Errorf("%s has %d lines, more than %d: a file is one noun", f.path, f.size, file)
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1
			if lines > function {
				t.Errorf("%s: %s has %d lines, more than %d: split by question", f.at(fn), fn.Name.Name, lines, function)
			}
		}
	}
}

// The machine has one door: nothing but cluster.go touches the lock of a cluster.
func TestTheClusterIsLockedInOnePlace(t *testing.T) {
	doors := 0
	for _, f := range house(t) {
		if f.dir != "." || f.test {
			continue
		}
		for _, d := range f.tree.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok || sel.Sel.Name != "mu" || !isCluster(sel.X, d) {
					return true
				}
				doors++
				if f.path != "cluster.go" {
					t.Errorf("%s touches the cluster's lock: go through step or view", f.at(n))
				}
				return true
			})
		}
	}
	if doors == 0 {
		t.Error("no lock of a cluster found: this guard has lost what it guards")
	}
}

// isCluster says whether an expression inside d is a cluster: a field of that name, or a receiver,
// parameter or variable declared as one.
func isCluster(x ast.Expr, d ast.Decl) bool {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name == "cluster"
	case *ast.Ident:
		found := x.Name == "cluster"
		ast.Inspect(d, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && namesCluster(field.Type) {
				for _, name := range field.Names {
					found = found || name.Name == x.Name
				}
			}
			return true
		})
		return found
	default:
		return false
	}
}

func namesCluster(typ ast.Expr) bool {
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.Name == "cluster"
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	packages := make(map[string]bool) // does any file of the folder say what the package is for?
	for _, f := range house(t) {
		if f.test {
			continue
		}
		packages[f.dir] = packages[f.dir] || f.tree.Doc.Text() != ""
		for _, d := range f.tree.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s has no doc comment, which would be its contract", f.at(d), name)
			}
		}
	}
	for dir, documented := range packages {
		if !documented {
			t.Errorf("the package in %s does not say what it is for", dir)
		}
	}
}

// undocumented returns the exported names of a declaration that have no comment.
func undocumented(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc.Text() == "" && d.Name.IsExported() && (d.Recv == nil || receiver(d).IsExported()) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(d, spec)...)
		}
	}
	return names
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc.Text() == "" && d.Doc.Text() == "" {
			names = append(names, s.Name.Name)
		}
		if face, ok := s.Type.(*ast.InterfaceType); ok && s.Name.IsExported() {
			for _, m := range face.Methods.List {
				if len(m.Names) > 0 && m.Names[0].IsExported() && m.Doc.Text() == "" && m.Comment.Text() == "" {
					names = append(names, s.Name.Name+"."+m.Names[0].Name)
				}
			}
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && s.Doc.Text() == "" && s.Comment.Text() == "" && d.Doc.Text() == "" {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) *ast.Ident {
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x
		default:
			return ast.NewIdent("_")
		}
	}
}

func TestNothingRunsBeforeMain(t *testing.T) {
	for _, f := range house(t) {
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: a program that imports us should pay nothing and have nothing set behind its back", f.at(fn))
			}
		}
	}
}

func TestNothingIsLeftForLater(t *testing.T) {
	for _, f := range house(t) {
		for _, group := range f.tree.Comments {
			for _, c := range group.List {
				for _, mark := range []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"} {
					if strings.Contains(c.Text, mark) {
						t.Errorf("%s says %s: do it, or say plainly what is missing", f.at(c), mark)
					}
				}
			}
		}
	}
}
