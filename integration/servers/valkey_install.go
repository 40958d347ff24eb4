//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// InstallValkey makes sure that the program of the server that options ask for is
// there, in the way of [InstallPostgres]. Debian 12 has Valkey in its backports
// only, which InstallValkey adds to the sources of apt.
func InstallValkey(ctx context.Context, progress io.Writer, options ValkeyOptions) error {
	_, missing := options.program()
	if missing == nil || aptGet() == "" {
		return missing
	}
	return withoutServices(func() error {
		if options.Redis {
			return aptInstall(ctx, progress, missing, "Redis", "redis-server")
		}
		err := aptInstall(ctx, progress, missing, "Valkey", "valkey-server")
		if err == nil {
			return nil
		}
		if addErr := addBackports(); addErr != nil {
			return errors.Join(err, addErr)
		}
		return aptInstall(ctx, progress, missing, "Valkey from backports", "valkey-server")
	})
}

// withoutServices keeps Debian's packages from starting servers of their own
// while install runs.
func withoutServices(install func() error) error {
	const policy = "/usr/sbin/policy-rc.d"
	file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return install() // containers have such a policy
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(file, "#!/bin/sh\nexit 101\n")
	if err = errors.Join(err, file.Close()); err == nil {
		err = install()
	}
	return errors.Join(err, os.Remove(policy))
}
