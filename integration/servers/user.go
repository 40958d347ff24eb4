//go:build unix

package servers

import (
	"errors"
	"fmt"
	"os"
	"os/user"
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

// own gives path to the server's user.
func own(path string, u *syscall.Credential) error {
	if u == nil {
		return nil
	}
	return os.Lchown(path, int(u.Uid), int(u.Gid))
}
