package bunpg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/bun/internal/address"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Open connects to the PostgreSQL database that dsn names, brings its schema up
// to date, and returns a store over it, which the caller closes. dsn is a URL or
// a list of keyword=value as for libpq; what it leaves out comes from the PG…
// variables of the environment. White space and a pair of quotes around it do no
// harm. Everything else that libpq would not take is refused before anything is
// sent; settings of PostgreSQL, such as search_path, may stand beside the parameters of
// libpq.
//
// Open fails where no connection can be made: ErrInvalid if dsn or an option is
// wrong, ErrUnavailable if the server does not answer in time or refuses the
// user, or the context's error.
func Open(ctx context.Context, dsn string, opts ...Option) (*bunstore.Store, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	t, err := c.target("dsn", dsn)
	if err != nil {
		return nil, err
	}
	listener, err := c.listener(t)
	if err != nil {
		return nil, err
	}
	t.conn = c.pooled(t.conn)
	db := c.openDB(t)
	store, err := c.open(ctx, db, listener)
	if err != nil {
		if address.Trim(dsn) == "" {
			sayEmpty(err)
		}
		return nil, alsoClosing(driver.ErrorIn("Open", tenancy.Key{}, refusedParameter(err)), db)
	}
	return store, nil
}

// FromPool is [Open] for a program that has a pool of pgx already, with its
// credentials, hooks and size. Close leaves it open. Sessions are taken as they are:
// writes set what they need in their transaction, and cost more round trips; reads
// ask whether row-level security would hide rows from them, or a standby answers. Their
// client_encoding must be UTF8.
// Watch opens one more connection, with the pool's ConnConfig and BeforeConnect.
//
// [WithPool], [WithConnectTimeout] and [WithBeforeConnect] are ErrInvalid: these are
// matters of the pool. If it leads through a pooler in transaction mode, use
// [WithPgBouncer], or [WithListenDSN].
//
// Where a connection was lost, or the pool does not give one within half a second
// although some are idle, all idle ones are pinged at once, and those that do not answer
// are given up. A statement that was swallowed fails when its context ends.
func FromPool(ctx context.Context, pool *pgxpool.Pool, opts ...Option) (*bunstore.Store, error) {
	c, err := newConfig(opts)
	switch {
	case err != nil:
		return nil, err
	case pool == nil:
		return nil, invalid("pool", "must not be nil")
	case c.pool != DefaultPool() || c.connectTimeout != 0 || c.beforeConnect != nil:
		return nil, invalid("pool", "has its own size, timeouts and BeforeConnect: see pgxpool.Config")
	}
	settings := pool.Config()
	c.borrowed, c.simple = true, settings.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol
	listener, err := c.listener(target{conn: c.prepare(settings.ConnConfig.Copy()), before: settings.BeforeConnect})
	if err != nil {
		return nil, err
	}
	db := c.borrowDB(pool)
	store, err := c.open(ctx, db, listener)
	if err != nil {
		return nil, alsoClosing(driver.ErrorIn("FromPool", tenancy.Key{}, err), db)
	}
	return store, nil
}

// open makes a store of db, which is closed with it.
func (c config) open(ctx context.Context, db *sql.DB, listener bunstore.Listener) (*bunstore.Store, error) {
	if err := c.greet(ctx, db); err != nil {
		return nil, err
	}
	store, err := bunstore.New(bun.NewDB(db, pgdialect.New()), c.storeOptions(db, listener)...)
	if err != nil {
		return nil, err
	}
	if !c.noMigrate {
		if err := store.Migrate(ctx); err != nil {
			return nil, alsoClosing(err, store)
		}
	}
	return store, nil
}

// greet makes the first connection, and looks whether its session has what was asked
// for when it began: a pooler may have thrown it away.
func (c config) greet(ctx context.Context, db *sql.DB) error {
	var setting, encoding string
	var standby bool
	mode := pgx.QueryExecModeExec // needs nothing of the session
	if c.simple {
		mode = pgx.QueryExecModeSimpleProtocol // needs what later calls need
	}
	err := db.QueryRowContext(ctx, "SELECT current_setting('row_security'), pg_client_encoding(), pg_is_in_recovery()", mode).
		Scan(&setting, &encoding, &standby)
	var known *tenancy.Error
	switch {
	case err == nil && standby:
		return &tenancy.Error{Err: fmt.Errorf("%w: the server is a standby; a store needs the primary", tenancy.ErrUnavailable)}
	case err == nil && encoding != "UTF8":
		return invalid("pool", "has sessions with client_encoding "+encoding+", and a store needs UTF8: set ConnConfig.RuntimeParams[\"client_encoding\"]")
	case err == nil && setting != "off" && c.ownSessions():
		return invalid("dsn", "leads through a pooler that ignores startup parameters (ignore_startup_parameters of PgBouncer), so that sessions"+
			" lack the store's settings: use WithPgBouncer")
	case err == nil || errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(err.Error(), "simple protocol queries must be run with"): // pgx has no value for it
		return invalid("pool", "uses the simple protocol, for which sessions need standard_conforming_strings = on and client_encoding = UTF8:"+
			" set them in ConnConfig.RuntimeParams")
	}
	return lostError(err)
}

func (c config) storeOptions(db *sql.DB, listener bunstore.Listener) []bunstore.Option {
	opts := append(c.store[:len(c.store):len(c.store)], bunstore.WithOnClose(db.Close))
	if c.logger != nil {
		opts = append(opts, bunstore.WithLogger(c.logger))
	}
	if c.lockTimeout > 0 {
		opts = append(opts, bunstore.WithLockTimeout(c.lockTimeout))
	}
	if c.ownSessions() {
		opts = append(opts, bunstore.WithSessionDefaults())
	}
	if listener != nil {
		opts = append(opts, bunstore.WithListener(listener))
	}
	return opts
}

// ownSessions reports whether sessions begin with the settings of the store.
func (c config) ownSessions() bool { return !c.pgBouncer && !c.borrowed }

// listener returns what wakes Watch, if anything may.
func (c config) listener(t target) (bunstore.Listener, error) {
	if c.listenDSN != "" {
		var err error
		if t, err = c.target("listen_dsn", c.listenDSN); err != nil {
			return nil, err
		}
	} else if c.pgBouncer {
		return nil, nil
	}
	if c.noListen {
		return nil, nil
	}
	return listener{t, c.log(), c.heartbeat}.run, nil
}

func (c config) log() *slog.Logger {
	if c.logger == nil {
		return slog.Default()
	}
	return c.logger
}
