package memberlist_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// surface is what a package offers, each name with its type as text, without the names of parameters.
type surface struct {
	funcs  map[string]string   // functions, and methods as "(*Config).IPAllowed"
	consts map[string]string   // with value
	types  map[string]string   // neither struct nor interface
	fields map[string][]string // of a struct, in order
	faces  map[string][]string // methods of an interface, sorted
}

func newSurface() *surface {
	return &surface{
		funcs: map[string]string{}, consts: map[string]string{}, types: map[string]string{},
		fields: map[string][]string{}, faces: map[string][]string{},
	}
}

// testdata/api.txt lists the names that programs use; what we have besides is our own affair.
func TestEveryNameOfTheAPIIsThereAsWritten(t *testing.T) {
	raw, err := os.ReadFile("testdata/api.txt")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parser.ParseFile(token.NewFileSet(), "api.txt", "package memberlist\n"+string(raw), 0)
	if err != nil {
		t.Fatal(err)
	}
	want, got := newSurface(), newSurface()
	want.add(tree)
	for _, f := range house(t) {
		if f.dir == "." && !f.test {
			got.add(f.tree)
		}
	}
	compare(t, "function", got.funcs, want.funcs)
	compare(t, "constant", got.consts, want.consts)
	compare(t, "type", got.types, want.types)
	for name, fields := range want.fields {
		if _, there := got.fields[name]; !there {
			t.Errorf("struct %s is missing", name)
		}
		if f := missing(got.fields[name], fields); f != "" {
			t.Errorf("struct %s: %q is missing or out of order", name, f)
		}
	}
	for name, methods := range want.faces {
		if !slices.Equal(got.faces[name], methods) {
			t.Errorf("interface %s: got %q, want %q", name, got.faces[name], methods)
		}
	}
	if len(want.funcs) < 70 || len(want.fields["Config"]) < 45 || len(want.faces) < 12 {
		t.Errorf("read only %d functions, %d fields of Config and %d interfaces", len(want.funcs), len(want.fields["Config"]), len(want.faces))
	}
}

// missing returns the first of want that does not come in got, in that order, with others in between.
func missing(got, want []string) string {
	for _, f := range got {
		if len(want) > 0 && f == want[0] {
			want = want[1:]
		}
	}
	if len(want) == 0 {
		return ""
	}
	return want[0]
}

func compare(t *testing.T, kind string, got, want map[string]string) {
	t.Helper()
	for name, w := range want {
		if g, there := got[name]; !there {
			t.Errorf("%s %s is missing", kind, name)
		} else if g != w {
			t.Errorf("%s %s: got %q, want %q", kind, name, g, w)
		}
	}
}

func (s *surface) add(tree *ast.File) {
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			s.addFunc(d)
		case *ast.GenDecl:
			if d.Tok == token.CONST {
				s.addConsts(d)
			}
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() {
					s.addType(ts)
				}
			}
		}
	}
}

func (s *surface) addFunc(d *ast.FuncDecl) {
	if !d.Name.IsExported() {
		return
	}
	name := d.Name.Name
	if d.Recv != nil {
		name = fmt.Sprintf("(%s).%s", text(d.Recv.List[0].Type), name)
	}
	s.funcs[name] = signature(d.Type)
}

func (s *surface) addConsts(d *ast.GenDecl) {
	var typ, value string
	for i, spec := range d.Specs {
		vs := spec.(*ast.ValueSpec)
		if len(vs.Values) > 0 {
			typ, value = "", text(vs.Values[0])
			if vs.Type != nil {
				typ = text(vs.Type)
			}
		}
		of := value
		if value == "iota" {
			of = fmt.Sprint(i)
		}
		if name := vs.Names[0]; name.IsExported() {
			s.consts[name.Name] = strings.TrimSpace(typ + " = " + of)
		}
	}
}

func (s *surface) addType(ts *ast.TypeSpec) {
	switch typ := ts.Type.(type) {
	case *ast.StructType:
		s.fields[ts.Name.Name] = []string{}
		for _, f := range typ.Fields.List {
			for _, name := range f.Names {
				if name.IsExported() {
					s.fields[ts.Name.Name] = append(s.fields[ts.Name.Name], name.Name+" "+text(f.Type))
				}
			}
		}
	case *ast.InterfaceType:
		methods := []string{}
		for _, m := range typ.Methods.List {
			if fn, ok := m.Type.(*ast.FuncType); ok {
				methods = append(methods, m.Names[0].Name+" "+signature(fn))
			} else {
				methods = append(methods, text(m.Type))
			}
		}
		slices.Sort(methods)
		s.faces[ts.Name.Name] = methods
	default:
		s.types[ts.Name.Name] = text(ts.Type)
	}
}

// signature renders a function's type without the names of its parameters.
func signature(fn *ast.FuncType) string {
	return fmt.Sprintf("func(%s) (%s)", strings.Join(typesOf(fn.Params), ", "), strings.Join(typesOf(fn.Results), ", "))
}

func typesOf(list *ast.FieldList) (types []string) {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		for range max(1, len(f.Names)) {
			types = append(types, text(f.Type))
		}
	}
	return types
}

// text renders a piece of source on one line.
func text(n any) string {
	var b strings.Builder
	if err := printer.Fprint(&b, token.NewFileSet(), n); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
