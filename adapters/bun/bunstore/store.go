package bunstore

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Store is a [tenancy.Source] in a database of SQL.
type Store struct {
	*driver.Extended
	engine engine.Engine
}

// New returns a store in db, whose dialect must be pgdialect, mysqldialect or sqlitedialect.
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
	k, err := engineOf(db.Dialect().Name(), c)
	if err != nil {
		return nil, err
	}
	e := k.open(db, c)
	x, err := driver.Extend(e)
	if err != nil {
		return nil, err
	}
	return &Store{x, e}, nil
}

// Migrate creates what the store needs in its database, or brings it up to date.
// It is idempotent, atomic (in MariaDB and MySQL: goes on where it was cut off), and safe when many processes call it at once: they
// wait for the one that migrates, in PostgreSQL as long as ctx allows, in SQLite
// for the time of [WithRetryTimeout]. A schema that a newer version of this
// library made is left alone as long as this version can use it; otherwise it
// fails with an error that says so. It makes triggers anew that are missing, disabled
// or changed, and logs that everything may have changed. It logs what [Store.Check] finds.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.common().Closed()
	if err == nil {
		err = s.engine.Migrate(ctx)
	}
	if err == nil {
		s.common().LogFindings(ctx)
	}
	return driver.ErrorIn("Migrate", tenancy.Key{}, err)
}

// Trim removes the rows of the change log that the store's retention does not
// keep, and returns how many they were. The store does it by itself about once a
// minute once it has written something.
func (s *Store) Trim(ctx context.Context) (int64, error) {
	return s.trim(ctx, "Trim", s.common().Retention)
}

// Compact removes the rows of the change log before revision, but never the
// newest, and returns how many they were. Followers that had not read them start
// over.
func (s *Store) Compact(ctx context.Context, revision tenancy.Revision) (int64, error) {
	return s.trim(ctx, "Compact", engine.Retention{Before: revision})
}

func (s *Store) trim(ctx context.Context, op string, r engine.Retention) (n int64, err error) {
	if err = s.common().Closed(); err == nil {
		n, err = s.common().Trim(ctx, r)
	}
	return n, driver.ErrorIn(op, tenancy.Key{}, err)
}

// DropSearchIndex removes what [WithSearchIndex] created, in one transaction; the
// extension pg_trgm stays. Stores that have the option go on without the index,
// until one of them migrates.
func (s *Store) DropSearchIndex(ctx context.Context) error {
	err := s.common().Closed()
	if err == nil {
		err = s.engine.InTransaction(ctx, func(in engine.Session) error {
			_, err := in.Exec(ctx, s.common().SearchDrop())
			return err
		})
	}
	return driver.ErrorIn("DropSearchIndex", tenancy.Key{}, err)
}

// Reseal seals each DatabaseURL anew that is stored as plain text or was sealed with
// another key than the Sealer's newest, and returns how many they were. Run it after
// [WithSealer] was added, and after a rotation, once every process has the new key;
// then the old one can go. It may be interrupted and run again. A tenant whose
// DatabaseURL cannot be opened or written is skipped; the error names them all.
func (s *Store) Reseal(ctx context.Context) (n int, err error) {
	if err = s.common().Closed(); err == nil && s.common().Sealer == nil {
		return 0, invalid("sealer", "Reseal needs a store that was opened WithSealer")
	}
	if err == nil {
		n, err = engine.Reseal(ctx, s.engine)
	}
	return n, driver.ErrorIn("Reseal", tenancy.Key{}, err)
}

func (s *Store) common() *engine.Base { return s.engine.Common() }
