//go:build unix

package servers

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNotInstalled is wrapped by the error of a server whose programs are not
// there. Its text says what to do.
var ErrNotInstalled = errors.New("not installed")

// installIt is followed by the name of a package.
const installIt = "run integration/servers/install.sh"

// debianPostgres holds one directory for each major version.
const debianPostgres = "/usr/lib/postgresql/*/bin"

// postgresPrograms returns the directory of the programs postgres and initdb:
// those in PATH, else the newest that Debian keeps.
func postgresPrograms() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		initdb, err = filepath.EvalSymlinks(initdb)
		if err != nil {
			return "", err
		}
		if dir := filepath.Dir(initdb); hasPostgres(dir) {
			return dir, nil
		}
	}
	dirs, err := filepath.Glob(debianPostgres)
	if err != nil {
		return "", err
	}
	slices.SortFunc(dirs, func(a, b string) int { return debianVersion(b) - debianVersion(a) })
	for _, dir := range dirs {
		if hasPostgres(dir) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("PostgreSQL is %w: %s postgresql, or name a server in %s,"+
		" or run the tests that need none with: make test-embedded", ErrNotInstalled, installIt, PostgresEnv)
}

func hasPostgres(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err != nil {
			return false
		}
	}
	return true
}

// debianVersion returns the 15 of /usr/lib/postgresql/15/bin, 0 for anything
// else.
func debianVersion(dir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0
	}
	return n
}

// majorVersion returns the 15 of "postgres (PostgreSQL) 15.18 (Debian …)".
func majorVersion(versionLine string) (int, error) {
	_, rest, ok := strings.Cut(versionLine, "(PostgreSQL) ")
	digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if !ok || digits <= 0 {
		return 0, fmt.Errorf("cannot find a version in %q", versionLine)
	}
	return strconv.Atoi(rest[:digits])
}
