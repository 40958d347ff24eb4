//go:build unix

package servers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Backup is a copy of a server's data directory.
type Backup struct{ path string }

// Backup copies the data directory of a stopped server. The copy goes with p.
func (p *Postgres) Backup() (Backup, error) {
	if p.server != nil {
		return Backup{}, errors.New("stop PostgreSQL before its files are copied")
	}
	taken, err := filepath.Glob(filepath.Join(p.dir.path, "backup-*"))
	if err != nil {
		return Backup{}, err
	}
	b := Backup{filepath.Join(p.dir.path, "backup-"+strconv.Itoa(len(taken)))}
	return b, p.copyTree(b.path, p.dataPath())
}

// Restore puts b in the place of the data directory of a stopped server.
func (p *Postgres) Restore(b Backup) error {
	if p.server != nil {
		return errors.New("stop PostgreSQL before its files are replaced")
	}
	if err := os.RemoveAll(p.dataPath()); err != nil {
		return err
	}
	return p.copyTree(p.dataPath(), b.path)
}

func (p *Postgres) copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if entry.IsDir() {
			err = os.Mkdir(target, 0o700)
		} else {
			err = copyFile(target, path)
		}
		if err != nil {
			return err
		}
		return own(target, p.user)
	})
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
