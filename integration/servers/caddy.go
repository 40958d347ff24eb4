//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Caddy is a web server that obtains certificates on demand, from an authority of its own,
// for names that a service permits.
type Caddy struct {
	dir    *tempDir
	port   int // of HTTPS
	server *process
}

// NewCaddy starts a server for tb that passes what it serves on to the host:port upstream, and
// asks the URL ask before it obtains a certificate; it is closed when tb ends. tb is skipped,
// or fails, as in [NewDatabase].
func NewCaddy(tb testing.TB, ask, upstream string) *Caddy {
	tb.Helper()
	if _, err := exec.LookPath("caddy"); err != nil {
		err = fmt.Errorf("caddy is %w: %s caddy, or run the tests that need none with: make test-embedded", ErrNotInstalled, installIt)
		if Required() {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
	c, err := startCaddy(tb.Context(), ask, upstream)
	return started(tb, c, err)
}

func startCaddy(ctx context.Context, ask, upstream string) (*Caddy, error) {
	c := &Caddy{}
	var err error
	if c.port, err = FreePort(ctx); err != nil {
		return nil, err
	}
	if c.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	if err := c.start(ctx, ask, upstream); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// caddyfile has the data directory, the ports, the URL that is asked, and the upstream.
const caddyfile = `{
	admin off
	auto_https disable_redirects
	skip_install_trust
	storage file_system %s
	https_port %d
	on_demand_tls {
		ask %s
	}
}

https:// {
	bind 127.0.0.1
	tls internal {
		on_demand
	}
	reverse_proxy %s
}
`

// Addr returns the host:port of HTTPS.
func (c *Caddy) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// Root returns the certificate of its authority, in PEM. It is there once a certificate was
// obtained.
func (c *Caddy) Root() ([]byte, error) {
	return os.ReadFile(filepath.Join(c.dir.path, "data", "pki", "authorities", "local", "root.crt"))
}

func (c *Caddy) start(ctx context.Context, ask, upstream string) error {
	user, err := serverUser()
	if err != nil {
		return err
	}
	data := filepath.Join(c.dir.path, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), own(data, user)); err != nil {
		return err
	}
	config := filepath.Join(c.dir.path, "Caddyfile")
	if err := os.WriteFile(config, fmt.Appendf(nil, caddyfile, data, c.port, ask, upstream), 0o644); err != nil {
		return err
	}
	logPath := filepath.Join(c.dir.path, "log")
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("caddy", "run", "--config", config, "--adapter", "caddyfile") //nolint:noctx // it outlives ctx; c stops it
	cmd.Dir = data
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + data, "XDG_DATA_HOME=" + data, "XDG_CONFIG_HOME=" + data, "LC_ALL=C"}
	if user != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	}
	if c.server, err = start(cmd, log, syscall.SIGKILL); err != nil {
		return fmt.Errorf("starting caddy: %w", err)
	}
	if err := c.waitReady(ctx); err != nil {
		text, readErr := os.ReadFile(logPath)
		return errors.Join(fmt.Errorf("caddy did not start: %w\n%s", err, text), readErr)
	}
	return nil
}

func (c *Caddy) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Addr()); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.server.ended:
			return errors.New("it ended: " + c.server.how)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Close stops the server and removes what it stored.
func (c *Caddy) Close() error {
	var err error
	if c.server != nil {
		err = c.server.stop(syscall.SIGTERM, stopPatience)
	}
	return errors.Join(err, c.dir.remove())
}
