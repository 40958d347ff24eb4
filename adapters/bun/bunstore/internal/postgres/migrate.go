package postgres

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Migrate looks without a lock first, because usually there is nothing to do.
func (p *store) Migrate(ctx context.Context) error {
	done := false
	err := p.Retry(ctx, func() error {
		exists, err := p.migrated(ctx, p.Read)
		if err == nil {
			done, err = p.UpToDate(ctx, p.Read, exists)
		}
		if err == nil && done {
			var wrong []string
			wrong, err = p.wrongTriggers(ctx, p.Read)
			done = len(wrong) == 0
		}
		return err
	})
	if engine.KindOf(err) == engine.Interrupted && ctx.Err() == nil {
		err = nil // by a statement_timeout, from which the transaction below is free
	}
	if err != nil || done {
		return err
	}
	return p.InTransaction(ctx, func(in engine.Session) error {
		exists, err := p.migrated(ctx, in)
		if err == nil {
			err = p.Install(ctx, in, exists)
		}
		if err != nil || !exists {
			return err
		}
		return p.repair(ctx, in)
	})
}

// InTransaction waits as long as another migration takes, which holds the lock
// and may be building an index, and for other locks as briefly as always. Limits that
// the role or database has for ordinary statements do not count.
func (p *store) InTransaction(ctx context.Context, f func(engine.Session) error) error {
	briefly := p.lockTimeoutText
	if p.SessionsReady {
		briefly = "SET LOCAL lock_timeout = DEFAULT"
	}
	return p.Retry(ctx, func() error {
		return p.transact(ctx, func(in engine.Session) error {
			for _, text := range []string{
				"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '1min'",
				"SELECT set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'", // PostgreSQL 17
				MigrationLockText(p.Names),
				briefly,
			} {
				if _, err := in.Exec(ctx, text); err != nil {
					return err
				}
			}
			return f(in)
		})
	})
}

// migrated asks the catalog and not to_regclass, which answers from a cache that
// an advisory lock does not refresh. Another program's table of this name does not
// count; it will be in the way.
func (p *store) migrated(ctx context.Context, in engine.Session) (bool, error) {
	var exists bool
	_, err := in.One(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"+
		" JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid"+
		" WHERE n.nspname = $1::text AND c.relname = $2::text AND a.attname = 'compatible_from')", []any{p.Names.Schema, p.Names.Table + "_schema"}, &exists)
	return exists, err
}

// MigrationLockText takes the lock of migrations: one for each store of a
// database.
func MigrationLockText(n engine.Names) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("tenantstore " + n.Schema + "." + n.Table))        // never fails
	return fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(h.Sum64())) //nolint:gosec // any 64 bits will do
}
