package driver_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docs/writing-an-adapter.md says how much there is to read; this is where it is counted.
func TestNamesAreCounted(t *testing.T) {
	page, err := os.ReadFile("../../../docs/writing-an-adapter.md")
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" && os.Getenv("TENANTSTORE_REQUIRE_SERVERS") == "" {
		t.Skip("the module is not in its repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(page)), " ")
	for dir, want := range map[string]string{
		"..": "core/tenancy, which every user reads, exports %d names and %d constants",
		".":  "core/tenancy/driver, which only authors of stores read, %d names and %d constants",
	} {
		names, constants := exported(t, dir)
		if says := fmt.Sprintf(want, names, constants); !strings.Contains(strings.ReplaceAll(words, "`", ""), says) {
			t.Errorf("the page does not say: %s", says)
		}
	}
}

// exported counts the functions, types and variables of a package, and its constants.
func exported(t *testing.T, dir string) (names, constants int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.IsExported() {
					names++
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							names++
						}
					case *ast.ValueSpec:
						for _, n := range s.Names {
							switch {
							case !n.IsExported():
							case d.Tok == token.CONST:
								constants++
							default:
								names++
							}
						}
					}
				}
			}
		}
	}
	return names, constants
}
