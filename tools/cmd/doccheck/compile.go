package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// compile returns what is wrong with the Go code on the pages: that it does not compile
// in the workspace in root, or is not in the file that it is said to be from. A name
// that is declared and not used is wrong in a whole program only.
func compile(root string, pages []string) (wrong []string, err error) {
	var snippets []snippet
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		found, err := snippetsOf(page, string(text))
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			if s.sources == nil {
				snippets = append(snippets, s)
			} else if problem := s.compare(root); problem != "" {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s", s.page, s.line, problem))
			}
		}
	}
	if len(snippets) == 0 {
		return wrong, nil
	}
	paths, err := packagePaths(root)
	if err != nil {
		return nil, err
	}
	for i := range snippets { // so that positions do not depend on where a snippet is compiled
		if snippets[i].page, err = filepath.Abs(snippets[i].page); err != nil {
			return nil, err
		}
	}
	problems, err := typecheck(root, snippets, paths)
	return append(wrong, problems...), err
}

// compare says if none of the sources of s, which are relative to root, has its code.
func (s snippet) compare(root string) string {
	for _, source := range s.sources {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(source)))
		if err != nil {
			return err.Error()
		}
		if strings.Contains(string(text), s.code) {
			return ""
		}
	}
	return "is not in " + strings.Join(s.sources, ", nor in ")
}

// typecheck makes each snippet a package of the first module of the workspace, without
// writing it.
func typecheck(root string, snippets []snippet, paths map[string]string) (wrong []string, err error) {
	host, err := workspaceModule(root)
	if err != nil {
		return nil, err
	}
	overlay := make(map[string][]byte)
	whole := make(map[string]bool) // packages that are whole programs
	for i, s := range snippets {
		text, err := s.file(paths)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %v", s.page, s.line, err))
			continue
		}
		dir := filepath.Join(host, "doccheck", strconv.Itoa(i))
		overlay[filepath.Join(dir, "snippet.go")] = []byte(text)
		whole[strconv.Itoa(i)] = s.complete()
	}
	loaded, err := packages.Load(&packages.Config{
		Mode:    packages.NeedName | packages.NeedImports | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedFiles | packages.NeedCompiledGoFiles,
		Dir:     host,
		Env:     append(os.Environ(), "GOWORK="), // of the workspace, whatever it is for this program
		Overlay: overlay,
	}, "./doccheck/...")
	if err != nil {
		return nil, err
	}
	for _, p := range loaded {
		for _, e := range p.TypeErrors {
			if !e.Soft || whole[path.Base(p.PkgPath)] {
				wrong = append(wrong, fmt.Sprintf("%s: %s", e.Fset.Position(e.Pos), e.Msg))
			}
		}
		for _, e := range p.Errors {
			compiler := strings.HasPrefix(e.Msg, "# ") // which says again what is in TypeErrors
			if e.Kind != packages.TypeError && !compiler {
				wrong = append(wrong, e.Error())
			}
		}
	}
	return wrong, nil
}

var used = regexp.MustCompile(`(?m)^\s*(?:use\s+)?(\./\S+)$`)

// workspaceModule returns the absolute directory of the first module in go.work.
func workspaceModule(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		return "", err
	}
	found := used.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("go.work uses no module")
	}
	return filepath.Abs(filepath.Join(root, string(found[1])))
}

// packagePaths returns the import paths of the packages that the Go files below root
// import, by name. Where several have one name, the one that most files import counts.
func packagePaths(root string) (map[string]string, error) {
	uses := make(map[string]map[string]int) // by name and path
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if file != root && skipped(entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if spec.Name != nil {
				continue // somebody's own choice
			}
			name := packageName(imported)
			if uses[name] == nil {
				uses[name] = make(map[string]int)
			}
			uses[name][imported]++
		}
		return nil
	})
	paths := make(map[string]string)
	for name, counts := range uses {
		for _, candidate := range sortedKeys(counts) {
			if counts[candidate] > counts[paths[name]] {
				paths[name] = candidate
			}
		}
	}
	return paths, err
}

func sortedKeys(counts map[string]int) []string {
	var keys []string
	for key := range counts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

var version = regexp.MustCompile(`^v[0-9]+$`)

// packageName guesses the name of a package by its path, as people choose them.
func packageName(imported string) string {
	name := path.Base(imported)
	if version.MatchString(name) {
		name = path.Base(path.Dir(imported))
	}
	return strings.TrimSuffix(strings.TrimPrefix(name, "go-"), "-go")
}
