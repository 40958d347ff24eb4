package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

// pgError looks like pgconn.PgError: the message and detail quote the row.
type pgError struct{ Code, ConstraintName string }

func (e *pgError) Error() string    { return "ERROR: Key (identifier)=(" + canary + ") already exists" }
func (e *pgError) SQLState() string { return e.Code }

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		kind   engine.Kind
		reason error
		text   string // part of it
	}{
		{"lock timeout", &pgError{Code: "55P03"}, engine.Contended, tenancy.ErrUnavailable, "55P03"},
		{"deadlock", &pgError{Code: "40P01"}, engine.Contended, tenancy.ErrUnavailable, "deadlock"},
		{"serialization", &pgError{Code: "40001"}, engine.Contended, tenancy.ErrUnavailable, "40001"},
		{"unique", &pgError{Code: "23505", ConstraintName: "tenants_pkey"}, engine.Duplicate, tenancy.ErrAlreadyExists, "tenants_pkey"},
		{"check", &pgError{Code: "23514", ConstraintName: "only_big"}, engine.Refused, tenancy.ErrInvalid, "only_big"},
		{"raise", &pgError{Code: "P0001"}, engine.Refused, tenancy.ErrInvalid, "trigger"},
		{"no table", &pgError{Code: "42P01"}, engine.Unavailable, tenancy.ErrUnavailable, "run Migrate"},
		{"unknown", &pgError{Code: "XX000"}, engine.Unavailable, tenancy.ErrUnavailable, "XX000"},
		{"cancelled by the server", &pgError{Code: "57014"}, engine.Interrupted, tenancy.ErrUnavailable, "cancelled"},
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
