//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package snapshot

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock returns ErrBusy if the lock of this file is taken. It ends with the process, if
// that does not unlock.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	unlock = func() { _ = file.Close() }
	switch err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		unlock()
		return nil, fmt.Errorf("%s: %w", path, ErrBusy)
	case err != nil:
		unlock()
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return unlock, nil
}

// syncDir makes a rename in the directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
