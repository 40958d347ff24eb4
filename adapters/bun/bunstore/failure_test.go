package bunstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

// pgError looks like pgconn.PgError: the message and detail quote the row.
type pgError struct{ Code, ConstraintName string }

func (e *pgError) Error() string    { return "ERROR: Key (identifier)=(" + canary + ") already exists" }
func (e *pgError) SQLState() string { return e.Code }

// sqliteError looks like the Error of modernc.org/sqlite.
type sqliteError struct {
	code    int
	message string
}

func (e *sqliteError) Error() string { return e.message }
func (e *sqliteError) Code() int     { return e.code }

// host is an address of the database: part of a connection string.
type host struct{}

func (host) Network() string { return "tcp" }
func (host) String() string  { return canary + ":5432" }

func TestFail(t *testing.T) {
	pg, lite := postgresDialect{}, sqliteDialect{}
	for _, c := range []struct {
		name    string
		dialect dialect
		err     error
		kind    kind
		reason  error
		text    string // part of it
	}{
		{"pg lock timeout", pg, &pgError{Code: "55P03"}, contended, tenancy.ErrUnavailable, "55P03"},
		{"pg deadlock", pg, &pgError{Code: "40P01"}, contended, tenancy.ErrUnavailable, "deadlock"},
		{"pg serialization", pg, &pgError{Code: "40001"}, contended, tenancy.ErrUnavailable, "40001"},
		{"pg unique", pg, &pgError{Code: "23505", ConstraintName: "tenants_pkey"}, duplicate, tenancy.ErrAlreadyExists, "tenants_pkey"},
		{"pg check", pg, &pgError{Code: "23514", ConstraintName: "only_big"}, refused, tenancy.ErrInvalid, "only_big"},
		{"pg raise", pg, &pgError{Code: "P0001"}, refused, tenancy.ErrInvalid, "trigger"},
		{"pg no table", pg, &pgError{Code: "42P01"}, unavailable, tenancy.ErrUnavailable, "run Migrate"},
		{"pg unknown", pg, &pgError{Code: "XX000"}, unavailable, tenancy.ErrUnavailable, "XX000"},
		{"pg cancelled by the server", pg, &pgError{Code: "57014"}, interrupted, tenancy.ErrUnavailable, "cancelled"},
		{"pg connection", pg, fmt.Errorf("write %s: %w", canary, io.ErrUnexpectedEOF), unavailable, tenancy.ErrUnavailable, "connection was lost"},
		{"pg bad connection", pg, driver.ErrBadConn, unavailable, tenancy.ErrUnavailable, "connection was lost"},
		{"refused", pg, &net.OpError{Op: "dial", Net: "tcp", Addr: host{}, Err: syscall.ECONNREFUSED}, unavailable, tenancy.ErrUnavailable, "dial: connection refused"},
		{"reset", pg, &net.OpError{Op: "read", Net: "tcp", Source: host{}, Addr: host{}, Err: os.NewSyscallError("read", syscall.ECONNRESET)},
			unavailable, tenancy.ErrUnavailable, "read: connection reset"},
		{"network timeout", pg, &net.OpError{Op: "read", Net: "tcp", Addr: host{}, Err: os.ErrDeadlineExceeded}, unavailable, tenancy.ErrUnavailable, "read: no answer in time"},
		{"unknown host", pg, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: canary, IsNotFound: true}},
			unavailable, tenancy.ErrUnavailable, "does not resolve"},
		{"no name server", pg, &net.DNSError{Err: "server misbehaving", Name: canary, Server: "10.0.0.2:53"}, unavailable, tenancy.ErrUnavailable, "could not be looked up"},
		{"no address", pg, &net.OpError{Op: "dial", Err: &net.AddrError{Err: "missing port", Addr: canary}}, unavailable, tenancy.ErrUnavailable, "*net.AddrError"},
		{"unknown", pg, errors.New(canary), unavailable, tenancy.ErrUnavailable, "*errors.errorString"},
		{"sqlite busy", lite, &sqliteError{5, canary}, contended, tenancy.ErrUnavailable, "locked"},
		{"sqlite busy snapshot", lite, &sqliteError{517, canary}, contended, tenancy.ErrUnavailable, "locked"},
		{"sqlite unique", lite, &sqliteError{2067, "UNIQUE constraint failed: tenants.identifier"}, duplicate, tenancy.ErrAlreadyExists, "2067"},
		{"sqlite primary key", lite, &sqliteError{1555, "UNIQUE constraint failed: tenants.id"}, duplicate, tenancy.ErrAlreadyExists, "1555"},
		{"sqlite check", lite, &sqliteError{275, "constraint failed: CHECK constraint failed: tenants_name_check (275)"}, refused, tenancy.ErrInvalid, ": tenants_name_check"},
		{"sqlite raise", lite, &sqliteError{1811, canary}, refused, tenancy.ErrInvalid, "1811"},
		{"sqlite no table", lite, &sqliteError{1, "no such table: " + canary}, unavailable, tenancy.ErrUnavailable, "run Migrate"},
		{"sqlite full", lite, &sqliteError{13, canary}, unavailable, tenancy.ErrUnavailable, "disk is full"},
		{"other driver, unique", lite, errors.New("UNIQUE constraint failed: t." + canary), duplicate, tenancy.ErrAlreadyExists, "2067"},
		{"other driver, busy", lite, errors.New("database is locked"), contended, tenancy.ErrUnavailable, "locked"},
		{"other driver, no FTS5", lite, errors.New("no such module: fts5"), unavailable, tenancy.ErrUnavailable, "built with FTS5"},
		{"other driver, a table of others", lite, errors.New("table tenants already exists"), unavailable, tenancy.ErrUnavailable, "WithTable"},
		{"other driver, read-only", lite, errors.New("attempt to write a readonly database"), unavailable, tenancy.ErrUnavailable, "may this user write"},
		{"other driver, no file", lite, errors.New("unable to open database file"), unavailable, tenancy.ErrUnavailable, "cannot open"},
		{"other driver, no database", lite, errors.New("file is not a database"), unavailable, tenancy.ErrUnavailable, "not a database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := fail(t.Context(), c.dialect, fmt.Errorf("wrapped: %w", c.err))
			if got := kindOf(err); got != c.kind {
				t.Errorf("kind = %d, want %d", got, c.kind)
			}
			if !errors.Is(err, c.reason) {
				t.Errorf("errors.Is(%v, %v) is false", err, c.reason)
			}
			if !errors.Is(err, c.err) {
				t.Error("the cause cannot be reached")
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("text = %q, want %q in it", err, c.text)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("text = %q, shows what the driver wrote", err)
			}
		})
	}
}

func TestFailGivesTheContextsError(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cause := range []error{&pgError{Code: "57014"}, errors.New("interrupted"), context.Canceled} {
		err := fail(ended, postgresDialect{}, cause)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v: errors.Is(%v, context.Canceled) is false", cause, err)
		}
		if kindOf(err) != interrupted {
			t.Errorf("%v: kind = %d", cause, kindOf(err))
		}
	}
	// What the database decided stands, whatever became of the context.
	if err := fail(ended, postgresDialect{}, &pgError{Code: "23505"}); !errors.Is(err, tenancy.ErrAlreadyExists) {
		t.Errorf("unique violation under an ended context: %v", err)
	}
	// A timeout of the driver's own must not look like one of the caller's.
	err := fail(t.Context(), postgresDialect{}, fmt.Errorf("connect: %w", context.DeadlineExceeded))
	if errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("driver's own timeout: %v", err)
	}
}

func TestFailKeepsTypedErrors(t *testing.T) {
	typed := &tenancy.Error{Field: "metadata", Err: tenancy.ErrInvalid}
	if err := fail(t.Context(), sqliteDialect{}, typed); err != error(typed) { //nolint:errorlint // the very same
		t.Errorf("got %v", err)
	}
	if err := fail(t.Context(), sqliteDialect{}, nil); err != nil {
		t.Errorf("got %v", err)
	}
}
