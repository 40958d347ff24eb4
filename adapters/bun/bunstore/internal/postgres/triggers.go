package postgres

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // PostgreSQL has it too; nobody is kept out by it
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
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

// trigger is one that the schema has.
type trigger struct{ relation, function, kind, enabled string }

var (
	createTrigger = regexp.MustCompile(`(?s)\nCREATE OR REPLACE TRIGGER ("[^"]+")\s+(AFTER|BEFORE) (.+?) ON "[^"]+"\."([^"]+)".*?FOR EACH (ROW|STATEMENT).*?EXECUTE FUNCTION "[^"]+"\."([^"]+)"\(\);`)
	enableTrigger = regexp.MustCompile(`\nALTER TABLE "[^"]+"\."([^"]+)" ENABLE (ALWAYS|REPLICA) TRIGGER ("[^"]+");`)
)

// triggersOf returns what a schema has of them.
func triggersOf(ddl string) (triggers []trigger) {
	enabled := map[string]string{}
	for _, m := range enableTrigger.FindAllStringSubmatch(ddl, -1) {
		enabled[m[1]+m[3]] = m[2][:1]
	}
	bits := map[string]int{"ROW": 1, "BEFORE": 2, "INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32} // of pg_trigger.tgtype
	for _, m := range createTrigger.FindAllStringSubmatch(ddl, -1) {
		kind := bits[m[2]] | bits[m[5]]
		for event := range strings.SplitSeq(m[3], " OR ") {
			kind |= bits[event]
		}
		triggers = append(triggers, trigger{m[4], m[6], strconv.Itoa(kind), cmp.Or(enabled[m[4]+m[1]], "O")})
	}
	return triggers
}

// ownTriggers is a FROM clause of the triggers tr, on the tables c of tenants, their names
// and the change log, that call functions f of the store. The schema, the names of the
// functions and the name of the table of tenants are bound to the first three parameters.
const ownTriggers = ` pg_catalog.pg_trigger AS tr JOIN pg_catalog.pg_proc AS f ON f.oid = tr.tgfoid
	JOIN pg_catalog.pg_class AS c ON c.oid = tr.tgrelid JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace AND s.oid = f.pronamespace
	WHERE s.nspname = $1::text AND f.proname = ANY($2::text[]) AND c.relname IN ($3::text, $3::text || '_names', $3::text || '_changes')`

// firesAfter is a condition on a trigger g that is for rows of one event, as the session
// is: those of logical replication fire no triggers of statements.
func firesAfter(event int) string {
	const row, before = 1, 2 // bits of tgtype
	is := func(level int) string { return fmt.Sprintf("g.tgtype & %d = %d", row|before|event, level|event) }
	return "CASE WHEN current_setting('session_replication_role') = 'replica' THEN " + is(row) + " AND g.tgenabled IN ('A', 'R')" +
		" ELSE " + is(0) + " AND g.tgenabled IN ('A', 'O') END"
}

// arrays binds texts, each list as one parameter.
func (p *store) arrays(lists ...[]string) (args []any, err error) {
	for _, list := range lists {
		array, err := p.Array(list)
		if err != nil {
			return nil, err
		}
		args = append(args, array)
	}
	return args, nil
}

// wrongTriggers names what is wrong with the triggers, the functions and the rows that
// they need, as this version of the schema has them; it knows nothing of a newer one. A
// trigger is known by what it calls, whatever its name.
func (p *store) wrongTriggers(ctx context.Context, in engine.Session) (wrong []string, err error) {
	functionNames, bodies, err := p.functions()
	if err != nil {
		return nil, err
	}
	ddl, err := p.Schema()
	if err != nil {
		return nil, err
	}
	triggers := triggersOf(ddl)
	var should [4][]string
	for _, t := range triggers {
		for i, value := range []string{t.relation, t.function, t.kind, t.enabled} {
			should[i] = append(should[i], value)
		}
	}
	lock, changes, names := p.Table("_lock"), p.Table("_changes"), p.Table("_names")
	lists, err := p.arrays(functionNames, bodies, []string{lock, changes, names}, should[0], should[1], should[2], should[3])
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
	add := func(rows *sql.Rows) error {
		var what string
		err := rows.Scan(&what)
		wrong = append(wrong, what)
		return err
	}
	if err := in.Each(ctx, "SELECT 'table ' || n.name || ' is missing' FROM unnest($1::text[]) AS n (name) WHERE to_regclass(n.name) IS NULL", lists[2:3], add); err != nil || len(wrong) > 0 {
		return wrong, err
	}
	err = in.Each(ctx, fmt.Sprintf(`SELECT w.what FROM (
		SELECT format('trigger %%s of %%s %%s', tr.tgname, c.relname, CASE tr.tgenabled WHEN 'O' THEN 'does not fire for replication as it should'
			WHEN 'R' THEN 'fires for replication only' WHEN 'A' THEN 'fires for replication too' ELSE 'is disabled' END) AS what
		FROM %[1]s AND EXISTS (SELECT FROM unnest($5::text[], $6::text[], $7::text[], $8::text[]) AS should (relation, function, kind, enabled)
			WHERE should.relation = c.relname AND should.function = f.proname AND should.kind = tr.tgtype::text AND should.enabled <> tr.tgenabled::text)
		UNION ALL SELECT format('there are %%s of %[6]d triggers', count(*)) FROM %[1]s HAVING count(*) <> %[6]d
		UNION ALL SELECT format('function %%s is missing or changed', should.name) FROM unnest($2::text[], $4::text[]) AS should (name, body)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS f JOIN pg_catalog.pg_namespace AS s ON s.oid = f.pronamespace AND s.nspname = $1::text
			WHERE f.proname = should.name AND md5(f.prosrc) = should.body)
		UNION ALL SELECT 'table %[2]s has no row' WHERE NOT EXISTS (SELECT FROM %[2]s)
		UNION ALL SELECT 'table %[3]s has no row' WHERE NOT EXISTS (SELECT FROM %[3]s)) AS w WHERE (SELECT max(version) FROM %[4]s) = %[5]d ORDER BY w.what`,
		ownTriggers, lock, changes, p.Table("_schema"), engine.SchemaVersion, len(triggers)),
		append([]any{p.Names.Schema, lists[0], p.Names.Table, lists[1]}, lists[3:]...), add)
	return wrong, err
}

// repair brings an older schema up to date, and makes the triggers and what they need anew
// if they do not all fire. What was written without them is not in the log, so it then gets
// a reset, which touches every key.
func (p *store) repair(ctx context.Context, in engine.Session) error {
	old, err := p.Old(ctx, in)
	if err != nil {
		return err
	}
	wrong, err := p.wrongTriggers(ctx, in)
	if err != nil || len(wrong) == 0 && !old {
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
	cannot, done := "triggers of the change log are missing, disabled or changed, and cannot be made anew", "triggers of the change log, or what they need, were missing, disabled or changed; made them anew"
	if old {
		cannot, done = "the schema is of an older version, and cannot be brought up to date", "brought the schema up to date"
	}
	reset := fmt.Sprintf("SELECT %s('reset', '', '[]')", p.Table("_append"))
	for _, text := range append(append([]string{drop, ddl}, p.mend()...), reset) {
		if text == "" {
			continue
		}
		if _, err := in.Exec(ctx, text); err != nil {
			return fmt.Errorf(cannot+" (let one process start as the owner of the tables): %w", err)
		}
	}
	if old {
		p.Logger.InfoContext(ctx, "tenancy: "+done, slog.Int("version", engine.SchemaVersion))
		return nil
	}
	p.Logger.WarnContext(ctx, "tenancy: "+done, slog.String("triggers", strings.Join(wrong, ", ")))
	return nil
}

// mend makes names and tenants agree that were written without triggers.
func (p *store) mend() []string {
	tenants, names, namesOf := p.Table(""), p.Table("_names"), p.Table("_names_of")
	return []string{
		"DELETE FROM ONLY " + names + " AS n WHERE NOT EXISTS (SELECT FROM ONLY " + tenants + " AS t WHERE t.id = n.tenant_id)",
		"DELETE FROM ONLY " + names + " AS n USING ONLY " + tenants + " AS t WHERE n.kind = 'former' AND t.identifier = n.value AND t.id <> n.tenant_id",
		"UPDATE ONLY " + tenants + " AS t SET names = " + namesOf + "(t.id, t.identifier)" +
			" WHERE (t.names <> '[]' OR EXISTS (SELECT FROM ONLY " + names + " AS n WHERE n.tenant_id = t.id)) AND t.names <> " + namesOf + "(t.id, t.identifier)",
	}
}
