package bunstore_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// breakRow makes of the tenant with ID broken what only a person can who takes the
// constraints away.
func breakRow(t *testing.T, db *bun.DB) {
	t.Helper()
	texts := []string{
		"ALTER TABLE tenants DROP CONSTRAINT tenants_created_at_check, DROP CONSTRAINT tenants_updated_at_check, DROP CONSTRAINT tenants_name_check",
		"ALTER TABLE tenants ALTER name DROP NOT NULL, ALTER status DROP NOT NULL, ALTER isolation DROP NOT NULL, ALTER schema_name DROP NOT NULL, ALTER database_url DROP NOT NULL",
		"UPDATE tenants SET name = NULL, status = NULL, isolation = NULL, schema_name = NULL, database_url = NULL, created_at = 'infinity' WHERE id = 'broken'",
		"UPDATE tenants SET updated_at = '12345-01-01' WHERE id = 'broken'",
	}
	if db.Dialect().Name() == dialect.MySQL {
		texts = []string{
			"ALTER TABLE tenants DROP CONSTRAINT tenants_created_at_check, DROP CONSTRAINT tenants_updated_at_check, DROP CONSTRAINT tenants_name_check",
			"ALTER TABLE tenants MODIFY name VARBINARY(255) NULL, MODIFY status VARBINARY(64) NULL, MODIFY isolation TEXT NULL, MODIFY schema_name TEXT NULL, MODIFY database_url TEXT NULL",
			"UPDATE tenants SET name = NULL, status = NULL, isolation = NULL, schema_name = NULL, database_url = NULL, created_at = 9e18 WHERE id = 'broken'",
			"UPDATE tenants SET updated_at = -9e18 WHERE id = 'broken'",
		}
	}
	if db.Dialect().Name() == dialect.SQLite {
		texts = []string{
			"PRAGMA writable_schema = ON",
			"UPDATE sqlite_schema SET sql = replace(replace(sql, ') STRICT', ')'), 'NOT NULL', '') WHERE name = 'tenants'",
			"PRAGMA writable_schema = RESET",
			"PRAGMA ignore_check_constraints = ON",
			"UPDATE tenants SET name = NULL, status = NULL, isolation = x'00ff', schema_name = 7, database_url = NULL, created_at = 9e18 WHERE id = 'broken'",
			"UPDATE tenants SET updated_at = 'yesterday' WHERE id = 'broken'",
			"PRAGMA ignore_check_constraints = OFF",
		}
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // given back
	if db.Dialect().Name() == dialect.SQLite {
		texts = append([]string{"PRAGMA busy_timeout = 60000"}, texts...)
	}
	for _, text := range texts {
		if _, err := conn.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// One row that was broken by hand costs nobody anything, and can be suspended.
func TestBrokenRow(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		for _, id := range []string{"before", "broken", "later"} {
			if _, err := s.Create(t.Context(), tenancy.Tenant{ID: id, Identifier: id + "-x", Name: "Name"}); err != nil {
				t.Fatal(err)
			}
		}
		breakRow(t, db)
		var read []tenancy.Tenant
		for _, limit := range []int{1, 2, 3} {
			read = nil
			for got, err := range tenancy.All(t.Context(), s, tenancy.ListOptions{Limit: limit}) {
				if err != nil {
					t.Fatalf("List: %v", err)
				}
				read = append(read, got)
			}
			if len(read) != 3 {
				t.Errorf("pages of %d: %d tenants, want 3", limit, len(read))
			}
		}
		if _, err := json.Marshal(read); err != nil {
			t.Errorf("Marshal: %v", err)
		}
		if found, err := s.Search(t.Context(), "", tenancy.SearchOptions{}); err != nil || len(found) != 3 {
			t.Errorf("Search: %d tenants, %v", len(found), err)
		}
		if found, err := s.GetByIDs(t.Context(), []string{"before", "broken", "later"}); err != nil || len(found) != 3 {
			t.Errorf("GetByIDs: %d tenants, %v", len(found), err)
		}
		got, err := s.GetByIdentifier(t.Context(), "broken-x")
		if err != nil || got.ID != "broken" || got.Status == tenancy.StatusActive {
			t.Errorf("GetByIdentifier: %+v, %v", got, err)
		}
		if found, err := s.BulkUpdateStatus(t.Context(), []string{"before", "broken", "later"}, tenancy.StatusSuspended); err != nil || len(found) != 3 {
			t.Errorf("BulkUpdateStatus: %d tenants, %v", len(found), err)
		}
		if got, err := s.SetStatus(t.Context(), "broken", tenancy.StatusActive); err != nil || got.Status != tenancy.StatusActive {
			t.Errorf("SetStatus: %+v, %v", got, err)
		}
	})
}

// So does metadata that cannot be read: more levels than encoding/json reads, which
// PostgreSQL stores, or no object.
func TestBrokenMetadata(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		broken := map[string]string{"array": "[1]", "text": `"x"`}
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if db.Dialect().Name() == dialect.SQLite {
			broken["nothing"] = "{"
			broken["deep"] = `{"a":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`
			_, err = conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 60000; PRAGMA ignore_check_constraints = ON")
		} else {
			broken["deep"] = `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`
			_, err = conn.ExecContext(t.Context(), "ALTER TABLE tenants DROP CONSTRAINT tenants_metadata_check")
		}
		if err != nil {
			t.Fatal(err)
		}
		for id, metadata := range broken {
			if _, err := s.Create(t.Context(), tenancy.Tenant{ID: id, Identifier: id + "-x", Name: "Name"}); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.ExecContext(t.Context(), "UPDATE tenants SET metadata = ? WHERE id = ?", metadata, id); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
		if _, err := conn.ExecContext(t.Context(), "UPDATE tenants SET name_folded = NULL"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil { // given back
			t.Fatal(err)
		}
		page, err := s.List(t.Context(), tenancy.ListOptions{})
		if err != nil || len(page.Tenants) != len(broken) {
			t.Errorf("List: %d tenants, %v", len(page.Tenants), err)
		}
		if found, err := s.Search(t.Context(), "name", tenancy.SearchOptions{}); err != nil || len(found) != len(broken) {
			t.Errorf("Search: %d tenants, %v", len(found), err)
		}
		patch, err := tenancy.ParseMetadata([]byte(`{"b":1}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range page.Tenants {
			stored := column(t, db, "metadata", read.ID)
			got, err := s.SetStatus(t.Context(), read.ID, tenancy.StatusSuspended)
			if err != nil || got.Status != tenancy.StatusSuspended {
				t.Errorf("%s: SetStatus: %v", read.ID, err)
			}
			if read.ID == "deep" {
				continue // whatever can be read can be changed
			}
			if !errors.Is(got.Metadata.Err(), tenancy.ErrWithheld) {
				t.Errorf("%s: metadata %s", read.ID, got.Metadata)
			}
			if _, err := s.UpdateMetadata(t.Context(), read.ID, patch); !errors.Is(err, tenancy.ErrInvalid) {
				t.Errorf("%s: UpdateMetadata: %v, want ErrInvalid", read.ID, err)
			}
			if now := column(t, db, "metadata", read.ID); now != stored {
				t.Errorf("%s: metadata was %s and is %s", read.ID, stored, now)
			}
			got.Metadata = patch
			if got, err = s.Update(t.Context(), got); err != nil || got.Metadata != patch {
				t.Errorf("%s: Update: %v", read.ID, err)
			}
		}
	})
}

// A row of the log that was broken by hand may have been about any tenant.
func TestBrokenChange(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		head, err := s.Bounds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		column := "keys"
		if db.Dialect().Name() == dialect.MySQL {
			column = "`keys`"
		}
		exec(t, db, `UPDATE tenants_changes SET `+column+` = '{"id": 7}', fields = '3' WHERE revision > 1`)
		cs, err := s.Changes(t.Context(), head.Newest, 0)
		if err != nil || len(cs) != 1 || cs[0].Kind != tenancy.ChangeReset || !cs[0].Touches(tenancy.IDKey("any")) {
			t.Errorf("Changes: %+v, %v", cs, err)
		}
	})
}
