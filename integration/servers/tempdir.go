//go:build unix

package servers

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

const (
	dirPattern = "tenantstore-servers-*"
	lockName   = "lock"
)

// tempDir is a directory that belongs to this program as long as it lives: it
// holds a lock on a file in it, which the system lets go when the program ends.
type tempDir struct {
	path string
	lock *os.File
}

// newTempDir makes a new directory, and removes those whose owner is gone.
func newTempDir() (*tempDir, error) {
	if err := sweep(); err != nil {
		return nil, err
	}
	parent, err := filepath.Abs(os.TempDir()) // servers work in other directories than we do
	if err != nil {
		return nil, err
	}
	if err := passable(parent); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(parent, dirPattern)
	if err != nil {
		return nil, err
	}
	d := &tempDir{path: path}
	if err := d.own(); err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

func (d *tempDir) own() error {
	// The server's user must be able to pass through, and nobody to list.
	if err := os.Chmod(d.path, 0o711); err != nil {
		return err
	}
	// The name comes after the lock, so that no sweep finds it unlocked.
	unnamed := filepath.Join(d.path, "new-"+lockName)
	lock, err := os.OpenFile(unnamed, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	d.lock = lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return err
	}
	return os.Rename(unnamed, filepath.Join(d.path, lockName))
}

// remove removes the directory with all that is in it.
func (d *tempDir) remove() error {
	err := os.RemoveAll(d.path)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// sweep removes the directories whose owner is gone. It leaves alone what it
// may not open: that belongs to another user.
func sweep() error {
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), dirPattern, lockName))
	if err != nil {
		return err
	}
	for _, path := range locks {
		lock, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		abandoned := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
		if abandoned {
			err = os.RemoveAll(filepath.Dir(path))
		}
		if err := errors.Join(err, lock.Close()); err != nil {
			return err
		}
	}
	return nil
}
