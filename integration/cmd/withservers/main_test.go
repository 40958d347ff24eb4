//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

const runMain = "WITHSERVERS_TEST_RUN_MAIN"

// TestMain makes the test binary the program itself, for the tests that run it.
func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program returns the program with arguments, in an environment that names no
// server.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	servers.NewDatabase(t) // skips where no server is wanted
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), runMain+"=1", servers.PostgresEnv+"=")
	cmd.Stderr = os.Stderr
	return cmd
}

func answers(dsn string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	return err == nil && conn.Close(ctx) == nil
}

// stopped waits for the end of the server, which may come a moment after that
// of the program.
func stopped(t *testing.T, dsn string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); answers(dsn); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server still answers")
		}
	}
}

func TestTheCommandGetsAServerAndItsStatusIsKept(t *testing.T) {
	cmd := program(t, "sh", "-c", `echo "$`+servers.PostgresEnv+`"; exit 3`)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("ended with %v, want the command's status 3", err)
	}
	dsn := strings.TrimSpace(string(out))
	if !strings.HasPrefix(dsn, "postgres://") || dsn == os.Getenv(servers.PostgresEnv) {
		t.Errorf("the command saw no server of its own")
	}
	stopped(t, dsn)
}

func TestANamedServerIsUsed(t *testing.T) {
	cmd := program(t, "sh", "-c", `echo "$`+servers.PostgresEnv+`"`)
	named := servers.NewDatabase(t)
	cmd.Env = append(cmd.Env, servers.PostgresEnv+"="+named)
	out, err := cmd.Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != named {
		t.Errorf("the command saw %q, %v", got, err)
	}
}

// A store behind a cache that does not answer passes many a test all the same.
func TestANamedServerMustAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for _, c := range []struct{ env, where string }{
		{servers.PostgresEnv, "postgres://postgres:hunter2@127.0.0.1:1/postgres"},
		{servers.PostgresEnv, "postgres://postgres:hunter2@127.0.0.1:99999/postgres"},
		{servers.MySQLEnv, "mysql://root:hunter2@127.0.0.1:1/"},
		{servers.MySQLEnv, "root:hunter2@tcp(127.0.0.1:1)/"},
		{servers.ValkeyEnv, "127.0.0.1:1"},
		{servers.RedisEnv, "no address"},
		{servers.RedisEnv, silent.Addr().String()},
	} {
		cmd := program(t, "echo", "the command ran")
		cmd.Env = append(cmd.Env, c.env+"="+c.where)
		cmd.Stderr = nil
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || len(out) != 0 {
			t.Errorf("%s=%s: ended with %v, output %q; want status 1 and no command", c.env, c.where, err, out)
			continue
		}
		if text := string(exit.Stderr); !strings.Contains(text, c.env) || strings.Contains(text, "hunter2") {
			t.Errorf("%s=%s: %s; want an error that names the variable, without a password", c.env, c.where, text)
		}
	}
}

func TestAnUnknownCommand(t *testing.T) {
	cmd := program(t, "no-such-command-of-any-system")
	cmd.Stderr = nil
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 127 {
		t.Errorf("ended with %v, want status 127", err)
	}
}

func TestServersStopWithTheProgram(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		args   []string
		status int
	}{
		{"interrupted without a command", syscall.SIGINT, nil, 130},
		{"terminated with a command", syscall.SIGTERM, []string{"sh", "-c", `echo "$` + servers.PostgresEnv + `"; sleep 600`}, 143},
		{"killed", syscall.SIGKILL, nil, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.signal == syscall.SIGKILL && runtime.GOOS != "linux" {
				t.Skip("only Linux ends the children of a killed process")
			}
			cmd := program(t, c.args...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, readErr := bufio.NewReader(out).ReadString('\n')
			_, dsn, _ := strings.Cut("="+strings.Trim(line, "'\n"), "postgres://")
			dsn = "postgres://" + dsn
			if !answers(dsn) {
				t.Errorf("no server answers before the signal: %v", readErr)
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != c.status {
				t.Errorf("ended with %v, want status %d", err, c.status)
			}
			stopped(t, dsn)
		})
	}
}
