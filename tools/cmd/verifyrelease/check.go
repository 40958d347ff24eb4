package main

import (
	"errors"
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

	"golang.org/x/mod/modfile"

	"github.com/go-tenancy/tenantstore/tools/internal/versions"
)

// core is the module that must not require anything.
const core = "core"

// checkSources checks what needs no compiler.
func checkSources(tree string, releases []release) error {
	var wrong []error
	for _, r := range releases {
		requires, err := requirements(filepath.Join(tree, r.dir))
		if err != nil {
			return err
		}
		if r.dir == core && len(requires) > 0 {
			wrong = append(wrong, fmt.Errorf("core/go.mod: core has no dependencies, and requires %s", strings.Join(requires, ", ")))
		}
		foreign, err := foreignInternals(tree, r)
		if err != nil {
			return err
		}
		stale, err := otherVersions(tree, r)
		if err != nil {
			return err
		}
		wrong = append(wrong, slices.Concat(foreign, stale)...)
	}
	return errors.Join(wrong...)
}

// requirements returns the modules that the go.mod in dir requires, with versions.
func requirements(dir string) ([]string, error) {
	mod, err := readMod(dir)
	if err != nil {
		return nil, err
	}
	var requires []string
	for _, r := range mod.Require {
		requires = append(requires, r.Mod.Path+" "+r.Mod.Version)
	}
	slices.Sort(requires)
	return requires, nil
}

func readMod(dir string) (*modfile.File, error) {
	name := filepath.Join(dir, "go.mod")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(name, text, nil)
}

// eachGoFile calls check with the Go files of the module in dir.
func eachGoFile(dir string, check func(file string) error) error {
	return filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, statErr := os.Stat(filepath.Join(file, "go.mod"))
			if entry.Name() == "testdata" || file != dir && statErr == nil { // a module of its own
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		return check(file)
	})
}

// foreignInternals finds imports of what is internal to another module, or to the
// directory above several: the next version of that module may lack it. The compiler
// allows some of them.
func foreignInternals(tree string, r release) (wrong []error, err error) {
	err = eachGoFile(filepath.Join(tree, r.dir), func(file string) error {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			own := imported == r.path() || strings.HasPrefix(imported, r.path()+"/")
			if !own && strings.HasPrefix(imported, versions.Prefix) && slices.Contains(strings.Split(imported, "/"), "internal") {
				wrong = append(wrong, fmt.Errorf("%s: imports %s, which is internal to another module",
					relative(tree, file), strings.TrimPrefix(imported, versions.Prefix)))
			}
		}
		return nil
	})
	return wrong, err
}

var versionConstant = regexp.MustCompile(`(?m)^(?:const\s+|\t)Version\s*=\s*"([^"]*)"`)

// otherVersions finds constants named Version that state another version of the module
// than the one that is to be released.
func otherVersions(tree string, r release) (wrong []error, err error) {
	err = eachGoFile(filepath.Join(tree, r.dir), func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			return err
		}
		for _, found := range versionConstant.FindAllSubmatch(text, -1) {
			if says := string(found[1]); "v"+says != r.version {
				wrong = append(wrong, fmt.Errorf("%s: Version is %s, but versions.txt says %s", relative(tree, file), says, r.version))
			}
		}
		return nil
	})
	return wrong, err
}

// relative returns the path of file in tree, for people.
func relative(tree, file string) string {
	return filepath.ToSlash(strings.TrimPrefix(file, tree+string(filepath.Separator)))
}

// checkAlone checks that r, without its replace lines, names all that it needs, and
// compiles with it. It changes the go.mod and go.sum files of r in tree.
func checkAlone(g goCommand, tree string, r release) error {
	dir := filepath.Join(tree, r.dir)
	mod, err := readMod(dir)
	if err != nil {
		return err
	}
	for _, replace := range slices.Clone(mod.Replace) {
		if err := mod.DropReplace(replace.Old.Path, replace.Old.Version); err != nil {
			return err
		}
	}
	mod.Cleanup()
	text, err := mod.Format()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), text, 0o600); err != nil {
		return err
	}
	before, err := requirements(dir)
	if err != nil {
		return err
	}
	// Adds the sums of siblings to go.sum, which is due; and what else was forgotten.
	if _, err := g.run(dir, "mod", "tidy"); err != nil {
		return fmt.Errorf("%s by itself: %w", r.dir, err)
	}
	after, err := requirements(dir)
	if err != nil {
		return err
	}
	if lacks := without(after, before); len(lacks) > 0 {
		return fmt.Errorf("%s: forgets to require %s", path.Join(r.dir, "go.mod"), strings.Join(lacks, ", "))
	}
	if more := without(before, after); len(more) > 0 {
		return fmt.Errorf("%s: requires %s without need", path.Join(r.dir, "go.mod"), strings.Join(more, ", "))
	}
	if _, err := g.run(dir, "vet", "./..."); err != nil {
		return fmt.Errorf("%s by itself: %w", r.dir, err)
	}
	return nil
}

// without returns the elements of all that are not in some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}
