package postgres

import (
	"errors"
	"reflect"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/sqlstate"
	"github.com/go-tenancy/tenantstore/core/tenancy"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Classify reads the SQLSTATE, which pgx and lib/pq give by a method.
func (p *store) Classify(err error) (engine.Kind, string) {
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) {
		return engine.Unavailable, engine.Describe(err)
	}
	state := coded.SQLState()
	text := sqlstate.Explain(state)
	for _, hidden := range []string{hiddenRows, readStandby, otherEncoding, unlogged} {
		if state == "22P02" && strings.Contains(err.Error(), hidden) {
			text = hidden
		}
	}
	if column := errorField(coded, "ColumnName", "Column"); state == "23502" && (column == "revision" || column == "mark") {
		return engine.Unavailable, unlogged
	}
	if name := constraintName(coded); name != "" {
		text += ": constraint " + name
	}
	switch state {
	case "26000":
		return engine.Outdated, text
	case "42703":
		if strings.Contains(err.Error(), "tableoid") { // see noView
			return engine.Unavailable, "a view stands in the place of a table of the store (SQLSTATE 42703)"
		}
	case "0A000": // "cached plan must not change result type", in the language of the server
		if errorField(coded, "Routine") == "RevalidateCachedQuery" {
			return engine.Outdated, "the columns of a table were changed, and a prepared statement is outdated (SQLSTATE 0A000)"
		}
		if errorField(coded, "Routine") == "RewriteQuery" {
			return engine.Unavailable, ruled + " (SQLSTATE 0A000)"
		}
		if strings.HasPrefix(errorField(coded, "Routine"), "call_bool_check_hook") { // of transaction_read_only
			return engine.Unavailable, readStandby
		}
	case "42804": // "type of parameter … does not match that when preparing the plan", in a trigger
		if strings.HasPrefix(errorField(coded, "Routine"), "plpgsql_param_eval") {
			return engine.Outdated, "the columns of a table were changed, and the plan of a trigger is outdated (SQLSTATE 42804)"
		}
	case "55P03", "40P01", "40001":
		return engine.Contended, text
	case "57014":
		return engine.Interrupted, text
	case "42501":
		return engine.Denied, text
	case "23505":
		return engine.Duplicate, text
	case "P0001":
		return engine.Refused, text
	}
	if strings.HasPrefix(state, "23") {
		return engine.Refused, text
	}
	return engine.Unavailable, text
}

// aborted reports whether the server has answered in a way that leaves no doubt that
// what it was asked for did not happen, or was never asked.
func aborted(err error) bool {
	var safe interface{ SafeToRetry() bool } // pgx, of what it has not sent
	if errors.As(err, &safe) && safe.SafeToRetry() {
		return true
	}
	var coded interface{ SQLState() string }
	return errors.As(err, &coded) && sqlstate.Aborted(coded.SQLState())
}

func constraintName(err any) string { return errorField(err, "ConstraintName", "Constraint") }

// errorField reads the field of a driver's error that has one of these names, of pgx
// and of lib/pq; they have no methods for it.
func errorField(err any, names ...string) string {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, name := range names {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}

// claimNotApplied returns err, by which a write of one transaction has ended, with
// [tenancy.ErrNotApplied] if the database has said that it changed nothing.
func claimNotApplied(err error) error {
	f, ok := err.(*engine.Failure) //nolint:errorlint // what is wrapped by more is not of the write
	if !ok || !aborted(f.Cause) || !errors.Is(f.Reason, tenancy.ErrUnavailable) && !engine.IsContextError(f.Reason) {
		return err
	}
	claimed := *f
	claimed.NotApplied = true
	return &claimed
}
