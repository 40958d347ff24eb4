package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/tools/internal/versions"
)

// strangerModule is the path of every stranger's module.
const strangerModule = "example.com/stranger"

// stranger is a program of somebody who has never seen this repository.
type stranger struct {
	name     string // of its directory
	says     string
	requires []string // directories of the modules that its go.mod names
	// modules are the modules that its packages come from, those of its tests
	// included; nil for any. Modules of this repository are named by their directory.
	modules []string
	// listed are all modules that its build list names, whether it uses them or not
	// (go list -m all); nil for any.
	listed  []string
	without []string // modules, by prefix, that none of its packages may come from
	// copies is a directory of the repository that becomes a package of the
	// stranger's, of the same name.
	copies string
	// server is the environment variable without which the program is not run.
	server string
	// tests is a regular expression of the tests to run instead of the program.
	tests string
}

// try builds and runs s in the new directory dir, and says what came of it.
func (s stranger) try(g goCommand, code fs.FS, tree, dir string, releases []release) (report string, err error) {
	if err := s.write(code, tree, dir, releases); err != nil {
		return "", err
	}
	if _, err := g.run(dir, "mod", "tidy"); err != nil {
		return "", err
	}
	modules, err := s.checkModules(g, dir)
	if err != nil {
		return "", err
	}
	if s.tests != "" {
		_, err := g.run(dir, "test", "-timeout", "5m", "-run", s.tests, "./...")
		return fmt.Sprintf("%s; its tests pass; modules: %d", s.says, modules), err
	}
	program := filepath.Join(dir, "program.exe")
	if _, err := g.run(dir, "build", "-o", program, "."); err != nil {
		return "", err
	}
	info, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	report = fmt.Sprintf("%s; modules: %d, binary: %.1f MB", s.says, modules, float64(info.Size())/1e6)
	if s.server != "" && os.Getenv(s.server) == "" {
		return report + ", not run: " + s.server + " is not set", nil
	}
	_, err = g.exec(dir, program)
	return report, err
}

// write makes the module of s.
func (s stranger) write(code fs.FS, tree, dir string, releases []release) error {
	own, err := fs.Sub(code, s.name)
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, own); err != nil {
		return err
	}
	if s.copies != "" {
		if err := copyPackage(filepath.Join(tree, s.copies), filepath.Join(dir, path.Base(s.copies)), s.copies); err != nil {
			return err
		}
	}
	mod := "module " + strangerModule + "\n\ngo 1.25.0\n"
	for _, required := range s.requires {
		i := slices.IndexFunc(releases, func(r release) bool { return r.dir == required })
		if i < 0 {
			return fmt.Errorf("versions.txt releases no %s", required)
		}
		mod += "\nrequire " + releases[i].path() + " " + releases[i].version + "\n"
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600)
}

// copyPackage copies the Go files of a package of this repository, in the directory
// from of it, and makes it the stranger's.
func copyPackage(source, dir, from string) error {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no Go files", from)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		mine := strings.ReplaceAll(string(text), `"`+versions.Prefix+from+`"`, `"`+strangerModule+"/"+path.Base(from)+`"`)
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(mine), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// checkModules returns how many modules the packages of the stranger in dir come
// from, if they are as s says.
func (s stranger) checkModules(g goCommand, dir string) (int, error) {
	listed, err := moduleList(g, dir, "-m", "-f", "{{.Path}}", "all")
	if err != nil {
		return 0, err
	}
	if s.listed != nil && !slices.Equal(listed, s.listed) {
		return 0, fmt.Errorf("its module list is %q, want %q", listed, s.listed)
	}
	used, err := moduleList(g, dir, "-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}}", "./...")
	if err != nil {
		return 0, err
	}
	if s.modules != nil && !slices.Equal(used, s.modules) {
		return 0, fmt.Errorf("pulls in the modules %q, want %q", used, s.modules)
	}
	for _, m := range used {
		for _, unwanted := range s.without {
			if strings.HasPrefix(m, unwanted) {
				return 0, fmt.Errorf("pulls in %s, and must not", m)
			}
		}
	}
	return len(used), nil
}

// moduleList runs go list and returns the modules that it prints, without the
// stranger's own.
func moduleList(g goCommand, dir string, args ...string) ([]string, error) {
	out, err := g.run(dir, append([]string{"list"}, args...)...)
	if err != nil {
		return nil, err
	}
	var modules []string
	for _, m := range strings.Fields(out) {
		if m != strangerModule {
			modules = append(modules, strings.TrimPrefix(m, versions.Prefix))
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules), nil
}
