package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

func TestClassify(t *testing.T) {
	server := func(number uint16, message string) error {
		return &mysql.MySQLError{Number: number, SQLState: [5]byte{'H', 'Y', '0', '0', '0'}, Message: message}
	}
	for _, c := range []struct {
		name   string
		err    error
		kind   engine.Kind
		reason error
		text   string // part of it
	}{
		{"deadlock", server(1213, canary), engine.Contended, tenancy.ErrUnavailable, "1213"},
		{"lock wait timeout", server(1205, canary), engine.Contended, tenancy.ErrUnavailable, "1205"},
		{"record changed", server(1020, canary), engine.Contended, tenancy.ErrUnavailable, "1020"},
		{"duplicate", server(1062, "Duplicate entry '"+canary+"' for key 'tenants_identifier_key'"), engine.Duplicate, tenancy.ErrAlreadyExists, ": constraint tenants_identifier_key"},
		{"check of MariaDB", server(4025, "CONSTRAINT `tenants_name_check` failed for `"+canary+"`.`tenants`"), engine.Refused, tenancy.ErrInvalid, ": constraint tenants_name_check"},
		{"check of MySQL", server(3819, "Check constraint 'tenants_id_check' is violated."), engine.Refused, tenancy.ErrInvalid, ": constraint tenants_id_check"},
		{"a trigger of somebody else", server(1644, canary), engine.Refused, tenancy.ErrInvalid, "1644"},
		{"a trigger of the store", server(1644, "tenantstore: the row has no place"), engine.Unavailable, tenancy.ErrUnavailable, "the row has no place"},
		{"killed", server(1317, canary), engine.Interrupted, tenancy.ErrUnavailable, "1317"},
		{"denied", server(1142, canary), engine.Denied, tenancy.ErrUnavailable, "privilege"},
		{"binary log", server(1419, canary), engine.Denied, tenancy.ErrUnavailable, "log_bin_trust_function_creators"},
		{"no table", server(1146, canary), engine.Unavailable, tenancy.ErrUnavailable, "run Migrate"},
		{"no definer", server(1449, canary), engine.Unavailable, tenancy.ErrUnavailable, "created the triggers"},
		{"replica", server(1290, canary), engine.Unavailable, tenancy.ErrUnavailable, "primary"},
		{"unknown", server(9999, canary), engine.Unavailable, tenancy.ErrUnavailable, "MySQL error 9999"},
		{"lost", mysql.ErrInvalidConn, engine.Unavailable, tenancy.ErrUnavailable, "the connection was lost"},
		{"other", errors.New(canary), engine.Unavailable, tenancy.ErrUnavailable, "driver error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &store{}
			s.Base = &engine.Base{Config: engine.Config{Names: engine.Names{Table: "tenants"}}}
			err := engine.Fail(context.Background(), s, fmt.Errorf("wrapped: %w", c.err))
			if got := engine.KindOf(err); got != c.kind {
				t.Errorf("kind = %d, want %d", got, c.kind)
			}
			if !errors.Is(err, c.reason) || !errors.Is(err, c.err) {
				t.Errorf("%v is not %v and %v", err, c.reason, c.err)
			}
			if !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), canary) {
				t.Errorf("text = %q, want %q in it, and nothing of the server's text", err, c.text)
			}
		})
	}
}

// Each argument goes where its number is, however often.
func TestBind(t *testing.T) {
	s := &store{bound: &sync.Map{}}
	for range 2 { // the second time from memory
		text, args := s.Bind("UPDATE t SET a = ?2, b = ?10 WHERE id = ?1 AND ?2 = a", []any{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
		if want := "UPDATE t SET a = ?, b = ? WHERE id = ? AND ? = a"; text != want || fmt.Sprint(args) != "[2 10 1 2]" {
			t.Errorf("%q %v", text, args)
		}
	}
	if text, args := s.Bind("SELECT '?1'", nil); text != "SELECT '?1'" || args != nil {
		t.Errorf("without arguments: %q %v", text, args)
	}
}

// Every table, trigger and row of the schema comes out of the text for clients.
func TestStatementsOf(t *testing.T) {
	ddl, err := Schema(engine.Names{Schema: "public", Table: "customers"})
	if err != nil {
		t.Fatal(err)
	}
	texts := statementsOf(ddl)
	if n := strings.Count(ddl, "\n//\n"); len(texts) != n {
		t.Errorf("%d statements, want %d", len(texts), n)
	}
	triggers, err := triggersOf(ddl, nil)
	if n := strings.Count(ddl, "\nCREATE TRIGGER "); err != nil || len(triggers) != n || n != 13 {
		t.Errorf("%d triggers of %d, %v", len(triggers), n, err)
	}
	for _, tr := range triggers {
		if !strings.HasPrefix(tr.body, "BEGIN ") || !strings.HasSuffix(tr.body, " END") {
			t.Errorf("%s: %q", tr.name, tr.body)
		}
	}
}
