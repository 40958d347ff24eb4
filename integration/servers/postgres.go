//go:build unix

package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresEnv names the environment variable with the DSN of a PostgreSQL
// server that tests share: a role that may create databases.
const PostgresEnv = "TENANTSTORE_POSTGRES"

const (
	startPatience = 3 * time.Minute
	stopPatience  = 2 * time.Minute
)

// PostgresOptions say how a server is set up.
type PostgresOptions struct {
	// Durable makes the server keep through a crash whatever it acknowledged,
	// as a server in production does. Without it, it does not wait for the disk.
	Durable bool
	// Settings are further settings, as in postgresql.conf, by name.
	Settings map[string]string
}

// Postgres is a PostgreSQL server. Its methods must not be called at the same
// time, except DSN.
type Postgres struct {
	options  PostgresOptions
	programs string
	dir      *tempDir
	user     *syscall.Credential
	password string
	port     int
	server   *process // nil while stopped
}

// StartPostgres creates a database cluster and starts a server on it; see the
// package documentation. The caller closes it.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	programs, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	p := &Postgres{options: options, programs: programs, password: rand.Text()}
	if p.user, err = serverUser(); err != nil {
		return nil, err
	}
	if p.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	if err := p.create(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Postgres) create(ctx context.Context) error {
	if err := p.initdb(ctx); err != nil {
		return err
	}
	return p.startSomewhere(ctx)
}

// startSomewhere starts the server on a free port.
func (p *Postgres) startSomewhere(ctx context.Context) error {
	return onFreePorts(func() (err error) {
		if p.port, err = FreePort(ctx); err != nil {
			return err
		}
		return p.Start(ctx)
	})
}

// DSN returns the URL of the database postgres, for a superuser. It stays the
// same for the life of p.
func (p *Postgres) DSN() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", p.password),
		Host:     fmt.Sprintf("127.0.0.1:%d", p.port),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Start starts the server again after Stop or Kill, on the same port, and
// returns when it answers.
func (p *Postgres) Start(ctx context.Context) error {
	if p.server != nil {
		return errors.New("PostgreSQL runs already")
	}
	args := []string{"-D", p.dataPath()}
	for name, value := range p.settings() {
		args = append(args, "-c", name+"="+value)
	}
	cmd := command(context.WithoutCancel(ctx), p.user, "/", filepath.Join(p.programs, "postgres"), args...)
	var err error
	// SIGQUIT: stop at once, children included, without a clean-up.
	p.server, err = serve(ctx, cmd, p.logPath(), syscall.SIGQUIT, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.DSN())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	return err
}

func (p *Postgres) settings() map[string]string {
	s := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(p.port),
		"unix_socket_directories": "",
		"max_connections":         "400",
		// Containers often have little shared memory for parallel queries.
		"max_parallel_workers_per_gather": "0",
	}
	if !p.options.Durable {
		s["fsync"], s["full_page_writes"] = "off", "off"
	}
	for name, value := range p.options.Settings {
		s[name] = value
	}
	return s
}

// Pause makes every process of the server hang with SIGSTOP: the system accepts
// connections for it, and nobody answers. Resume lets them go on.
func (p *Postgres) Pause() error {
	if p.server == nil {
		return errors.New("the server does not run")
	}
	return p.server.signalTree(syscall.SIGSTOP)
}

// Resume ends a Pause; without one it does nothing.
func (p *Postgres) Resume() error {
	if p.server == nil {
		return nil
	}
	return p.server.signalTree(syscall.SIGCONT)
}

// Stop ends all sessions and stops the server in good order.
func (p *Postgres) Stop() error {
	if p.server == nil {
		return nil
	}
	if err := p.Resume(); err != nil {
		return err
	}
	err := p.server.stop(syscall.SIGINT, stopPatience)
	p.server = nil
	return err
}

// Kill ends every process of the server with SIGKILL.
func (p *Postgres) Kill() error {
	if p.server == nil {
		return nil
	}
	err := p.server.killTree()
	p.server = nil
	return err
}

// Close stops the server and removes all that belongs to it.
func (p *Postgres) Close() error {
	return errors.Join(p.Stop(), p.dir.remove())
}

// initdb creates the cluster. It orders text as people do, where the server's
// version can without help from the system: what relies on the order of bytes
// by chance shows.
func (p *Postgres) initdb(ctx context.Context) error {
	version, err := exec.CommandContext(ctx, filepath.Join(p.programs, "postgres"), "--version").Output()
	if err != nil {
		return fmt.Errorf("postgres --version: %w", err)
	}
	major, err := majorVersion(string(version))
	if err != nil {
		return err
	}
	if err := os.Mkdir(p.dataPath(), 0o700); err != nil {
		return err
	}
	if err := own(p.dataPath(), p.user); err != nil {
		return err
	}
	verifier, err := scramVerifier(p.password)
	if err != nil {
		return err
	}
	passwordFile := filepath.Join(p.dir.path, "password")
	if err := os.WriteFile(passwordFile, []byte(verifier), 0o600); err != nil {
		return err
	}
	if err := own(passwordFile, p.user); err != nil {
		return err
	}
	args := []string{
		"--pgdata", p.dataPath(), "--no-sync", "--encoding", "UTF8", "--locale", "C",
		"--username", "postgres", "--pwfile", passwordFile, "--auth", "scram-sha-256",
	}
	if major >= 15 {
		args = append(args, "--locale-provider", "icu", "--icu-locale", "en")
	}
	cmd := command(ctx, p.user, "/", filepath.Join(p.programs, "initdb"), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Remove(passwordFile)
}

func (p *Postgres) dataPath() string { return filepath.Join(p.dir.path, "data") }
func (p *Postgres) logPath() string  { return filepath.Join(p.dir.path, "postgres.log") }
