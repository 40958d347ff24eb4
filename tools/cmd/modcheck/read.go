package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-tenancy/tenantstore/tools/internal/versions"
)

// repository is what the files say. Directories are relative to its root, with
// slashes.
type repository struct {
	listed    map[string]versions.Listing // versions.txt, by directory
	workspace []string                    // go.work
	modules   map[string]modFile          // go.mod files, by directory
}

// modFile is the part of `go mod edit -json` that matters here.
type modFile struct {
	Module    struct{ Path string }
	Go        string
	Toolchain string
	Require   []struct{ Path, Version string }
	Replace   []struct{ Old, New struct{ Path string } }
}

func readRepository(root string) (repository, error) {
	var r repository
	var err error
	if r.listed, err = versions.Read(root); err != nil {
		return r, err
	}
	var work struct{ Use []struct{ DiskPath string } }
	if err := goJSON(&work, "work", "edit", "-json", filepath.Join(root, "go.work")); err != nil {
		return r, err
	}
	for _, use := range work.Use {
		r.workspace = append(r.workspace, path.Clean(use.DiskPath))
	}
	r.modules = make(map[string]modFile)
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if entry.IsDir() || entry.Name() != "go.mod" {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		var m modFile
		if err := goJSON(&m, "mod", "edit", "-json", file); err != nil {
			return err
		}
		r.modules[filepath.ToSlash(dir)] = m
		return nil
	})
	return r, err
}

// goJSON decodes what the go command prints.
func goJSON(into any, args ...string) error {
	out, err := exec.Command("go", args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}
