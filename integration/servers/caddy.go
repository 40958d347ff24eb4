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
	if c.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	err = onFreePorts(func() error {
		if c.port, err = FreePort(ctx); err != nil {
			return err
		}
		return c.start(ctx, ask, upstream)
	})
	if err != nil {
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
	if err := errors.Join(os.MkdirAll(data, 0o700), own(data, user)); err != nil {
		return err
	}
	config := filepath.Join(c.dir.path, "Caddyfile")
	if err := os.WriteFile(config, fmt.Appendf(nil, caddyfile, data, c.port, ask, upstream), 0o644); err != nil {
		return err
	}
	cmd := command(context.WithoutCancel(ctx), user, data, "caddy", "run", "--config", config, "--adapter", "caddyfile")
	cmd.Env = append(cmd.Env, "HOME="+data, "XDG_DATA_HOME="+data, "XDG_CONFIG_HOME="+data)
	c.server, err = serve(ctx, cmd, filepath.Join(c.dir.path, "log"), syscall.SIGKILL, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Addr())
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return err
}

// Close stops the server and removes what it stored.
func (c *Caddy) Close() error {
	var err error
	if c.server != nil {
		err = c.server.stop(syscall.SIGTERM, stopPatience)
	}
	return errors.Join(err, c.dir.remove())
}
