package bunstore

import (
	"context"
	"crypto/md5" //nolint:gosec // PostgreSQL has it too; nobody is kept out by it
	"encoding/hex"
	"fmt"
	"regexp"
)

// Triggers can get lost: pg_dump --table leaves out the functions that they call,
// and some people disable triggers to load data. Then writes by hand would reach
// no cache, and nothing would say so. The store's own writes fail; see newPostgres.

var createFunction = regexp.MustCompile(`(?s)CREATE OR REPLACE FUNCTION "[^"]+"\."([^"]+)"\(.*?\$body\$(.*?)\$body\$`)

// functions returns the names of what the schema has of them, and of each the MD5
// of what it does.
func (p *postgres) functions() (functionNames, bodies []string, err error) {
	ddl, err := p.names.ddl(p.dialect.ddlFile())
	for _, m := range createFunction.FindAllStringSubmatch(ddl, -1) {
		sum := md5.Sum([]byte(m[2])) //nolint:gosec // see above
		functionNames, bodies = append(functionNames, m[1]), append(bodies, hex.EncodeToString(sum[:]))
	}
	return functionNames, bodies, err
}

// ownTriggers is a FROM clause of the triggers tr, on tables c of the schema that is
// bound to the first parameter, that call functions f whose names are bound to the
// second.
const ownTriggers = ` pg_catalog.pg_trigger AS tr JOIN pg_catalog.pg_proc AS f ON f.oid = tr.tgfoid
	JOIN pg_catalog.pg_class AS c ON c.oid = tr.tgrelid JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace AND s.oid = f.pronamespace
	WHERE s.nspname = $1::text AND f.proname = ANY($2::text[])`

// triggersFire reports whether all triggers are there once and fire, whatever their
// names, and the functions and rows that they need are as this version of the schema
// has them; it knows nothing of a newer one.
func (p *postgres) triggersFire(ctx context.Context, in session) (bool, error) {
	functionNames, bodies, err := p.functions()
	if err != nil {
		return false, err
	}
	nameList, err := p.dialect.texts(functionNames)
	if err != nil {
		return false, err
	}
	bodyList, err := p.dialect.texts(bodies)
	if err != nil {
		return false, err
	}
	var fire bool
	lock, changes := p.dialect.table(p.names, "_lock"), p.dialect.table(p.names, "_changes")
	if _, err := in.one(ctx, "SELECT to_regclass($1::text) IS NOT NULL AND to_regclass($2::text) IS NOT NULL", []any{lock, changes}, &fire); err != nil || !fire {
		return false, err
	}
	_, err = in.one(ctx, fmt.Sprintf(`SELECT (SELECT max(version) FROM %s) <> %d
		OR (SELECT count(*) = 8 AND count(*) FILTER (WHERE tr.tgenabled = 'A' OR tr.tgenabled = 'O' AND c.relname = $4::text) = 8 FROM %s)
		AND cardinality($2::text[]) = (SELECT count(*) FROM unnest($2::text[], $3::text[]) AS should (name, body)
			JOIN pg_catalog.pg_proc AS f ON f.proname = should.name AND md5(f.prosrc) = should.body
			JOIN pg_catalog.pg_namespace AS s ON s.oid = f.pronamespace AND s.nspname = $1::text)
		AND EXISTS (SELECT FROM %s) AND EXISTS (SELECT FROM %s)`,
		p.dialect.table(p.names, "_schema"), schemaVersion, ownTriggers, lock, changes),
		[]any{p.names.Schema, nameList, bodyList, p.names.Table + "_changes"}, &fire)
	return fire, err
}

// repairTriggers makes the triggers and what they need anew if they do not all fire.
// What was written without them is not in the log, so it then gets a reset, which
// touches every key.
func (p *postgres) repairTriggers(ctx context.Context, in session) error {
	fire, err := p.triggersFire(ctx, in)
	if err != nil || fire {
		return err
	}
	ddl, err := p.names.ddl(p.dialect.ddlFile())
	if err != nil {
		return err
	}
	functionNames, _, err := p.functions()
	if err != nil {
		return err
	}
	nameList, err := p.dialect.texts(functionNames)
	if err != nil {
		return err
	}
	var drop string // those of other names, too
	if _, err := in.one(ctx, "SELECT coalesce(string_agg(format('DROP TRIGGER %I ON %I.%I', tr.tgname, s.nspname, c.relname), '; '), '') FROM"+ownTriggers,
		[]any{p.names.Schema, nameList}, &drop); err != nil {
		return err
	}
	reset := fmt.Sprintf("SELECT %s('reset', '', '[]')", p.dialect.table(p.names, "_append"))
	for _, text := range []string{drop, ddl, reset} {
		if text == "" {
			continue
		}
		if _, err := in.exec(ctx, text); err != nil {
			return fmt.Errorf("triggers of the change log are missing, disabled or changed, and cannot be made anew"+
				" (let one process start as the owner of the tables): %w", err)
		}
	}
	p.logger.WarnContext(ctx, "tenancy: triggers of the change log, or what they need, were missing, disabled or changed; made them anew")
	return nil
}
