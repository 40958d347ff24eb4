package bunpg

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
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
	conn, err := c.parse("dsn", dsn)
	if err != nil {
		return nil, err
	}
	listener, err := c.listener(conn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(newConnector(c.pooled(conn)))
	c.pool.set(db)
	store, err := c.open(ctx, db, listener)
	if err != nil {
		if dsn == "" {
			sayEmpty(err)
		}
		return nil, alsoClosing(tenancy.ErrorIn("Open", tenancy.Key{}, refusedParameter(err)), db)
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
	if c.pgBouncer {
		return db.PingContext(ctx)
	}
	var setting string
	err := db.QueryRowContext(ctx, "SELECT current_setting('row_security')", pgx.QueryExecModeSimpleProtocol).Scan(&setting)
	var known *tenancy.Error
	switch {
	case err == nil && setting != "off":
		return invalid("dsn", "leads through a pooler that ignores startup parameters (ignore_startup_parameters of PgBouncer), so that sessions"+
			" lack the store's settings: use WithPgBouncer")
	case err == nil || errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
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
	if !c.pgBouncer {
		opts = append(opts, bunstore.WithSessionDefaults())
	}
	if listener != nil {
		opts = append(opts, bunstore.WithListener(listener))
	}
	return opts
}

// listener returns what wakes Watch, if anything may.
func (c config) listener(conn *pgx.ConnConfig) (bunstore.Listener, error) {
	if c.listenDSN != "" {
		var err error
		if conn, err = c.parse("listen_dsn", c.listenDSN); err != nil {
			return nil, err
		}
	} else if c.pgBouncer {
		return nil, nil
	}
	if c.noListen {
		return nil, nil
	}
	logger := c.logger
	if logger == nil {
		logger = slog.Default()
	}
	return listener{conn, logger, c.heartbeat}.run, nil
}
