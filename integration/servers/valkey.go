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
	"strings"
	"syscall"
)

// The environment variables with the host:port of a server that tests share.
const (
	ValkeyEnv = "TENANTSTORE_VALKEY"
	RedisEnv  = "TENANTSTORE_REDIS"
)

// ValkeyOptions say how a server is set up.
type ValkeyOptions struct {
	// Redis runs redis-server in the place of valkey-server.
	Redis bool
	// Settings are further settings, as in valkey.conf, by name. Without any, the
	// server keeps nothing on disk.
	Settings map[string]string
}

func (o ValkeyOptions) env() string {
	if o.Redis {
		return RedisEnv
	}
	return ValkeyEnv
}

func (o ValkeyOptions) program() (string, error) {
	name, what := "valkey-server", "Valkey"
	if o.Redis {
		name, what = "redis-server", "Redis"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is %w: %s %s, or name a server in %s,"+
			" or run the tests that need none with: make test-embedded", what, ErrNotInstalled, installIt, name, o.env())
	}
	return path, nil
}

// Valkey is a Valkey or Redis server. Its methods must not be called at the same
// time, except Addr.
type Valkey struct {
	options  ValkeyOptions
	program  string
	sentinel []string // the lines of a sentinel's configuration; nil for none
	dir      *tempDir
	user     *syscall.Credential
	port     int
	server   *process // nil while stopped
	stopped  bool     // by Pause
}

// StartValkey starts a server; see the package documentation. The caller closes
// it.
func StartValkey(ctx context.Context, options ValkeyOptions) (v *Valkey, err error) {
	err = onFreePorts(func() (err error) {
		if v, err = newValkey(ctx, options); err != nil {
			return err
		}
		if err = v.Start(ctx); err != nil {
			err = errors.Join(err, v.Close())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

func newValkey(ctx context.Context, options ValkeyOptions) (*Valkey, error) {
	program, err := options.program()
	if err != nil {
		return nil, err
	}
	v := &Valkey{options: options, program: program}
	if v.user, err = serverUser(); err != nil {
		return nil, err
	}
	if v.port, err = FreePort(ctx); err != nil {
		return nil, err
	}
	if v.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Mkdir(v.dataPath(), 0o700), own(v.dataPath(), v.user)); err != nil {
		return nil, errors.Join(err, v.dir.remove())
	}
	return v, nil
}

// Addr returns the server's host:port. It stays the same for the life of v.
func (v *Valkey) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(v.port)) }

// Start starts the server again after Stop or Kill, on the same port, and returns
// when it answers.
func (v *Valkey) Start(ctx context.Context) error {
	if v.server != nil {
		return errors.New("the server runs already")
	}
	config, err := v.writeConfig()
	if err != nil {
		return err
	}
	args := []string{config}
	if v.sentinel != nil {
		args = append(args, "--sentinel")
	}
	cmd := command(context.WithoutCancel(ctx), v.user, v.dataPath(), v.program, args...)
	v.server, err = serve(ctx, cmd, v.logPath(), syscall.SIGKILL, func(ctx context.Context) error {
		// A server with a password answers too, in its way.
		answer, err := v.Do(ctx, "PING")
		if err == nil && strings.HasPrefix(answer, "-LOADING") {
			err = errors.New(answer)
		}
		return err
	})
	return err
}

// writeConfig writes the settings into a file, which a sentinel needs and keeps
// its state in: one that is there is left alone.
func (v *Valkey) writeConfig() (string, error) {
	path := filepath.Join(v.dataPath(), "server.conf")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	settings := map[string]string{"bind": "127.0.0.1", "port": strconv.Itoa(v.port), "dir": strconv.Quote(v.dataPath())}
	if v.sentinel == nil {
		settings["save"] = `""`
		settings["repl-diskless-sync-delay"] = "0"
	}
	for name, value := range v.options.Settings {
		settings[name] = value
	}
	var lines []string
	for name, value := range settings {
		lines = append(lines, name+" "+value+"\n")
	}
	lines = append(lines, v.sentinel...)
	err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600)
	return path, errors.Join(err, own(path, v.user))
}

// Stop stops the server in good order.
func (v *Valkey) Stop() error {
	if v.server == nil {
		return nil
	}
	err := errors.Join(v.Resume(), v.server.stop(syscall.SIGTERM, stopPatience))
	v.server = nil
	return err
}

// Kill ends the server with SIGKILL.
func (v *Valkey) Kill() error {
	if v.server == nil {
		return nil
	}
	err := v.server.killTree()
	v.server, v.stopped = nil, false
	return err
}

// Pause makes the server hang with SIGSTOP: the system accepts connections for it,
// and nobody answers. Resume lets it go on.
func (v *Valkey) Pause() error {
	if v.server == nil {
		return errors.New("the server does not run")
	}
	v.stopped = true
	return syscall.Kill(v.server.pid, syscall.SIGSTOP)
}

// Resume ends a Pause.
func (v *Valkey) Resume() error {
	if !v.stopped {
		return nil
	}
	v.stopped = false
	return syscall.Kill(v.server.pid, syscall.SIGCONT)
}

// Close stops the server and removes all that belongs to it.
func (v *Valkey) Close() error {
	return errors.Join(v.Stop(), v.dir.remove())
}

func (v *Valkey) dataPath() string { return filepath.Join(v.dir.path, "data") }
func (v *Valkey) logPath() string  { return filepath.Join(v.dir.path, "server.log") }
