package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// snippet is a block of Go code on a page.
type snippet struct {
	page string // path of the file
	line int    // of the first line of code, from 1
	code string
	// context has the types of names that the page declares for the snippet.
	context map[string]string
	// sources are files of which one must hold the code, instead of compiling it.
	sources []string
}

var (
	// <!-- go: name type; name type --> or <!-- go: from path path -->
	directive = regexp.MustCompile(`^<!-- go: (.*) -->$`)
	// What GitHub takes for the beginning of Go code, too; only ```go is looked at.
	otherFence = regexp.MustCompile("^(?:```+|~~~+) *(?i:go|golang)(?: .*)?$")
	names      = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
)

// usual are the names that a snippet on any page may use.
var usual = map[string]string{
	"ctx": "context.Context", "dsn": "string", "mux": "*http.ServeMux",
	"store": "tenancy.Store", "primary": "tenancy.Store", "registry": "*prometheus.Registry", "shared": "tenancy.Store", "local": "tenancy.Store",
}

// snippetsOf returns the Go blocks of a page, with what its directives say. A directive
// is a comment on a line of its own, and holds up to the next one.
func snippetsOf(page, text string) ([]snippet, error) {
	var found []snippet
	context, sources := usual, []string(nil)
	inside := false
	var s snippet
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch said := directive.FindStringSubmatch(trimmed); {
		case inside && trimmed == "```":
			inside = false
			found = append(found, s)
		case inside:
			s.code += line + "\n"
		case trimmed == "```go":
			inside = true
			s = snippet{page: page, line: i + 2, context: context, sources: sources}
		case otherFence.MatchString(trimmed):
			return nil, fmt.Errorf("%s:%d: a block of Go code begins with ```go and no more", page, i+1)
		case said != nil:
			var err error
			if context, sources, err = parseDirective(said[1]); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", page, i+1, err)
			}
		}
	}
	if inside {
		return nil, fmt.Errorf("%s:%d: this block of Go code has no end", page, s.line-1)
	}
	return found, nil
}

func parseDirective(text string) (context map[string]string, sources []string, err error) {
	if paths, ok := strings.CutPrefix(text, "from "); ok {
		return usual, strings.Fields(paths), nil
	}
	context = make(map[string]string)
	for name, kind := range usual {
		context[name] = kind
	}
	for declaration := range strings.SplitSeq(text, ";") {
		name, kind, ok := strings.Cut(strings.TrimSpace(declaration), " ")
		if !ok || !names.MatchString(name) {
			return nil, nil, fmt.Errorf("want names and types, or from and paths: %q", text)
		}
		context[name] = kind
	}
	return context, nil, nil
}

// complete reports whether s is a whole file.
func (s snippet) complete() bool { return strings.HasPrefix(s.code, "package ") }

// file returns s as a Go file: around declarations or statements come a package, the
// names that the page declares, and the imports for what is used. packagePaths has
// import paths by the names of packages.
func (s snippet) file(packagePaths map[string]string) (string, error) {
	line := fmt.Sprintf("//line %s:%d\n", filepath.ToSlash(s.page), s.line)
	if s.complete() {
		return line + s.code, nil
	}
	body := line + s.code
	parsed, err := parse(body)
	if err != nil {
		body = "func _() {\n" + body + "}\n"
		if parsed, err = parse(body); err != nil {
			return "", fmt.Errorf("neither declarations nor statements: %w", err)
		}
	}
	for _, name := range unresolved(parsed) {
		if kind, ok := s.context[name]; ok {
			body += "\nvar " + name + " " + kind + "\n"
		}
	}
	if parsed, err = parse(body); err != nil {
		return "", err
	}
	var imports strings.Builder
	for _, name := range unresolved(parsed) {
		if path, ok := packagePaths[name]; ok && types.Universe.Lookup(name) == nil {
			fmt.Fprintf(&imports, "import %s %q\n", name, path)
		}
	}
	return "package snippet\n" + imports.String() + body, nil
}

func parse(body string) (*ast.File, error) {
	return parser.ParseFile(token.NewFileSet(), "", "package snippet\n"+body, 0)
}

// unresolved returns the names that file uses and does not declare, each once.
func unresolved(file *ast.File) []string {
	var all []string
	for _, ident := range file.Unresolved {
		all = append(all, ident.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
