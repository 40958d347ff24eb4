//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

func prometheusPrograms() error {
	for _, name := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%s is %w: %s prometheus, or run the tests that need none with: make test-embedded", name, ErrNotInstalled, installIt)
		}
	}
	return nil
}

// NeedPrometheus returns if prometheus and promtool are there. Else tb is skipped, or
// fails, as in [NewDatabase].
func NeedPrometheus(tb testing.TB) {
	tb.Helper()
	if err := prometheusPrograms(); err != nil {
		if Required() {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
}

// Prometheus is a Prometheus server.
type Prometheus struct {
	dir    *tempDir
	port   int
	server *process
}

// NewPrometheus starts a server for tb with these files, by name, of which
// prometheus.yml is the configuration, and the command-line arguments besides; it is
// closed when tb ends. tb is skipped, or fails, as in [NewDatabase].
func NewPrometheus(tb testing.TB, files map[string]string, args ...string) *Prometheus {
	tb.Helper()
	NeedPrometheus(tb)
	p, err := StartPrometheus(tb.Context(), files, args...)
	return started(tb, p, err)
}

// StartPrometheus starts a server as [NewPrometheus] does, and returns when it is
// ready. The caller closes it.
func StartPrometheus(ctx context.Context, files map[string]string, args ...string) (*Prometheus, error) {
	if err := prometheusPrograms(); err != nil {
		return nil, err
	}
	p := &Prometheus{}
	var err error
	if p.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	err = onFreePorts(func() error {
		if p.port, err = FreePort(ctx); err != nil {
			return err
		}
		return p.start(ctx, files, args)
	})
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Addr returns the server's host:port.
func (p *Prometheus) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

func (p *Prometheus) start(ctx context.Context, files map[string]string, args []string) error {
	user, err := serverUser()
	if err != nil {
		return err
	}
	data := filepath.Join(p.dir.path, "data")
	if err := errors.Join(os.MkdirAll(data, 0o700), own(data, user)); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.dir.path, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	args = append([]string{
		"--config.file=" + filepath.Join(p.dir.path, "prometheus.yml"), "--storage.tsdb.path=" + data, "--web.listen-address=" + p.Addr(), "--log.level=warn",
	}, args...)
	cmd := command(context.WithoutCancel(ctx), user, data, "prometheus", args...)
	p.server, err = serve(ctx, cmd, filepath.Join(p.dir.path, "log"), syscall.SIGKILL, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Addr()+"/-/ready", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			err = errors.New(answer.Status)
		}
		return errors.Join(err, answer.Body.Close())
	})
	return err
}

// Close stops the server and removes what it stored.
func (p *Prometheus) Close() error {
	var err error
	if p.server != nil {
		err = p.server.stop(syscall.SIGTERM, stopPatience)
	}
	return errors.Join(err, p.dir.remove())
}
