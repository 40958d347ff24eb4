package bunpg_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/template"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// These tests speak to the tables alone, as other programs do.

func newSchema(t testing.TB) string {
	t.Helper()
	dsn := newDatabase(t)
	exec(t, connect(t, dsn), ddl(t, "public", "tenants"))
	return dsn
}

func ddl(t testing.TB, schema, table string) string {
	t.Helper()
	text, err := os.ReadFile("../bunstore/internal/postgres/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	data := map[string]string{"Schema": schema, "Table": table, "Channel": "changed"}
	if err := template.Must(template.New("").Option("missingkey=error").Parse(string(text))).Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// change is a row of the log, its keys as text.
type change struct {
	Revision int64
	Op       string
	TenantID string
	Keys     string
}

func changes(t testing.TB, conn *pgx.Conn) []change {
	t.Helper()
	rows, err := conn.Query(context.Background(), `
		SELECT revision, op, tenant_id, (
			SELECT coalesce(string_agg((k->>0) || ':' || (k->>1), ' ' ORDER BY n), '')
			FROM jsonb_array_elements(keys) WITH ORDINALITY AS e(k, n))
		FROM tenants_changes ORDER BY revision`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[change])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkLog fails unless revisions run from 1 without a gap, with different
// marks, and rows and log agree: every tenant carries the revision of the last
// change that touched its ID, and that change's mark, and an ID that no tenant has
// was not created or updated last.
func checkLog(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	n := one[int](t, conn, `SELECT count(*) FROM tenants_changes`)
	got := one[string](t, conn, `SELECT concat_ws(' ', min(revision), max(revision), count(DISTINCT mark)) FROM tenants_changes`)
	if want := fmt.Sprint(1, n, n); got != want {
		t.Fatalf("oldest, newest, marks: %s, want %s", got, want)
	}
	const disagree = `
		WITH touch AS (
			SELECT c.revision, c.mark, c.op, c.tenant_id, k->>1 AS id
			FROM tenants_changes c, jsonb_array_elements(c.keys) k
			WHERE k->>0 = 'id' AND c.revision > (SELECT max(revision) FROM tenants_changes WHERE op = 'reset')
		), written AS (
			SELECT DISTINCT ON (id) * FROM touch
			ORDER BY id, revision DESC
		)
		SELECT format('tenant %s has revision %s, its last change: %s %s', t.id, t.revision, w.op, w.revision)
			FROM tenants t LEFT JOIN written w USING (id) WHERE (t.revision, t.mark) IS DISTINCT FROM (w.revision, w.mark)
		UNION ALL
		SELECT format('tenant %s is gone, its last change: %s %s', w.id, w.op, w.revision)
			FROM written w WHERE op <> 'delete' AND tenant_id = id AND id NOT IN (SELECT id FROM tenants)`
	for _, line := range query[string](t, conn, disagree) {
		t.Error(line)
	}
}

func wantChanges(t testing.TB, conn *pgx.Conn, want ...string) {
	t.Helper()
	var got []string
	for _, c := range changes(t, conn)[1:] { // the first is the reset of a new log
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", c.Revision, c.Op, c.TenantID, c.Keys)))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("log:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// wantRefused runs a statement that must fail, and returns the error.
func wantRefused(t testing.TB, conn *pgx.Conn, code, sql string, args ...any) *pgconn.PgError {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := conn.Exec(ctx, sql, args...)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("%s: error %v, want SQLSTATE %s", sql, err, code)
	}
	return refused
}

func TestNewLogBeginsWithReset(t *testing.T) {
	conn := connect(t, newSchema(t))
	got := changes(t, conn)
	if want := (change{1, "reset", "", ""}); len(got) != 1 || got[0] != want {
		t.Errorf("log %+v, want %+v", got, want)
	}
}

func TestSchemaIsIdempotent(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, conn, ddl(t, "public", "tenants"))
	exec(t, conn, `UPDATE tenants SET name = 'B'`)
	wantChanges(t, conn, "2 create 1 id:1 identifier:acme", "3 update 1 id:1 identifier:acme")
}

func TestSchemaTakesReservedNames(t *testing.T) {
	conn := connect(t, newDatabase(t))
	exec(t, conn, ddl(t, "order", "user"))
	exec(t, conn, `INSERT INTO "order"."user" (identifier, name) VALUES ('acme', 'Acme')`)
	if got := one[int64](t, conn, `SELECT revision FROM "order"."user"`); got != 2 {
		t.Errorf("revision %d, want 2", got)
	}
}

func TestSchemaWorksUnderAnySearchPath(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `CREATE SCHEMA evil`)
	exec(t, conn, `CREATE TABLE evil.tenants_changes (revision bigint)`)
	exec(t, conn, `CREATE FUNCTION evil.uuid_hash_extended(uuid, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'`)
	for _, path := range []string{`''`, `evil`, `evil, public`} {
		exec(t, conn, `SET search_path = `+path)
		exec(t, conn, `INSERT INTO public.tenants (identifier, name) VALUES ('t-' || (random() * 1e9)::int, 'T')`)
	}
	exec(t, conn, `SET search_path = public`)
	checkLog(t, conn)
	if n := len(changes(t, conn)); n != 4 {
		t.Errorf("%d changes, want 4", n)
	}
}

func TestHandInsertNeedsIdentifierAndNameOnly(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (identifier, name) VALUES ('acme', 'Acme')`)
	got := one[string](t, conn, `SELECT concat_ws('|', length(id), name_folded, status, isolation, database_url,
		schema_name, metadata, created_at = updated_at, revision) FROM tenants`)
	if want := "36|acme|active||||{}|t|2"; got != want {
		t.Errorf("row %s, want %s", got, want)
	}
}

func TestConstraints(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	for _, c := range []struct{ set, constraint string }{
		{`id = ''`, "tenants_id_check"},
		{`id = repeat('ä', 256)`, "tenants_id_check"},
		{`identifier = 'ab'`, "tenants_identifier_check"},
		{`identifier = E'acme\n'`, "tenants_identifier_check"},
		{`identifier = E'x\nacme'`, "tenants_identifier_check"},
		{`identifier = 'Acme'`, "tenants_identifier_check"},
		{`identifier = 'äcme'`, "tenants_identifier_check"},
		{`identifier = 'acme-'`, "tenants_identifier_check"},
		{`identifier = repeat('a', 64)`, "tenants_identifier_check"},
		{`name = ''`, "tenants_name_check"},
		{`name = repeat('ä', 256)`, "tenants_name_check"},
		{`metadata = '[]'`, "tenants_metadata_check"},
		{`metadata = 'null'`, "tenants_metadata_check"},
		{`created_at = 'infinity'`, "tenants_created_at_check"},
		{`created_at = '0001-01-01 BC'`, "tenants_created_at_check"},
		{`updated_at = 'infinity'`, "tenants_updated_at_check"},
		{`updated_at = '10000-01-01'`, "tenants_updated_at_check"},
	} {
		if err := wantRefused(t, conn, "23514", `UPDATE tenants SET `+c.set); err.ConstraintName != c.constraint {
			t.Errorf("%s violates %s, want %s", c.set, err.ConstraintName, c.constraint)
		}
	}
	for _, set := range []string{
		`id = repeat('ä', 255)`, `identifier = repeat('a', 63)`, `identifier = 'a-1'`, `name = repeat('🙂', 255)`,
		`status = 'unheard-of'`, `isolation = 'unheard-of'`, `created_at = '0001-01-01 00:00:00+00'`,
	} {
		exec(t, conn, `UPDATE tenants SET `+set)
	}
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('2', 'beta', 'Beta')`)
	if err := wantRefused(t, conn, "23505", `UPDATE tenants SET id = '2' WHERE id <> '2'`); err.ConstraintName != "tenants_pkey" {
		t.Errorf("taken ID violates %s", err.ConstraintName)
	}
	if err := wantRefused(t, conn, "23505", `UPDATE tenants SET identifier = 'beta' WHERE id <> '2'`); err.ConstraintName != "tenants_identifier_key" {
		t.Errorf("taken identifier violates %s", err.ConstraintName)
	}
	checkLog(t, conn)
}

func TestTextIsOrderedByBytes(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name)
		SELECT id, 't-' || n, 'T' FROM unnest(ARRAY['a', 'B', 'ä', 'Z', '-', '🙂']) WITH ORDINALITY AS i(id, n)`)
	got := strings.Join(query[string](t, conn, `SELECT id FROM tenants ORDER BY id`), "")
	if want := "-BZaä🙂"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
}

func TestDatabaseMustBeUTF8(t *testing.T) {
	dsn := newDatabase(t)
	admin := connect(t, dsn)
	name := one[string](t, admin, `SELECT current_database()`) + "_latin"
	exec(t, admin, `CREATE DATABASE `+name+` ENCODING LATIN1 LOCALE 'C' TEMPLATE template0`)
	t.Cleanup(func() { exec(t, admin, `DROP DATABASE `+name+` WITH (FORCE)`) })
	if _, err := bunpg.Open(t.Context(), withDatabase(t, dsn, name)); err == nil || !strings.Contains(err.Error(), "UTF8") {
		t.Errorf("Open: %v, want an error that names the encoding", err)
	}
	err := wantRefused(t, connect(t, withDatabase(t, dsn, name)), "0A000", ddl(t, "public", "tenants"))
	if !strings.Contains(err.Message, "UTF8") {
		t.Errorf("error %q does not name the encoding", err.Message)
	}
}

// A role that writes tenants needs no more than the file says.
func TestGrantsOfAWriter(t *testing.T) {
	dsn := newSchema(t)
	owner, writer := connect(t, dsn), connect(t, dsn)
	role := one[string](t, owner, `SELECT current_database()`) + "_writer"
	exec(t, owner, `CREATE ROLE `+role)
	t.Cleanup(func() { exec(t, owner, `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	exec(t, owner, `GRANT INSERT, UPDATE, DELETE, SELECT ON tenants, tenants_names TO `+role+`;
		GRANT SELECT, INSERT ON tenants_changes TO `+role+`; GRANT SELECT, UPDATE ON tenants_lock TO `+role)
	exec(t, writer, `SET ROLE `+role)
	exec(t, writer, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, writer, `UPDATE tenants SET name = 'B'`)
	exec(t, writer, `DELETE FROM tenants`)
	checkLog(t, owner)
}

// A role that runs the library, but must not migrate, needs these and no less;
// docs/migrations.md has them.
func TestGrantsOfTheLibrary(t *testing.T) {
	grants := []string{
		"USAGE ON SCHEMA app",
		"SELECT, INSERT, UPDATE, DELETE ON app.tenants",
		"SELECT, INSERT, UPDATE, DELETE ON app.tenants_names",
		"SELECT, INSERT, DELETE ON app.tenants_changes",
		"SELECT, UPDATE ON app.tenants_lock",
		"SELECT ON app.tenants_schema",
	}
	dsn := newDatabase(t)
	owner := connect(t, dsn)
	text, err := bunstore.DDL(dialect.PG, bunstore.WithSchema("app"))
	if err != nil {
		t.Fatal(err)
	}
	exec(t, owner, text)
	role := one[string](t, owner, `SELECT current_database()`) + "_library"
	exec(t, owner, `CREATE ROLE `+role)
	t.Cleanup(func() { exec(t, owner, `DROP OWNED BY `+role+`; DROP ROLE `+role) })

	separator := " "
	if strings.Contains(dsn, "://") {
		separator = "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
	}
	use := func(schema string) error {
		ctx := t.Context()
		store, err := bunpg.Open(ctx, dsn+separator+"role="+role, bunpg.WithStore(bunstore.WithSchema(schema)))
		if err != nil {
			return err
		}
		acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
		if err == nil {
			_, err = store.SetStatus(ctx, acme.ID, tenancy.StatusSuspended)
		}
		var head tenancy.Bounds
		if err == nil {
			head, err = store.Bounds(ctx)
		}
		if err == nil {
			_, err = store.Compact(ctx, head.Newest.Revision)
		}
		if err == nil {
			err = store.Delete(ctx, acme.ID)
		}
		return errors.Join(err, store.Close())
	}
	for leftOut := -1; leftOut < len(grants); leftOut++ {
		exec(t, owner, `DROP OWNED BY `+role)
		missing := "nothing"
		for i, grant := range grants {
			if i == leftOut {
				missing = grant
				continue
			}
			exec(t, owner, `GRANT `+grant+` TO `+role)
		}
		switch err := use("app"); {
		case leftOut < 0 && err != nil:
			t.Errorf("with all of them: %v", err)
		case leftOut >= 0 && (err == nil || !strings.Contains(err.Error(), "permission denied")):
			t.Errorf("without %s: %v, want permission denied", missing, err)
		}
	}
	if err := use("other"); err == nil || !strings.Contains(err.Error(), "may not create") {
		t.Errorf("a schema that is not there: %v", err)
	}
}
