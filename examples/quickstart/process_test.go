package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// build builds the program that users run.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "quickstart")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// process is the program, running.
type process struct {
	*client // once it serves
	cmd     *exec.Cmd
	log     *logBuffer
	lines   chan string // of stderr, closed at its end
	hints   hintsSeen
}

func launch(t *testing.T, dir, binary string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // then it is killed
	t.Cleanup(cancel)
	p := &process{cmd: exec.CommandContext(ctx, binary, args...), log: &logBuffer{}, lines: make(chan string, 10_000), hints: make(hintsSeen, 1)}
	p.cmd.Dir = dir
	p.cmd.Stdout = p.hints
	stderr, writer := io.Pipe()
	p.cmd.Stderr = io.MultiWriter(p.log, writer)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = writer.Close() })
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	return p
}

// serves waits until the process serves.
func (p *process) serves(t *testing.T) *process {
	t.Helper()
	select {
	case url := <-p.hints:
		p.client = newClient(t, url)
	case <-time.After(patience):
		t.Fatalf("the process does not serve:\n%s", p.log)
	}
	return p
}

// logs waits for a line of the log.
func (p *process) logs(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line := <-p.lines:
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			t.Fatalf("%q is not in the log:\n%s", text, p.log)
		}
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// interrupt sends SIGTERM while the sample is imported, and waits for the end.
func (p *process) interrupt(t *testing.T) {
	t.Helper()
	p.logs(t, "msg=importing")
	p.signal(t, syscall.SIGTERM)
	p.wait(t, 0)
}

func (p *process) wait(t *testing.T, code int) {
	t.Helper()
	_ = p.cmd.Wait() // the code tells
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit code %d, want %d:\n%s", got, code, p.log)
	}
}

// A SIGTERM for make, as of a script or a supervisor, ends the service too, and not only make.
func TestMakeRun(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			t.Fatal("make is not installed")
		}
		t.Skip("needs make")
	}
	p := launch(t, filepath.Join("..", ".."), "make", "run", "ARGS=-addr 127.0.0.1:0 -db "+filepath.Join(t.TempDir(), "tenants.db"))
	p.logs(t, "msg=importing")
	p.signal(t, syscall.SIGTERM)
	p.logs(t, "store closed")
}

// The first start, interrupted; the second one, which serves; and a third.
func TestProcess(t *testing.T) {
	binary := build(t)
	eachDatabase(t, func(t *testing.T, cfg config) {
		t.Setenv(dsnVariable, cfg.dsn)
		dir := t.TempDir() // where tenants.db appears
		args := []string{"-addr", "127.0.0.1:0"}

		p := launch(t, dir, binary, args...)
		for p.interrupt(t); !strings.Contains(p.log.String(), "the next start goes on with it"); p.interrupt(t) {
			// The import was faster than the signal, perhaps.
			if !strings.Contains(p.log.String(), "import complete") {
				t.Fatalf("log:\n%s", p.log)
			}
			if dir = t.TempDir(); cfg.dsn != "" {
				t.Setenv(dsnVariable, another(t, cfg).dsn)
			}
			p = launch(t, dir, binary, args...)
		}

		p = launch(t, dir, binary, args...).serves(t)
		if !strings.Contains(p.log.String(), "going on with an import") {
			t.Errorf("log:\n%s", p.log)
		}
		checkRefused(t, p.log)
		checkSample(t, func(yield func(tenancy.Tenant, error) bool) {
			for _, tenant := range p.all(t) {
				if !yield(tenant, nil) {
					return
				}
			}
		})
		got := p.call(t, "GET", "/whoami", "", "Host: mit-edu.localhost:8080")
		if want := `"name":"Massachusetts Institute of Technology"`; got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("got %d %s", got.status, got.body)
		}
		createAcme(t, p.client)
		p.signal(t, os.Interrupt)
		p.wait(t, 0)

		p = launch(t, dir, binary, args...).serves(t)
		if strings.Contains(p.log.String(), "msg=importing") {
			t.Errorf("the sample was imported again:\n%s", p.log)
		}
		if got := p.call(t, "GET", "/whoami", "", "Host: acme.localhost:8080"); got.status != http.StatusOK {
			t.Errorf("got %d %s", got.status, got.body)
		}
		p.signal(t, syscall.SIGTERM)
		p.wait(t, 0)
	})
}

func TestProcessEnds(t *testing.T) {
	binary, dir := build(t), t.TempDir()
	t.Setenv(dsnVariable, "")

	t.Run("port in use", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		p := launch(t, dir, binary, "-addr", taken.Addr().String())
		p.wait(t, 1)
		if !strings.Contains(p.log.String(), "is in use by another program") {
			t.Errorf("log:\n%s", p.log)
		}
	})

	t.Run("second signal", func(t *testing.T) {
		p := launch(t, dir, binary, "-addr", "127.0.0.1:0", "-sample=false").serves(t)
		// A request that does not end: its body never comes.
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		request := "POST /admin/tenants HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
			"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("got %q, %v", line, err)
		}
		p.signal(t, syscall.SIGTERM)
		p.logs(t, "shutting down")
		p.signal(t, syscall.SIGTERM)
		p.wait(t, -1) // by the signal, and not because the request was given up
	})

	t.Run("unreachable database", func(t *testing.T) {
		t.Setenv(dsnVariable, "postgres://user:canary@127.0.0.1:1/tenants?connect_timeout=2")
		p := launch(t, dir, binary, "-addr", "127.0.0.1:0")
		p.wait(t, 1)
		if strings.Contains(p.log.String(), "canary") || !strings.Contains(p.log.String(), "unavailable") {
			t.Errorf("log:\n%s", p.log)
		}
	})

	t.Run("usage", func(t *testing.T) {
		p := launch(t, dir, binary, "-nonsense")
		p.wait(t, 2)
		if !strings.Contains(p.log.String(), "-addr") {
			t.Errorf("log:\n%s", p.log)
		}
	})
}
