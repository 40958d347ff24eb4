package bunstore

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"
)

// Store is a [tenancy.Source] in PostgreSQL or SQLite.
type Store struct {
	*driver.Extended
	b backend
}

// backend is a base with the writes of one database.
type backend interface {
	driver.Backend
	driver.ManyGetter
	driver.Exister
	driver.Counter
	driver.Searcher
	driver.BatchCreator
	driver.Purger
	driver.Reserver
	driver.MetadataChecker
	driver.Source
	common() *base
	// replaceSecret stores text in the place of old, if that is still there.
	replaceSecret(ctx context.Context, old storedSecret, text string) (bool, error)
	migrate(ctx context.Context) error
	// inTransaction runs f, which changes the schema, beside no migration.
	inTransaction(ctx context.Context, f func(session) error) error
}

func (b *base) common() *base { return b }

// New returns a store in db, whose dialect must be pgdialect or sqlitedialect.
// It does no I/O: call Migrate before the store is first used. Close leaves db
// open. It fails with [tenancy.ErrInvalid] if an option does not fit.
func New(db *bun.DB, opts ...Option) (*Store, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, invalid("db", "must not be nil")
	}
	name := db.Dialect().Name()
	d, err := dialectOf(name, c)
	if err != nil {
		return nil, err
	}
	common := newBase(db, c, d)
	var b backend
	if name == bundialect.PG {
		b = newPostgres(common)
	} else {
		b = newSQLite(common)
	}
	x, err := driver.Extend(b)
	if err != nil {
		return nil, err
	}
	return &Store{x, b}, nil
}

// Migrate creates what the store needs in its database, or brings it up to date.
// It is idempotent, atomic, and safe when many processes call it at once: they
// wait for the one that migrates, in PostgreSQL as long as ctx allows, in SQLite
// for the time of [WithRetryTimeout]. A schema that a newer version of this
// library made is left alone as long as this version can use it; otherwise it
// fails with an error that says so. It makes triggers anew that are missing, disabled
// or changed, and logs that everything may have changed. It logs what [Store.Check] finds.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.b.common().open()
	if err == nil {
		err = s.b.migrate(ctx)
	}
	if err == nil {
		s.b.common().logFindings(ctx)
	}
	return driver.ErrorIn("Migrate", tenancy.Key{}, err)
}

// Trim removes the rows of the change log that the store's retention does not
// keep, and returns how many they were. The store does it by itself about once a
// minute once it has written something.
func (s *Store) Trim(ctx context.Context) (int64, error) {
	return s.trim(ctx, "Trim", s.b.common().retention)
}

// Compact removes the rows of the change log before revision, but never the
// newest, and returns how many they were. Followers that had not read them start
// over.
func (s *Store) Compact(ctx context.Context, revision tenancy.Revision) (int64, error) {
	return s.trim(ctx, "Compact", retention{before: revision})
}

func (s *Store) trim(ctx context.Context, op string, r retention) (n int64, err error) {
	if err = s.b.common().open(); err == nil {
		n, err = s.b.common().trim(ctx, r)
	}
	return n, driver.ErrorIn(op, tenancy.Key{}, err)
}
