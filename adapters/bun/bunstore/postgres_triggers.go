package bunstore

import (
	"context"
	"fmt"
)

// Triggers can get lost: pg_dump --table leaves out the functions that they call,
// and some people disable triggers to load data. Then writes by hand would reach
// no cache, and nothing would say so.

// triggersFire reports whether all triggers are there and fire, as this version of
// the schema has them; it knows nothing of a newer one.
func (p *postgres) triggersFire(ctx context.Context, in session) (bool, error) {
	n := p.names
	var fire bool
	_, err := in.one(ctx, fmt.Sprintf(`SELECT (SELECT max(version) FROM %s) <> %d OR 8 = (
		SELECT count(*) FROM pg_catalog.pg_trigger AS t
		JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
		WHERE s.nspname = $1::text AND (
			c.relname = $2::text AND t.tgenabled = 'A' AND t.tgname IN ('aaa_%[3]s_lock', 'zzz_%[3]s_record', 'zzz_%[3]s_record_truncate',
				'zzz_%[3]s_log_insert', 'zzz_%[3]s_log_update', 'zzz_%[3]s_log_row')
			OR c.relname = $2::text || '_changes' AND t.tgenabled IN ('O', 'A') AND t.tgname IN ('%[3]s_keep_newest', '%[3]s_keep_newest_truncate')))`,
		p.dialect.table(n, "_schema"), schemaVersion, n.Table), []any{n.Schema, n.Table}, &fire)
	return fire, err
}

// repairTriggers makes the triggers anew if they do not all fire. What was written
// without them is not in the log, so it then gets a reset, which touches every key.
func (p *postgres) repairTriggers(ctx context.Context, in session) error {
	fire, err := p.triggersFire(ctx, in)
	if err != nil || fire {
		return err
	}
	ddl, err := p.names.ddl(p.dialect.ddlFile())
	if err != nil {
		return err
	}
	reset := fmt.Sprintf("SELECT %s('reset', '', '[]')", p.dialect.table(p.names, "_append"))
	for _, text := range []string{ddl, reset} {
		if _, err := in.exec(ctx, text); err != nil {
			return fmt.Errorf("triggers of the change log are missing or disabled, and cannot be made anew"+
				" (let one process start as the owner of the tables): %w", err)
		}
	}
	p.logger.WarnContext(ctx, "tenancy: triggers of the change log were missing or disabled; made them anew")
	return nil
}
