package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

// sqliteError looks like the Error of modernc.org/sqlite.
type sqliteError struct {
	code    int
	message string
}

func (e *sqliteError) Error() string { return e.message }
func (e *sqliteError) Code() int     { return e.code }

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		kind   engine.Kind
		reason error
		text   string // part of it
	}{
		{"busy", &sqliteError{5, canary}, engine.Contended, tenancy.ErrUnavailable, "locked"},
		{"busy snapshot", &sqliteError{517, canary}, engine.Contended, tenancy.ErrUnavailable, "locked"},
		{"unique", &sqliteError{2067, "UNIQUE constraint failed: tenants.identifier"}, engine.Duplicate, tenancy.ErrAlreadyExists, "2067"},
		{"primary key", &sqliteError{1555, "UNIQUE constraint failed: tenants.id"}, engine.Duplicate, tenancy.ErrAlreadyExists, "1555"},
		{"check", &sqliteError{275, "constraint failed: CHECK constraint failed: tenants_name_check (275)"}, engine.Refused, tenancy.ErrInvalid, ": tenants_name_check"},
		{"raise", &sqliteError{1811, canary}, engine.Refused, tenancy.ErrInvalid, "1811"},
		{"no table", &sqliteError{1, "no such table: " + canary}, engine.Unavailable, tenancy.ErrUnavailable, "run Migrate"},
		{"full", &sqliteError{13, canary}, engine.Unavailable, tenancy.ErrUnavailable, "disk is full"},
		{"other driver, unique", errors.New("UNIQUE constraint failed: t." + canary), engine.Duplicate, tenancy.ErrAlreadyExists, "2067"},
		{"other driver, busy", errors.New("database is locked"), engine.Contended, tenancy.ErrUnavailable, "locked"},
		{"other driver, no FTS5", errors.New("no such module: fts5"), engine.Unavailable, tenancy.ErrUnavailable, "built with FTS5"},
		{"other driver, a table of others", errors.New("table tenants already exists"), engine.Unavailable, tenancy.ErrUnavailable, "WithTable"},
		{"other driver, read-only", errors.New("attempt to write a readonly database"), engine.Unavailable, tenancy.ErrUnavailable, "may this user write"},
		{"other driver, no file", errors.New("unable to open database file"), engine.Unavailable, tenancy.ErrUnavailable, "cannot open"},
		{"other driver, no database", errors.New("file is not a database"), engine.Unavailable, tenancy.ErrUnavailable, "not a database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := engine.Fail(t.Context(), &store{}, fmt.Errorf("wrapped: %w", c.err))
			if got := engine.KindOf(err); got != c.kind {
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
