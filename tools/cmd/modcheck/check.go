package main

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/tools/internal/versions"
)

const goVersion = "1.25.0"

// outside are the modules that are not in go.work, on purpose.
var outside = []string{"tools"}

// check returns everything that is wrong.
func (r repository) check() []error {
	var wrong []error
	report := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }

	found := slices.Sorted(maps.Keys(r.modules))
	for _, dir := range found {
		if _, ok := r.listed[dir]; !ok {
			report("versions.txt: lacks %s, which has a go.mod", dir)
		}
		if slices.Contains(r.workspace, dir) == slices.Contains(outside, dir) {
			report("go.work: must name every module but %s: %s", strings.Join(outside, ", "), dir)
		}
	}
	for _, dir := range slices.Concat(slices.Sorted(maps.Keys(r.listed)), r.workspace) {
		if _, ok := r.modules[dir]; !ok {
			report("versions.txt or go.work: names %s, which has no go.mod", dir)
		}
	}
	for _, dir := range found {
		for _, problem := range r.checkModule(dir) {
			report("%s/go.mod: %s", dir, problem)
		}
	}
	return wrong
}

func (r repository) checkModule(dir string) []string {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	m := r.modules[dir]
	if want := versions.Prefix + dir; m.Module.Path != want {
		report("module is %s, want %s", m.Module.Path, want)
	}
	if m.Go != goVersion {
		report("go is %s, want %s", m.Go, goVersion)
	}
	if m.Toolchain != "" {
		report("has a toolchain line")
	}
	replaced := make(map[string]string)
	for _, replace := range m.Replace {
		replaced[replace.Old.Path] = replace.New.Path
		if !strings.HasPrefix(replace.Old.Path, versions.Prefix) {
			report("replaces %s, which is not a sibling", replace.Old.Path)
		}
	}
	for _, require := range m.Require {
		sibling, ok := strings.CutPrefix(require.Path, versions.Prefix)
		if !ok {
			continue
		}
		listed := r.listed[sibling]
		if require.Version != listed.Version {
			report("requires %s %s, but versions.txt says %q", sibling, require.Version, listed.Version)
		}
		if r.listed[dir].Released && !listed.Released {
			report("is released and requires %s, which is not", sibling)
		}
		relative, err := filepath.Rel(dir, sibling)
		if err != nil {
			report("%v", err)
			continue
		}
		if replaced[require.Path] != path.Clean(filepath.ToSlash(relative)) {
			report("must replace %s by %s", require.Path, filepath.ToSlash(relative))
		}
	}
	return problems
}
