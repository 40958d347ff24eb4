//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Install calls installers, such as [InstallPostgres]. Where they cannot install, it
// fails with everything that is missing, so that people need to be told only once.
func Install(ctx context.Context, progress io.Writer, installers ...func(context.Context, io.Writer) error) error {
	var missing []error
	for _, install := range installers {
		err := install(ctx, progress)
		missing = append(missing, err)
		if err != nil && aptGet() != "" {
			break // the others would fail like this one
		}
	}
	return errors.Join(missing...)
}

// InstallPostgres makes sure that the programs of PostgreSQL are there: as root
// on Debian or Ubuntu it installs them, elsewhere it fails with ErrNotInstalled.
// What it does goes to progress.
func InstallPostgres(ctx context.Context, progress io.Writer) error {
	_, missing := postgresPrograms()
	if missing == nil || aptGet() == "" {
		return missing
	}
	return withoutDefaultCluster(func() error {
		return aptInstall(ctx, progress, missing, "PostgreSQL", "postgresql")
	})
}

// InstallCompiler makes sure that there is a C compiler, without which
// go test -race cannot work, in the way of [InstallPostgres].
func InstallCompiler(ctx context.Context, progress io.Writer) error {
	for _, name := range []string{os.Getenv("CC"), "gcc", "clang", "cc"} {
		if _, err := exec.LookPath(name); err == nil {
			return nil
		}
	}
	missing := fmt.Errorf("a C compiler is %w, and go test -race needs one: install it (Debian: apt-get install gcc libc6-dev),"+
		" or test without the race detector: make test RACE=", ErrNotInstalled)
	return aptInstall(ctx, progress, missing, "a C compiler", "gcc", "libc6-dev")
}

// InstallSQLite makes sure that there is the sqlite3 shell, with which tests edit
// the file of a running store, in the way of [InstallPostgres].
func InstallSQLite(ctx context.Context, progress io.Writer) error {
	if _, err := exec.LookPath("sqlite3"); err == nil {
		return nil
	}
	missing := fmt.Errorf("the sqlite3 shell is %w: install it (Debian: apt-get install sqlite3)", ErrNotInstalled)
	return aptInstall(ctx, progress, missing, "the sqlite3 shell", "sqlite3")
}

// InstallCurl makes sure that there is curl, with which tests try the lines that the
// quickstart prints, in the way of [InstallPostgres].
func InstallCurl(ctx context.Context, progress io.Writer) error {
	if _, err := exec.LookPath("curl"); err == nil {
		return nil
	}
	missing := fmt.Errorf("curl is %w: install it (Debian: apt-get install curl)", ErrNotInstalled)
	return aptInstall(ctx, progress, missing, "curl", "curl")
}

// aptGet returns the path of apt-get, or "" where it cannot be used.
func aptGet() string {
	path, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return ""
	}
	return path
}

// aptInstall installs Debian packages, or returns missing where it cannot: on
// other systems, or without being root.
func aptInstall(ctx context.Context, progress io.Writer, missing error, what string, packages ...string) error {
	apt := aptGet()
	if apt == "" {
		return missing
	}
	fmt.Fprintf(progress, "installing %s with apt-get (once; needs the network) …\n", what)
	install := append([]string{"install", "--yes", "--no-install-recommends"}, packages...)
	for _, args := range [][]string{{"update"}, install} {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-qq", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		// Interrupted, it finishes what it has begun with a package; killed, it does not.
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w; apt-get %s failed: %w\n%s", missing, args[0], err, out)
		}
	}
	fmt.Fprintf(progress, "installed %s\n", what)
	return nil
}

// withoutDefaultCluster keeps Debian's package from creating a database of its
// own, and from starting a server on it, while install runs.
func withoutDefaultCluster(install func() error) error {
	const dir = "/etc/postgresql-common/createcluster.d"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	conf := filepath.Join(dir, "tenantstore-no-cluster.conf")
	if err := os.WriteFile(conf, []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return err
	}
	return errors.Join(install(), os.Remove(conf))
}
