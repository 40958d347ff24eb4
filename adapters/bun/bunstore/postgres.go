package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
)

// postgres is the store on PostgreSQL. A write is one statement wherever that is
// possible. Its BEFORE STATEMENT trigger takes the lock of all writers, so the
// statement itself must never wait for a row while it holds that: it locks rows
// NOWAIT, fails if somebody edits them, lets go of everything and is tried
// again. Hence no session is ever in a deadlock with the store.
type postgres struct {
	*base
	insert, insertMany  string
	put, rename, stored string
	status, statuses    string
	merge               string
	lock, forUpdate     string // of UpdateMetadata's slow path
	setMetadata         string
	secret              string // replaces a database_url
	softRemove, remove  string
	settings            string // of a transaction whose session is not ready
	lockTimeoutText     string
}

func newPostgres(b *base) *postgres {
	t := b.dialect.table(b.names, "")
	// own selects the row with id $1 if condition holds, and locks it.
	own := func(condition, strength string) string {
		return " WHERE t.id = (SELECT c.id FROM ONLY " + t + " AS c WHERE c.id = $1 AND " + noView("c") + condition + " FOR " + strength + " NOWAIT)"
	}
	// actor is a subquery that tells the triggers who makes the statement. It is not
	// pulled up, because its function is volatile.
	actor := func(param string) string {
		return "(SELECT CASE WHEN " + param + "::text <> '' THEN set_config('tenantstore.actor', " + param + "::text, true) END) AS actor"
	}
	const (
		stamp    = "updated_at = greatest(clock_timestamp(), t.updated_at + interval '1 microsecond')"
		inserted = " (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at) "
		// An UPDATE that does not set a column of a unique index locks less: it
		// does not collide with foreign key checks of the application's tables.
		weak, strong = "NO KEY UPDATE", "UPDATE"
		unchanged    = " AND ($2::bigint = -1 OR c.revision = $2::bigint AND c.mark = $12::bigint)"
	)
	// Every write looks whether the triggers have stamped its row: then the setting of
	// the transaction names the row, or the revision of its deletion. What has stamped it
	// logs it when the statement is over, if the trigger of that kind of statement fires.
	// A number that is none makes the statement fail, and change nothing.
	setting := "current_setting('tenantstore." + b.names.Schema + "." + b.names.Table + "', true)"
	checked := func(condition string) string {
		return "CASE WHEN " + condition + " THEN t.mark::text ELSE '" + unlogged + "' END::bigint"
	}
	const ofInsert, ofUpdate = 4, 16 // as in pg_trigger.tgtype
	mark := func(event int) string {
		return checked(setting + " = t.revision || ' ' || t.id AND EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = '" + t + "'::regclass" +
			" AND g.tgfoid = '" + b.dialect.table(b.names, "_record") + "()'::regprocedure AND " + firesAfter(event) + ")")
	}
	insertReturned := " RETURNING " + strings.Replace(columns, "t.mark", mark(ofInsert), 1)
	returned := " RETURNING " + strings.Replace(columns, "t.mark", mark(ofUpdate), 1)
	returnedMark := " RETURNING " + mark(ofUpdate)
	mutable := "name = $4, name_folded = $5, status = $6, isolation = $7, database_url = $8, schema_name = $9, metadata = $10::jsonb, " + stamp + " FROM " + actor("$11")
	update, by := "UPDATE ONLY "+t+" AS t SET ", " FROM "+actor("$3")
	p := &postgres{
		base: b,
		insert: "INSERT INTO " + t + " AS t" + inserted +
			"SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::jsonb, $10::timestamptz, $11::timestamptz FROM " + actor("$12") + insertReturned,
		insertMany: "INSERT INTO " + t + " AS t" + inserted +
			"SELECT n.id, n.identifier, n.name, n.name_folded, n.status, n.isolation, n.database_url, n.schema_name, n.metadata, n.created_at, n.updated_at" +
			" FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[], $10::timestamptz[], $11::timestamptz[])" +
			" WITH ORDINALITY AS n (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at, place), " + actor("$12") +
			" WHERE NOT EXISTS (SELECT FROM ONLY " + t + " AS c WHERE c.id = n.id) AND NOT EXISTS (SELECT FROM ONLY " + t + " AS c WHERE c.identifier = n.identifier)" +
			" ORDER BY n.place ON CONFLICT DO NOTHING" + insertReturned,
		put:    update + mutable + own(unchanged+" AND c.identifier = $3", weak) + returned,
		rename: update + "identifier = $3, " + mutable + own(unchanged, strong) + returned,
		stored: "SELECT t.revision, t.mark, t.identifier FROM " + b.dialect.source(b.names, "", "t") + " WHERE t.id = $1",
		status: update + "status = $2, " + stamp + by + own("", weak) + returned,
		statuses: "WITH own AS (SELECT c.id, c.updated_at FROM ONLY " + t + " AS c WHERE c.id = ANY($1::text[]) AND " + noView("c") + " ORDER BY c.id FOR " + weak + " NOWAIT)," +
			" stamp AS (SELECT greatest(clock_timestamp(), max(own.updated_at) + interval '1 microsecond') AS at FROM own, " + actor("$3") + ") " +
			update + "status = $2, updated_at = stamp.at FROM own, stamp WHERE t.id = own.id" + returned,
		merge: update + "metadata = t.metadata || $2::jsonb, " + stamp + by +
			own(" AND jsonb_typeof(c.metadata) = 'object' AND octet_length((c.metadata || $2::jsonb)::text) <= $4 AND c.metadata || $2::jsonb <> c.metadata", weak) + returned,
		lock:        "SELECT id FROM ONLY " + b.dialect.table(b.names, "_lock") + " FOR UPDATE",
		forUpdate:   "SELECT " + columns + " FROM ONLY " + t + " AS t WHERE t.id = $1 FOR " + weak + " NOWAIT",
		setMetadata: update + "metadata = $2::jsonb, " + stamp + by + " WHERE t.id = $1" + returned,
		secret:      update + "database_url = $2, " + stamp + by + own(" AND c.database_url = $4", weak) + returnedMark,
		softRemove:  update + "status = $2, " + stamp + by + own(" AND c.status <> $2", weak) + returnedMark,
		remove:      "DELETE FROM ONLY " + t + " AS t USING " + actor("$2") + own("", strong) + " RETURNING " + checked("nullif(split_part("+setting+", ' ', 1), '')::bigint > t.revision"),

		// The first of them must come before the first snapshot.
		settings: fmt.Sprintf("SET LOCAL transaction_read_only = off; SET LOCAL lock_timeout = %d; SET LOCAL row_security = off; SELECT 1 WHERE %s",
			max(b.lockTimeout.Milliseconds(), 1), sessionIsFit("")),
		lockTimeoutText: fmt.Sprintf("SET LOCAL lock_timeout = %d", max(b.lockTimeout.Milliseconds(), 1)),
	}
	b.inspectDatabase = p.inspect
	return p
}

// single runs f, which is one statement, again as long as it loses against other
// sessions: on the pool, if its sessions are set up, else in a transaction.
func (p *postgres) single(ctx context.Context, f func(session) error) error {
	return p.write(ctx, p.sessionsReady, f)
}

// onConnection runs f on a connection of the pool. If the context ends before there is
// one, which takes long while all of them hang, nothing was sent.
func (p *postgres) onConnection(ctx context.Context, f func(session) error) (err error) {
	for range attempts {
		conn, failed := p.db.Conn(ctx)
		if failed != nil {
			return undone(fail(ctx, p.dialect, failed))
		}
		h := &held{Conn: conn}
		err = f(p.read.with(h))
		_ = conn.Close() // gives it back
		if !h.unsent {
			return err
		}
	}
	return err
}

// held is a connection that is taken from the pool for a statement.
type held struct {
	*sql.Conn
	unsent bool // the statement: the driver has found the connection dead, and wants another
}

// QueryContext implements runner.
func (h *held) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	rows, err := h.Conn.QueryContext(ctx, text, args...)
	h.unsent = errors.Is(err, driver.ErrBadConn)
	return rows, err
}

// ExecContext implements runner.
func (h *held) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	result, err := h.Conn.ExecContext(ctx, text, args...)
	h.unsent = errors.Is(err, driver.ErrBadConn)
	return result, err
}

// transaction runs f in a transaction, again as long as it loses against other
// sessions.
func (p *postgres) transaction(ctx context.Context, f func(session) error) error {
	return p.write(ctx, false, f)
}

// write runs f. A session whose plans are outdated goes on with them: those of
// prepared statements the driver forgets, those of triggers have to be discarded.
func (p *postgres) write(ctx context.Context, alone bool, f func(session) error) error {
	discard := false
	err := p.retry(ctx, func() (err error) {
		if alone && !discard {
			err = p.onConnection(ctx, f)
		} else {
			err = p.transact(ctx, func(in session) error {
				if discard {
					if _, err := in.exec(ctx, "DISCARD PLANS"); err != nil {
						return err
					}
				}
				return f(in)
			})
		}
		discard = kindOf(err) == outdated
		return err
	})
	if err == nil {
		p.wrote()
	}
	return notApplied(err)
}

func (p *postgres) transact(ctx context.Context, f func(session) error) error {
	tx, err := p.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return undone(fail(ctx, p.dialect, err))
	}
	defer func() { _ = tx.Rollback() }() // the transaction is over in any case, by a panic of f too
	in := p.read.with(tx)
	if !p.sessionsReady {
		_, err = in.exec(ctx, p.settings)
	}
	if err == nil {
		err = f(in)
	}
	if err != nil {
		return undone(err)
	}
	// A COMMIT without an answer may have happened: never tried again.
	return fail(ctx, p.dialect, tx.Commit())
}

// migrate looks without a lock first, because usually there is nothing to do.
func (p *postgres) migrate(ctx context.Context) error {
	done := false
	err := p.retry(ctx, func() error {
		exists, err := p.migrated(ctx, p.read)
		if err == nil {
			done, err = p.upToDate(ctx, p.read, exists)
		}
		if err == nil && done {
			var wrong []string
			wrong, err = p.wrongTriggers(ctx, p.read)
			done = len(wrong) == 0
		}
		return err
	})
	if kindOf(err) == interrupted && ctx.Err() == nil {
		err = nil // by a statement_timeout, from which the transaction below is free
	}
	if err != nil || done {
		return err
	}
	return p.inTransaction(ctx, func(in session) error {
		exists, err := p.migrated(ctx, in)
		if err == nil {
			err = p.install(ctx, in, exists)
		}
		if err != nil || !exists {
			return err
		}
		return p.repairTriggers(ctx, in)
	})
}

// inTransaction waits as long as another migration takes, which holds the lock
// and may be building an index, and for other locks as briefly as always. Limits that
// the role or database has for ordinary statements do not count.
func (p *postgres) inTransaction(ctx context.Context, f func(session) error) error {
	briefly := p.lockTimeoutText
	if p.sessionsReady {
		briefly = "SET LOCAL lock_timeout = DEFAULT"
	}
	return p.retry(ctx, func() error {
		return p.transact(ctx, func(in session) error {
			for _, text := range []string{
				"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '1min'",
				"SELECT set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'", // PostgreSQL 17
				p.migrationLockText(),
				briefly,
			} {
				if _, err := in.exec(ctx, text); err != nil {
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
func (p *postgres) migrated(ctx context.Context, in session) (bool, error) {
	var exists bool
	_, err := in.one(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"+
		" JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid"+
		" WHERE n.nspname = $1::text AND c.relname = $2::text AND a.attname = 'compatible_from')", []any{p.names.Schema, p.names.Table + "_schema"}, &exists)
	return exists, err
}

// migrationLockText takes the lock of migrations: one for each store of a
// database.
func (p *postgres) migrationLockText() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("tenantstore " + p.names.Schema + "." + p.names.Table)) // never fails
	return fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(h.Sum64()))      //nolint:gosec // any 64 bits will do
}
