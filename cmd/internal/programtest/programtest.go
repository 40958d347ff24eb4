// Package programtest builds a program for its tests, which run it as people do.
package programtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Patience is for what no busy machine needs.
const Patience = 5 * time.Minute

// Main builds the program in the working directory as it is released, without cgo, puts its
// path into program, runs the tests and exits.
func Main(m *testing.M, program *string) {
	dir, err := os.MkdirTemp("", "tenantstore-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wd, err := os.Getwd() // is called as the program is
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*program = filepath.Join(dir, filepath.Base(wd))
	build := exec.CommandContext(context.Background(), "go", "build", "-o", *program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	code := 1
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// Eventually waits for a condition.
func Eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(Patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}

// Server returns an environment variable that says where a server of the tests is. Without
// it, the test is skipped, or fails where servers are required.
func Server(tb testing.TB, variable string) string {
	tb.Helper()
	address := os.Getenv(variable)
	if address == "" {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			tb.Fatalf("%s is not set; run the tests by `make test`", variable)
		}
		tb.Skipf("needs a server: run the tests by `make test`, or set %s", variable)
	}
	return address
}
