//go:build unix

package servers

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// MySQLEnv names the environment variable with the URL of a MariaDB or MySQL server
// that tests share: mysql://user:password@host:port/, of a user who may create databases
// and users.
const MySQLEnv = "TENANTSTORE_MYSQL"

// MariaDBOptions say how a server is set up.
type MariaDBOptions struct {
	// Durable makes the server keep through a crash whatever it acknowledged,
	// as a server in production does. Without it, it does not wait for the disk.
	Durable bool
	// Settings are further settings, as in my.cnf, by name.
	Settings map[string]string
}

// MariaDB is a MariaDB server. Its methods must not be called at the same time, except
// DSN.
type MariaDB struct {
	options  MariaDBOptions
	program  string
	dir      *tempDir
	user     *syscall.Credential
	password string
	port     int
	server   *process // nil while stopped
}

// StartMariaDB creates a data directory and starts a server on it; see the package
// documentation. The caller closes it.
func StartMariaDB(ctx context.Context, options MariaDBOptions) (*MariaDB, error) {
	program, err := mariadbProgram()
	if err != nil {
		return nil, err
	}
	m := &MariaDB{options: options, program: program, password: rand.Text()}
	if m.user, err = serverUser(); err != nil {
		return nil, err
	}
	if m.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	if err := m.create(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *MariaDB) create(ctx context.Context) error {
	if err := m.install(ctx); err != nil {
		return err
	}
	return onFreePorts(func() (err error) {
		if m.port, err = FreePort(ctx); err != nil {
			return err
		}
		return m.Start(ctx)
	})
}

// mariadbProgram returns the path of mariadbd, which Debian has where only root looks.
func mariadbProgram() (string, error) {
	for _, name := range []string{"mariadbd", "/usr/sbin/mariadbd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("MariaDB is %w: %s mariadb-server, or name a server in %s,"+
		" or run the tests that need none with: make test-embedded", ErrNotInstalled, installIt, MySQLEnv)
}

// DSN returns the URL of the server, for root. It stays the same for the life of m.
func (m *MariaDB) DSN() string {
	u := url.URL{Scheme: "mysql", User: url.UserPassword("root", m.password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(m.port)), Path: "/"}
	return u.String()
}

// install creates the system tables, and root's password.
func (m *MariaDB) install(ctx context.Context) error {
	if err := errors.Join(os.Mkdir(m.dataPath(), 0o700), own(m.dataPath(), m.user)); err != nil {
		return err
	}
	// The user of connections from 127.0.0.1, whose name is not looked up.
	accounts := "FLUSH PRIVILEGES;\nCREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '" + m.password + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
	accountsFile := filepath.Join(m.dir.path, "accounts.sql")
	if err := os.WriteFile(accountsFile, []byte(accounts), 0o600); err != nil {
		return err
	}
	if err := own(accountsFile, m.user); err != nil {
		return err
	}
	args := append([]string{"--no-defaults"}, m.arguments()...)
	args = append(args, "--auth-root-authentication-method=normal", "--skip-test-db", "--extra-file="+accountsFile)
	cmd := m.command(ctx, "mariadb-install-db", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	return os.Remove(accountsFile)
}

// Start starts the server again after Stop or Kill, on the same port, and returns
// when it answers.
func (m *MariaDB) Start(ctx context.Context) error {
	if m.server != nil {
		return errors.New("MariaDB runs already")
	}
	args := append([]string{"--no-defaults"}, m.arguments()...)
	for name, value := range m.settings() {
		args = append(args, "--"+name+"="+value)
	}
	cmd := m.command(context.WithoutCancel(ctx), m.program, args...)
	var err error
	m.server, err = serve(ctx, cmd, m.logPath(), syscall.SIGKILL, func(ctx context.Context) error { return MySQLAnswers(ctx, m.DSN()) })
	return err
}

// arguments are what the server and the creation of its files have in common.
func (m *MariaDB) arguments() []string {
	return []string{
		"--datadir=" + m.dataPath(),
		"--innodb-log-file-size=16M", // its size is written at the creation
		"--innodb-use-native-aio=0",  // containers have little of it
	}
}

// settings leave the character set as the server has it by default, which is latin1, so
// that what relies on another one by chance shows.
func (m *MariaDB) settings() map[string]string {
	s := map[string]string{
		"bind-address":            "127.0.0.1",
		"port":                    strconv.Itoa(m.port),
		"socket":                  "mariadb.sock", // in the data directory: a whole path may be too long
		"pid-file":                "mariadb.pid",
		"skip-name-resolve":       "1",
		"max-connections":         "400",
		"innodb-buffer-pool-size": "64M",
		"key-buffer-size":         "1M",
	}
	if !m.options.Durable {
		s["innodb-flush-log-at-trx-commit"], s["innodb-doublewrite"] = "0", "0"
		s["innodb-flush-method"], s["sync-frm"] = "nosync", "0" // each table and trigger is a file
	}
	for name, value := range m.options.Settings {
		s[name] = value
	}
	return s
}

// Pause makes the server hang with SIGSTOP: the system accepts connections for it, and
// nobody answers. Resume lets it go on.
func (m *MariaDB) Pause() error {
	if m.server == nil {
		return errors.New("the server does not run")
	}
	return m.server.signalTree(syscall.SIGSTOP)
}

// Resume ends a Pause; without one it does nothing.
func (m *MariaDB) Resume() error {
	if m.server == nil {
		return nil
	}
	return m.server.signalTree(syscall.SIGCONT)
}

// Stop ends all sessions and stops the server in good order.
func (m *MariaDB) Stop() error {
	if m.server == nil {
		return nil
	}
	if err := m.Resume(); err != nil {
		return err
	}
	err := m.server.stop(syscall.SIGTERM, stopPatience)
	m.server = nil
	return err
}

// Kill ends the server with SIGKILL.
func (m *MariaDB) Kill() error {
	if m.server == nil {
		return nil
	}
	err := m.server.killTree()
	m.server = nil
	return err
}

// Close stops the server and removes all that belongs to it.
func (m *MariaDB) Close() error {
	return errors.Join(m.Stop(), m.dir.remove())
}

// command keeps the server and its tools from files of the machine's own.
func (m *MariaDB) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := command(ctx, m.user, m.dataPath(), program, args...)
	cmd.Env = append(cmd.Env, "HOME="+m.dataPath(), "TMPDIR="+m.dataPath())
	return cmd
}

func (m *MariaDB) dataPath() string { return filepath.Join(m.dir.path, "data") }
func (m *MariaDB) logPath() string  { return filepath.Join(m.dir.path, "mariadb.log") }

// OpenMySQL returns a pool for the database at the URL dsn. Its statements may be several
// in one text.
func OpenMySQL(dsn string) (*sql.DB, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "mysql" {
		return nil, errors.New("not a URL of the form mysql://user:password@host:port/database") // err would show the password
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	config.MultiStatements, config.ParseTime = true, true
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// MySQLAnswers fails if no server answers at the URL dsn. Its error holds no password.
func MySQLAnswers(ctx context.Context, dsn string) error {
	return execMySQL(ctx, dsn, "DO 1")
}

// EndMySQLSessions ends the other sessions in the database at the URL dsn, and waits until
// they are gone. There may be new ones then.
func EndMySQLSessions(ctx context.Context, dsn string) (err error) {
	db, err := OpenMySQL(dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	const others = "SELECT GROUP_CONCAT(id SEPARATOR ',') FROM information_schema.PROCESSLIST WHERE db = DATABASE() AND id <> CONNECTION_ID()"
	var sessions, left sql.NullString
	if err := db.QueryRowContext(ctx, others).Scan(&sessions); err != nil || !sessions.Valid {
		return err
	}
	for id := range strings.SplitSeq(sessions.String, ",") {
		_, _ = db.ExecContext(ctx, "KILL "+id) // it may have ended
	}
	for left = sessions; left.Valid; {
		if err := db.QueryRowContext(ctx, others+" AND id IN ("+sessions.String+")").Scan(&left); err != nil {
			return err
		}
	}
	return nil
}

// execMySQL runs statements on a connection of its own.
func execMySQL(ctx context.Context, dsn, statements string) error {
	db, err := OpenMySQL(dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statements)
	return errors.Join(err, db.Close())
}
