// Package gitrepo reads a git repository through the git command.
package gitrepo

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Repository is a git repository with a work tree.
type Repository struct {
	Root string // absolute
}

// Open returns the repository that dir is in.
func Open(dir string) (Repository, error) {
	root, err := Repository{Root: dir}.Output("rev-parse", "--show-toplevel")
	return Repository{Root: root}, err
}

// Output runs git in the root and returns what it prints, without space around.
func (r Repository) Output(args ...string) (string, error) {
	out, err := r.output(args...)
	return strings.TrimSpace(string(out)), err
}

func (r Repository) output(args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = r.Root
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}

// Tags returns all tags.
func (r Repository) Tags() ([]string, error) {
	out, err := r.Output("tag", "--list")
	return strings.Fields(out), err
}

// Export writes the files of a revision into the new directory dir; links, which a
// module cannot have, are left out.
func (r Repository) Export(revision, dir string) error {
	archive, err := r.output("archive", "--format=tar", revision)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for files := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue // a directory is made for its files
		}
		text, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		name := filepath.FromSlash(header.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, text, os.FileMode(header.Mode)&0o777); err != nil {
			return err
		}
	}
}
