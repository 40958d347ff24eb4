package bunpg

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/sqlstate"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// invalidDSN takes the place of the driver's error, which quotes the connection
// string and can redact only what it recognizes as a password.
func invalidDSN(field string) error {
	return invalid(field, "must be a PostgreSQL URL (postgres://user:password@host:port/database?sslmode=…) "+
		"or a list of keyword=value; in a URL, percent-encode what is special in user and password")
}

func invalid(field, reason string) error {
	return &tenancy.Error{Op: "Open", Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}

// connectError returns the error of an attempt to connect as one that is safe to
// show: the driver's holds the DSN, in its text or in its fields, and whoever
// gets a DSN wrong has perhaps put the password in the place of the host. Only
// the server's own error can be reached through it.
func connectError(ctx context.Context, err error) *connectFailure {
	var before *beforeConnectError
	switch {
	case ctx.Err() != nil:
		return &connectFailure{reason: ctx.Err(), text: "while connecting"}
	case errors.As(err, &before):
		return &connectFailure{reason: tenancy.ErrUnavailable, text: before.Error(), cause: before.err}
	}
	safe := &connectFailure{reason: tenancy.ErrUnavailable, text: connectReason(err)}
	if server := (*pgconn.PgError)(nil); errors.As(err, &server) {
		safe.cause = server
	}
	return safe
}

// beforeConnectError is one of the program's own function.
type beforeConnectError struct{ err error }

func (e *beforeConnectError) Error() string {
	return "the function of WithBeforeConnect: " + e.err.Error()
}

// connectFailure wraps its reason, ErrNotApplied, for what never got a connection
// was never sent, and the server's error, or that of WithBeforeConnect, if there is one.
type connectFailure struct {
	reason error // ErrUnavailable or the context's error
	text   string
	cause  error
	again  bool
}

func (e *connectFailure) asError() error { return &tenancy.Error{Err: e} }

func (e *connectFailure) Error() string {
	return fmt.Sprintf("%v: %s", e.reason, e.text)
}

func (e *connectFailure) Unwrap() []error {
	if e.cause == nil {
		return []error{e.reason, tenancy.ErrNotApplied}
	}
	return []error{e.reason, tenancy.ErrNotApplied, e.cause}
}

// TryAgain reports whether the call is to be tried again: other connections are there
// to wait for.
func (e *connectFailure) TryAgain() bool { return e.again }

func (e *connectFailure) ended() bool { return !errors.Is(e.reason, tenancy.ErrUnavailable) }

// crowded reports whether the server has no connection left.
func (e *connectFailure) crowded() bool { return e.code() == "53300" }

// code is the server's, if it has answered.
func (e *connectFailure) code() string {
	var server *pgconn.PgError
	if errors.As(e.cause, &server) {
		return server.Code
	}
	return ""
}

// lostError returns the error of a connection that was there, as one that is safe to
// show.
func lostError(err error) error {
	var (
		server  *pgconn.PgError
		network net.Error
		errno   syscall.Errno
	)
	text := "the connection was lost"
	switch {
	case errors.As(err, &server):
		text = "the server ended the session: " + sqlstate.Explain(server.Code)
	case errors.As(err, &errno):
		text += ": " + errno.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		text += ": no answer in time"
	}
	return &tenancy.Error{Err: fmt.Errorf("%w: %s", tenancy.ErrUnavailable, text)}
}

// connectReason says in words of its own why err happened.
func connectReason(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return refusal(server.Code)
	}
	if errors.Is(err, pgconn.ErrStandbyConnection) {
		return "the server is a standby; a store needs the primary"
	}
	var (
		dns         *net.DNSError
		unknown     x509.UnknownAuthorityError
		hostname    x509.HostnameError
		certificate *tls.CertificateVerificationError
		network     net.Error
		errno       syscall.Errno
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the host name of the connection string does not resolve"
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &certificate):
		return "the server's TLS certificate could not be verified; see sslmode and sslrootcert"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timed out while connecting"
	case errors.As(err, &errno):
		return "cannot connect: " + errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the session began; is this a PostgreSQL server?"
	case strings.Contains(err.Error(), "server refused TLS connection"): // pgconn has no value for it
		return "the server does not offer TLS; see sslmode of the connection string"
	case strings.Contains(err.Error(), "closed pool"): // nor has puddle one that pgxpool shows
		return "the *pgxpool.Pool is closed"
	}
	return "cannot connect; check host, port and sslmode of the connection string"
}

// refusal explains the SQLSTATE with which a server refuses a connection. It may be
// about what the session was to begin with.
func refusal(code string) string {
	switch code {
	case "08P01":
		return "the server does not know a parameter of the connection string; behind a pooler use WithPgBouncer (SQLSTATE 08P01)"
	case "42704":
		return "the server does not know a parameter of the connection string; its log names it (SQLSTATE 42704)"
	case "22023":
		return "the server refuses the value of a parameter of the connection string; its log names it (SQLSTATE 22023)"
	}
	return sqlstate.Explain(code)
}

// refusedParameter returns err as ErrInvalid if the server refused a parameter of the
// connection string.
func refusedParameter(err error) error {
	var failed *connectFailure
	if errors.As(err, &failed) && (failed.code() == "42704" || failed.code() == "22023") {
		failed.reason = tenancy.ErrInvalid
		return &tenancy.Error{Field: "dsn", Err: failed}
	}
	return err
}

// sayEmpty adds to an error of connecting what is behind it as a rule: a variable of
// the environment that is not set.
func sayEmpty(err error) {
	var failed *connectFailure
	if errors.As(err, &failed) {
		failed.text += " (the connection string is empty: this is where the PG… variables and the defaults lead)"
	}
}

// alsoClosing returns err, with what closing c reports besides.
func alsoClosing(err error, c io.Closer) error {
	if closing := c.Close(); closing != nil {
		return errors.Join(err, closing)
	}
	return err
}
