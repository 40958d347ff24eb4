//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PgBouncer is a pooler in transaction mode: after each transaction, the connection to
// PostgreSQL goes to another client, as it is.
type PgBouncer struct {
	dir    *tempDir
	target *url.URL
	port   int
	server *process
}

// NewPgBouncer starts a pooler for tb in front of the database that dsn names, with at most
// size connections to it; it is closed when tb ends. tb is skipped, or fails, as in
// [NewDatabase].
func NewPgBouncer(tb testing.TB, dsn string, size int) *PgBouncer {
	tb.Helper()
	if _, err := exec.LookPath("pgbouncer"); err != nil {
		err = fmt.Errorf("pgbouncer is %w: %s pgbouncer, or run the tests that need none with: make test-embedded", ErrNotInstalled, installIt)
		if Required() {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
	b, err := startPgBouncer(tb.Context(), dsn, size)
	return started(tb, b, err)
}

func startPgBouncer(ctx context.Context, dsn string, size int) (*PgBouncer, error) {
	target, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("the DSN is not a URL") // err would show it, with its password
	}
	b := &PgBouncer{target: target}
	if b.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	err = onFreePorts(func() error {
		if b.port, err = FreePort(ctx); err != nil {
			return err
		}
		return b.start(ctx, size)
	})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// pgbouncerINI has the database, the host and port of PostgreSQL, the own port, the file of
// users and the number of connections.
const pgbouncerINI = `[databases]
%s = host=%s port=%s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 1000
`

// DSN returns the URL of the database through the pooler. It keeps pgx from prepared
// statements, which outlive a transaction.
func (b *PgBouncer) DSN() string {
	u := *b.target
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port))
	q := u.Query()
	q.Set("default_query_exec_mode", "exec")
	u.RawQuery = q.Encode()
	return u.String()
}

func (b *PgBouncer) start(ctx context.Context, size int) error {
	user, err := serverUser()
	if err != nil {
		return err
	}
	password, _ := b.target.User.Password()
	users, config := filepath.Join(b.dir.path, "users"), filepath.Join(b.dir.path, "pgbouncer.ini")
	for path, text := range map[string]string{
		users:  fmt.Sprintf("%q %q\n", b.target.User.Username(), password),
		config: fmt.Sprintf(pgbouncerINI, filepath.Base(b.target.Path), b.target.Hostname(), b.target.Port(), b.port, users, size),
	} {
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), own(path, user)); err != nil {
			return err
		}
	}
	cmd := command(context.WithoutCancel(ctx), user, "/", "pgbouncer", config)
	b.server, err = serve(ctx, cmd, filepath.Join(b.dir.path, "log"), syscall.SIGKILL, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, b.DSN())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	return err
}

// Close stops the pooler.
func (b *PgBouncer) Close() error {
	var err error
	if b.server != nil {
		err = b.server.stop(syscall.SIGINT, stopPatience)
	}
	return errors.Join(err, b.dir.remove())
}
