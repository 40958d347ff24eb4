package engine

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Base is what the stores on all databases have in common: the reads and the change log.
type Base struct {
	Config
	Dialect
	Writer
	*background
	Texts    Texts
	DB       *bun.DB // for writes
	Read     Session // for reads
	outside  *Base   // of which this is a part, for a caller's transaction; else nil
	tx       *sql.Tx // the caller's
	bell     bell
	endings  *endings
	watchman watchman
	present  presence
}

// NewBase returns a Base over db. It is complete after SetDialect.
func NewBase(db *bun.DB, c Config) *Base {
	for _, h := range c.QueryHooks {
		db = db.WithQueryHook(h)
	}
	return &Base{Config: c, DB: db, background: newBackground(), endings: newEndings(), Read: Session{
		db: db.WithQueryHook(operation{}), runner: db.DB, logger: c.Logger,
		secrets: &secrets{sealer: c.Sealer, logger: c.Logger}, denial: &denial{},
	}}
}

// SetDialect is called once, by the engine that b is part of, whose dialect knows the
// Config by then.
func (b *Base) SetDialect(d Dialect) {
	b.Dialect, b.Texts, b.Read.dialect = d, newTexts(d, b.SampleShare), d
}

// SetWriter is called once for each Base, by the engine that it is part of.
func (b *Base) SetWriter(w Writer) { b.Writer = w }

// Common implements Engine.
func (b *Base) Common() *Base { return b }

// IsReserved implements driver.Reserver.
func (b *Base) IsReserved(identifier string) bool { return b.Reserved.IsReserved(identifier) }

// CheckMetadata implements driver.MetadataChecker.
func (b *Base) CheckMetadata(m tenancy.Metadata) error { return b.MetadataCheck.Judge(m) }

// Close implements driver.Backend.
func (b *Base) Close() error {
	b.stop()
	var errs []error
	for _, f := range b.OnClose {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// Closed returns ErrClosed after Close.
func (b *Base) Closed() error {
	if b.ctx.Err() != nil {
		return tenancy.ErrClosed
	}
	return nil
}

// Retry is for every operation: a read may have to wait too, in SQLite. What
// failed because Close came in between wraps ErrClosed too. In a caller's transaction,
// nothing is tried again: what it has locked would keep others waiting.
func (b *Base) Retry(ctx context.Context, f func() error) error {
	if b.outside != nil {
		if err := b.Closed(); err != nil {
			return err
		}
		return f()
	}
	err := retry(ctx, b.RetryTimeout, b.Backoff(), f)
	if err != nil && b.Closed() != nil && errors.Is(err, tenancy.ErrUnavailable) {
		err = &Failure{Reason: tenancy.ErrClosed, Cause: err}
	}
	return err
}

// Wrote is called after every write that may have changed something.
func (b *Base) Wrote() {
	b.endings.wrote(b.outside == nil)
	if b.outside != nil {
		b = b.outside // nothing to see before the commit, of which it does not hear
	} else {
		b.bell.ring()
	}
	b.Go("trim", b.keepTrimmed)
	b.Go("check", b.keepChecked)
	b.Go("end", b.keepEnded)
}
