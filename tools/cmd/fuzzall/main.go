// Command fuzzall runs every fuzz target of some modules, one after the other,
// which go test -fuzz alone cannot:
//
//	fuzzall [-C directory] [-fuzztime 10s] module ...
//
// It stops at the first target that fails.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	dir := flag.String("C", ".", "directory of the workspace")
	fuzztime := flag.String("fuzztime", "10s", "how long to run each target, as in go test")
	flag.Parse()
	if err := run(*dir, *fuzztime, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzall:", err)
		os.Exit(1)
	}
}

func run(dir, fuzztime string, modules []string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	targets, err := find(modules)
	if err != nil {
		return err
	}
	for _, target := range targets {
		fmt.Println(target)
		cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+target.name+"$", "-fuzztime", fuzztime, target.pkg)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Env = append(os.Environ(), "GOWORK=") // of the workspace again
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	fmt.Printf("%d fuzz targets passed\n", len(targets))
	return nil
}

// target is a fuzz test.
type target struct {
	pkg  string // as a path: ./core/tenancy
	name string
}

func (t target) String() string { return t.pkg + " " + t.name }

var fuzzFunc = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(`)

// find returns the fuzz targets below the directories, in order.
func find(dirs []string) ([]target, error) {
	var targets []target
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(file, "_test.go") {
				return err
			}
			source, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, match := range fuzzFunc.FindAllSubmatch(source, -1) {
				pkg := "./" + filepath.ToSlash(filepath.Dir(file))
				targets = append(targets, target{pkg, string(match[1])})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return targets, nil
}
