package engine

import (
	"context"
	"errors"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Base is what the stores on all databases have in common: the reads and the change log.
type Base struct {
	Config
	Dialect
	*background
	Texts    Texts
	DB       *bun.DB // for writes
	Read     Session // for reads
	bell     bell
	watchman watchman
	present  presence
}

// NewBase returns a base over db; setDialect makes it complete.
func NewBase(db *bun.DB, c Config) *Base {
	for _, h := range c.QueryHooks {
		db = db.WithQueryHook(h)
	}
	return &Base{Config: c, DB: db.WithQueryHook(operation{}), background: newBackground()}
}

// SetDialect is called once by the engine that b is part of, whose dialect knows the config by
// then.
func (b *Base) SetDialect(d Dialect) {
	b.Dialect, b.Texts = d, newReadTexts(d, b.SampleShare)
	b.Read = Session{db: b.DB, runner: b.DB.DB, dialect: d, logger: b.Logger, secrets: &secrets{sealer: b.Sealer, logger: b.Logger}, denial: &denial{}}
}

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
// failed because Close came in between wraps ErrClosed too.
func (b *Base) Retry(ctx context.Context, f func() error) error {
	err := retry(ctx, b.RetryTimeout, b.Backoff(), f)
	if err != nil && b.Closed() != nil && errors.Is(err, tenancy.ErrUnavailable) {
		err = &Failure{Reason: tenancy.ErrClosed, Cause: err}
	}
	return err
}

// Wrote is called after every write that may have changed something.
func (b *Base) Wrote() {
	b.bell.ring()
	b.Go("trim", b.keepTrimmed)
	b.Go("check", b.keepChecked)
}
