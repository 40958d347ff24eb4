package postgres

import (
	"context"
	"crypto/md5" //nolint:gosec // PostgreSQL has it too; nobody is kept out by it
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Triggers can get lost: pg_dump --table leaves out the functions that they call,
// and some people disable triggers to load data. Then writes by hand would reach
// no cache, and nothing would say so. The store's own writes fail; see newStatements.

// functions returns the names of what the schema has of them, and of each the MD5
// of what it does.
func (p *store) functions() (functionNames, bodies []string, err error) {
	ddl, err := p.Schema()
	for _, text := range strings.Split(ddl, "\nCREATE OR REPLACE FUNCTION ")[1:] {
		head, rest, _ := strings.Cut(text, `"(`)
		_, rest, _ = strings.Cut(rest, "$body$")
		body, _, _ := strings.Cut(rest, "$body$")
		sum := md5.Sum([]byte(body)) //nolint:gosec // see above
		functionNames = append(functionNames, head[strings.LastIndexByte(head, '"')+1:])
		bodies = append(bodies, hex.EncodeToString(sum[:]))
	}
	return functionNames, bodies, err
}

// ownTriggers is a FROM clause of the triggers tr, on the table c of tenants and its
// change log, that call functions f of the store. The schema, the names of the functions
// and the name of the table are bound to the first three parameters.
const ownTriggers = ` pg_catalog.pg_trigger AS tr JOIN pg_catalog.pg_proc AS f ON f.oid = tr.tgfoid
	JOIN pg_catalog.pg_class AS c ON c.oid = tr.tgrelid JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace AND s.oid = f.pronamespace
	WHERE s.nspname = $1::text AND f.proname = ANY($2::text[]) AND c.relname IN ($3::text, $3::text || '_changes')`

// firesAfter is a condition on a trigger g that is for rows of one event, as the session
// is: those of logical replication fire no triggers of statements.
func firesAfter(event int) string {
	const row, before = 1, 2 // bits of tgtype
	is := func(level int) string { return fmt.Sprintf("g.tgtype & %d = %d", row|before|event, level|event) }
	return "CASE WHEN current_setting('session_replication_role') = 'replica' THEN " + is(row) + " AND g.tgenabled IN ('A', 'R')" +
		" ELSE " + is(0) + " AND g.tgenabled IN ('A', 'O') END"
}

// wrongTriggers names what is wrong with the triggers, the functions and the rows that
// they need, as this version of the schema has them; it knows nothing of a newer one. A
// trigger is known by what it calls, whatever its name.
func (p *store) wrongTriggers(ctx context.Context, in engine.Session) (wrong []string, err error) {
	functionNames, bodies, err := p.functions()
	if err != nil {
		return nil, err
	}
	nameList, err := p.Array(functionNames)
	if err != nil {
		return nil, err
	}
	bodyList, err := p.Array(bodies)
	if err != nil {
		return nil, err
	}
	var there bool
	tenants := "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace" +
		" WHERE s.nspname = $1::text AND c.relname = $2::text AND c.relkind = 'r')"
	if _, err := in.One(ctx, tenants, []any{p.Names.Schema, p.Names.Table}, &there); err != nil {
		return nil, err
	} else if !there {
		return nil, p.TableGone()
	}
	lock, changes := p.Table("_lock"), p.Table("_changes")
	tableList, err := p.Array([]string{lock, changes})
	if err != nil {
		return nil, err
	}
	add := func(rows *sql.Rows) error {
		var what string
		err := rows.Scan(&what)
		wrong = append(wrong, what)
		return err
	}
	if err := in.Each(ctx, "SELECT 'table ' || n.name || ' is missing' FROM unnest($1::text[]) AS n (name) WHERE to_regclass(n.name) IS NULL", []any{tableList}, add); err != nil || len(wrong) > 0 {
		return wrong, err
	}
	err = in.Each(ctx, fmt.Sprintf(`SELECT w.what FROM (
		SELECT format('trigger %%s of %%s %%s', tr.tgname, c.relname, CASE tr.tgenabled WHEN 'O' THEN 'does not fire for replication as it should'
			WHEN 'R' THEN 'fires for replication only' WHEN 'A' THEN 'fires for replication too' ELSE 'is disabled' END) AS what
		FROM %[1]s AND tr.tgenabled <> CASE tr.tgtype & 3 WHEN 1 THEN 'R' WHEN 0 THEN 'O' -- after rows, after statements
			ELSE CASE c.relname WHEN $3::text THEN 'A' ELSE 'O' END END
		UNION ALL SELECT format('there are %%s of 8 triggers', count(*)) FROM %[1]s HAVING count(*) <> 8
		UNION ALL SELECT format('function %%s is missing or changed', should.name) FROM unnest($2::text[], $4::text[]) AS should (name, body)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS f JOIN pg_catalog.pg_namespace AS s ON s.oid = f.pronamespace AND s.nspname = $1::text
			WHERE f.proname = should.name AND md5(f.prosrc) = should.body)
		UNION ALL SELECT 'table %[2]s has no row' WHERE NOT EXISTS (SELECT FROM %[2]s)
		UNION ALL SELECT 'table %[3]s has no row' WHERE NOT EXISTS (SELECT FROM %[3]s)) AS w WHERE (SELECT max(version) FROM %[4]s) = %[5]d ORDER BY w.what`,
		ownTriggers, lock, changes, p.Table("_schema"), engine.SchemaVersion),
		[]any{p.Names.Schema, nameList, p.Names.Table, bodyList}, add)
	return wrong, err
}

// repairTriggers makes the triggers and what they need anew if they do not all fire.
// What was written without them is not in the log, so it then gets a reset, which
// touches every key.
func (p *store) repairTriggers(ctx context.Context, in engine.Session) error {
	wrong, err := p.wrongTriggers(ctx, in)
	if err != nil || len(wrong) == 0 {
		return err
	}
	ddl, err := p.Schema()
	if err != nil {
		return err
	}
	functionNames, _, err := p.functions()
	if err != nil {
		return err
	}
	nameList, err := p.Array(functionNames)
	if err != nil {
		return err
	}
	var drop string // those of other names, too
	if _, err := in.One(ctx, "SELECT coalesce(string_agg(format('DROP TRIGGER %I ON %I.%I', tr.tgname, s.nspname, c.relname), '; '), '') FROM"+ownTriggers,
		[]any{p.Names.Schema, nameList, p.Names.Table}, &drop); err != nil {
		return err
	}
	reset := fmt.Sprintf("SELECT %s('reset', '', '[]')", p.Table("_append"))
	for _, text := range []string{drop, ddl, reset} {
		if text == "" {
			continue
		}
		if _, err := in.Exec(ctx, text); err != nil {
			return fmt.Errorf("triggers of the change log are missing, disabled or changed, and cannot be made anew"+
				" (let one process start as the owner of the tables): %w", err)
		}
	}
	p.Logger.WarnContext(ctx, "tenancy: triggers of the change log, or what they need, were missing, disabled or changed; made them anew",
		slog.String("triggers", strings.Join(wrong, ", ")))
	return nil
}
