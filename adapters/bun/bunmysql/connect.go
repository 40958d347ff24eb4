package bunmysql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/mysqlerror"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// connector returns what connects to dsn.
func (c config) connector(dsn string) (driver.Connector, error) {
	settings, err := parseDSN(dsn)
	if err != nil {
		return nil, invalid("dsn", err.Error())
	}
	switch {
	case c.connectTimeout > 0:
		settings.Timeout = c.connectTimeout
	case settings.Timeout == 0:
		settings.Timeout = DefaultConnectTimeout
	}
	settings.MultiStatements, settings.Logger = false, &mysql.NopLogger{} // what the driver logs, its errors say too
	if c.beforeConnect != nil {
		err = settings.Apply(mysql.BeforeConnect(c.before))
	}
	if err == nil {
		err = settings.Apply(mysql.Charset("utf8mb4", ""))
	}
	if err != nil {
		return nil, invalid("dsn", "has parameters that go-sql-driver/mysql does not take")
	}
	inner, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, invalid("dsn", "has parameters that go-sql-driver/mysql does not take")
	}
	return connector{inner}, nil
}

func (c config) before(ctx context.Context, settings *mysql.Config) error {
	if err := c.beforeConnect(ctx, settings); err != nil {
		return &beforeConnectError{err}
	}
	return nil
}

// connector sets up each session.
type connector struct{ driver.Connector }

// session is what every session begins with. A process that is stopped in the middle of a
// write does not stop the writers of all others for ever; MySQL has no such limit.
const session = "SET SESSION /*M! tx_isolation */ /*!80003 transaction_isolation */ = 'READ-COMMITTED', autocommit = 1," +
	" sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 1 /*M! , idle_write_transaction_timeout = 10 */"

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, connectError(ctx, err)
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, session, nil); err != nil {
		_ = conn.Close()
		return nil, connectError(ctx, err)
	}
	return conn, nil
}

// beforeConnectError is one of the program's own function.
type beforeConnectError struct{ err error }

func (e *beforeConnectError) Error() string {
	return "the function of WithBeforeConnect: " + e.err.Error()
}

// connectError returns the error of an attempt to connect as one that is safe to show: it
// was never sent what was to be done.
func connectError(ctx context.Context, err error) error {
	var known *tenancy.Error
	if errors.As(err, &known) {
		return err
	}
	if ctx.Err() != nil {
		return &tenancy.Error{Err: fmt.Errorf("%w: while connecting%w", ctx.Err(), notApplied{})}
	}
	return &tenancy.Error{Err: fmt.Errorf("%w: %s%w", tenancy.ErrUnavailable, connectReason(err), notApplied{err})}
}

// notApplied adds ErrNotApplied, and the server's error, to an error, and nothing to its
// text.
type notApplied struct{ cause error }

func (notApplied) Error() string { return "" }

func (n notApplied) Unwrap() []error {
	var server *mysql.MySQLError
	if errors.As(n.cause, &server) {
		return []error{tenancy.ErrNotApplied, server}
	}
	return []error{tenancy.ErrNotApplied}
}

// connectReason says in words of its own why err happened.
func connectReason(err error) string {
	if number, _ := mysqlerror.Of(err); number != 0 {
		return mysqlerror.Explain(number)
	}
	var (
		before      *beforeConnectError
		dns         *net.DNSError
		unknown     x509.UnknownAuthorityError
		hostname    x509.HostnameError
		certificate *tls.CertificateVerificationError
		network     net.Error
		errno       syscall.Errno
	)
	switch {
	case errors.As(err, &before):
		return before.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the host name of the DSN does not resolve"
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &certificate):
		return "the server's TLS certificate could not be verified; see tls of the DSN"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timed out while connecting"
	case errors.As(err, &errno):
		return "cannot connect: " + errno.Error()
	case errors.Is(err, mysql.ErrNoTLS):
		return "the server does not offer TLS; see tls of the DSN"
	}
	return "cannot connect; check host, port and tls of the DSN"
}
