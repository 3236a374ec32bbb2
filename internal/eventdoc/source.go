package eventdoc

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// source is what the Go source says beyond what reflection sees.
type source struct {
	structs map[string]*ast.StructType
	about   map[string]string   // type name → its doc comment
	values  map[string][]string // type name → the constants of that type
}

// readSource parses the Go files of a folder.
func readSource(folder string) (*source, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{structs: map[string]*ast.StructType{}, about: map[string]string{}, values: map[string][]string{}}
	files := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(files, path, text, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", path, err)
		}
		s.take(file)
	}
	return s, nil
}

func (s *source) take(file *ast.File) {
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				doc := spec.Doc
				if doc == nil {
					doc = group.Doc
				}
				s.about[spec.Name.Name] = sentence(doc)
				if fields, ok := spec.Type.(*ast.StructType); ok {
					s.structs[spec.Name.Name] = fields
				}
			case *ast.ValueSpec:
				s.takeConstant(spec)
			}
		}
	}
}

func (s *source) takeConstant(spec *ast.ValueSpec) {
	kind, ok := spec.Type.(*ast.Ident)
	if !ok {
		return
	}
	for _, value := range spec.Values {
		literal, ok := value.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			continue
		}
		if text, err := strconv.Unquote(literal.Value); err == nil {
			s.values[kind.Name] = append(s.values[kind.Name], text)
		}
	}
}

// sentence is a comment in one line.
func sentence(groups ...*ast.CommentGroup) string {
	var words []string
	for _, group := range groups {
		if group != nil {
			words = append(words, strings.Fields(group.Text())...)
		}
	}
	return strings.Join(words, " ")
}

// member is one field of a payload.
type member struct {
	name     string // in JSON
	goType   reflect.Type
	asText   bool // a number written as a string
	optional bool // absent when empty
	about    string
}

// members gives a struct's fields as they stand in JSON.
func (s *source) members(t reflect.Type) []member {
	comments := map[string]string{}
	if fields := s.structs[t.Name()]; fields != nil {
		for _, f := range fields.Fields.List {
			for _, name := range f.Names {
				comments[name.Name] = sentence(f.Doc, f.Comment)
			}
		}
	}
	var all []member
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		all = append(all, member{
			name: name, goType: f.Type, about: comments[f.Name],
			asText: strings.Contains(options, "string"), optional: strings.Contains(options, "omitempty"),
		})
	}
	return all
}

// modelsPath is where the types come from; what is elsewhere is a plain value.
var modelsPath = reflect.TypeFor[models.Progress]().PkgPath()

// named gives every struct and enumeration the payloads lead to, in the order
// they are met.
func (s *source) named() []reflect.Type {
	var order []reflect.Type
	seen := map[reflect.Type]bool{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.PkgPath() != modelsPath || seen[t] {
			return
		}
		seen[t] = true
		if t.Kind() == reflect.Struct {
			for _, m := range s.members(t) {
				visit(m.goType)
			}
		}
		order = append(order, t)
	}
	for _, e := range models.EventTypes() {
		visit(reflect.TypeOf(e.Payload))
	}
	return order
}
