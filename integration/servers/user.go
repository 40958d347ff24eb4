//go:build unix

package servers

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// serverUser returns the user as whom servers run: nil for our own, unless we
// are root.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var unknown user.UnknownUserError
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if errors.As(err, &unknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("servers refuse to run as root, and there is no user postgres or nobody to run them")
}

// passable fails if the server's user cannot get through to dir.
func passable(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("servers do not run as root, and other users may not enter %s:"+
				" set TMPDIR to a directory that everybody may enter, such as /tmp", dir)
		}
	}
	return nil
}

// own gives path to the server's user.
func own(path string, u *syscall.Credential) error {
	if u == nil {
		return nil
	}
	return os.Lchown(path, int(u.Uid), int(u.Gid))
}
