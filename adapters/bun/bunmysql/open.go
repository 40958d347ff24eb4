package bunmysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/bun/internal/pool"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Open connects to the MariaDB or MySQL database that dsn names, brings its schema up to
// date, and returns a store over it, which the caller closes. dsn is a URL,
// mysql://user:password@host:port/database?tls=true, or what go-sql-driver/mysql takes,
// user:password@tcp(host:port)/database?tls=true; the parameters are those of that driver.
// White space and a pair of quotes around it do no harm. What is neither is refused before
// anything is sent.
//
// Open fails where no connection can be made: ErrInvalid if dsn or an option is wrong,
// ErrUnavailable if the server does not answer in time or refuses the user, or the
// context's error.
func Open(ctx context.Context, dsn string, opts ...Option) (*bunstore.Store, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	connector, err := c.connector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	pool.Limits(c.pool).Set(db)
	store, err := c.open(ctx, db)
	if err != nil {
		return nil, alsoClosing(driver.ErrorIn("Open", tenancy.Key{}, err), db)
	}
	return store, nil
}

// open makes a store of db, which is closed with it.
func (c config) open(ctx context.Context, db *sql.DB) (*bunstore.Store, error) {
	// The dialect looks at the server too, but does not say what is wrong.
	if err := db.PingContext(ctx); err != nil {
		return nil, connectError(ctx, err)
	}
	store, err := bunstore.New(bun.NewDB(db, mysqldialect.New()), c.storeOptions(db)...)
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

func (c config) storeOptions(db *sql.DB) []bunstore.Option {
	opts := append(c.store[:len(c.store):len(c.store)], bunstore.WithOnClose(db.Close), bunstore.WithSessionDefaults())
	if c.logger != nil {
		opts = append(opts, bunstore.WithLogger(c.logger))
	}
	return opts
}

// alsoClosing returns err, with what closing c reports besides.
func alsoClosing(err error, c io.Closer) error {
	if closing := c.Close(); closing != nil {
		return errors.Join(err, closing)
	}
	return err
}

func invalid(field, reason string) error {
	return &tenancy.Error{Op: "Open", Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}
