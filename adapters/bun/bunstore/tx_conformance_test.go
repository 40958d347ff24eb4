package bunstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// transacting is a store of which each call is a transaction of its own, by [Store.Tx]. It
// begins anew what has lost against another one, as a program does.
type transacting struct{ *bunstore.Store }

func inOwnTx[T any](ctx context.Context, s transacting, f func(tenancy.Store) (T, error)) (result T, err error) {
	deadline := time.Now().Add(time.Minute)
	for {
		err = s.RunInTx(ctx, nil, func(_ context.Context, _ bun.Tx, tenants tenancy.Store) (err error) {
			result, err = f(tenants)
			return err
		})
		if !errors.Is(err, tenancy.ErrNotApplied) || time.Now().After(deadline) || ctx.Err() != nil {
			return result, err
		}
	}
}

// whileStill returns a page that was read while nothing was written, as of then. In a
// transaction a page says nothing of that itself, for the transaction may be rolled back.
func whileStill[T any](ctx context.Context, s transacting, read func() (T, error), asOf func(*T) *tenancy.Position) (T, error) {
	for {
		before, errBefore := s.Bounds(ctx)
		page, err := read()
		if err != nil {
			return page, err
		}
		after, errAfter := s.Bounds(ctx)
		if err := errors.Join(errBefore, errAfter); err != nil {
			return page, err
		}
		if at := asOf(&page); !at.IsZero() {
			return page, errors.New("a page of a transaction has a position")
		} else if before.Newest == after.Newest {
			*at = after.Newest
			return page, nil
		}
	}
}

func (s transacting) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.GetByID(ctx, id) })
}

func (s transacting) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.GetByIdentifier(ctx, identifier) })
}

func (s transacting) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) ([]tenancy.Tenant, error) { return in.GetByIDs(ctx, ids) })
}

func (s transacting) Exists(ctx context.Context, id string) (bool, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (bool, error) { return in.Exists(ctx, id) })
}

func (s transacting) ListAfter(ctx context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	if !after.IsZero() {
		opts.Cursor = after.Cursor(opts.Filter)
	}
	return whileStill(ctx, s, func() (tenancy.Page, error) {
		return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Page, error) { return in.List(ctx, opts) })
	}, func(page *tenancy.Page) *tenancy.Position { return &page.AsOf })
}

func (s transacting) Count(ctx context.Context, f tenancy.Filter) (int, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (int, error) { return in.Count(ctx, f) })
}

func (s transacting) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) ([]tenancy.Tenant, error) { return in.Search(ctx, query, opts) })
}

func (s transacting) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.Create(ctx, t) })
}

func (s transacting) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) ([]tenancy.CreateResult, error) { return in.CreateBatch(ctx, ts) })
}

func (s transacting) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.Update(ctx, t) })
}

func (s transacting) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) ([]tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) ([]tenancy.Tenant, error) { return in.BulkUpdateStatus(ctx, ids, status) })
}

func (s transacting) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.UpdateMetadata(ctx, id, patch) })
}

func (s transacting) Delete(ctx context.Context, id string) error {
	_, err := inOwnTx(ctx, s, func(in tenancy.Store) (struct{}, error) { return struct{}{}, in.Delete(ctx, id) })
	return err
}

func (s transacting) Purge(ctx context.Context, id string) error {
	_, err := inOwnTx(ctx, s, func(in tenancy.Store) (struct{}, error) { return struct{}{}, in.Purge(ctx, id) })
	return err
}

func (s transacting) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.GetByDomain(ctx, domain) })
}

// FormerOwner in a transaction does not end what has ended: the rule waits for that.
func (s transacting) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	t, err := inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.FormerOwner(ctx, identifier) })
	if err != nil {
		_, _ = s.Store.FormerOwner(ctx, identifier)
	}
	return t, err
}

func (s transacting) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) ([]tenancy.Name, error) { return in.NamesOf(ctx, id) })
}

func (s transacting) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	return whileStill(ctx, s, func() (tenancy.NamePage, error) {
		return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.NamePage, error) { return in.ListNames(ctx, after, limit) })
	}, func(page *tenancy.NamePage) *tenancy.Position { return &page.AsOf })
}

func (s transacting) AddDomain(ctx context.Context, id, domain string) (tenancy.Name, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Name, error) { return in.AddDomain(ctx, id, domain) })
}

func (s transacting) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.VerifyDomain(ctx, id, domain) })
}

func (s transacting) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.SetPrimaryDomain(ctx, id, domain) })
}

func (s transacting) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return inOwnTx(ctx, s, func(in tenancy.Store) (tenancy.Tenant, error) { return in.RemoveDomain(ctx, id, domain) })
}

// Inside of a transaction, a store keeps its contract, and its log too.
func TestConformanceInTransactions(t *testing.T) {
	run := func(t *testing.T, open func(tb testing.TB, opts ...bunstore.Option) (*bunstore.Store, error)) {
		extended := func(opts ...bunstore.Option) func(tb testing.TB) tenancy.Store {
			return func(tb testing.TB) tenancy.Store {
				s, err := open(tb, opts...)
				if err != nil {
					tb.Fatal(err)
				}
				x, err := driver.Extend(transacting{s})
				if err != nil {
					tb.Fatal(err)
				}
				return x
			}
		}
		storetest.Run(t, storetest.Harness{
			Source: true, Open: extended(), OpenSoftDelete: extended(bunstore.WithSoftDelete()),
			OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
				return extended(bunstore.WithClaimLifetime(o.ClaimLifetime), bunstore.WithKeepFormer(o.KeepFormer))(tb)
			},
			OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
				return extended(bunstore.WithMetadataCheck(check))(tb)
			},
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		run(t, func(tb testing.TB, opts ...bunstore.Option) (*bunstore.Store, error) {
			return bunsqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "tenants.db"), bunsqlite.WithSynchronous(bunsqlite.Normal), bunsqlite.WithStore(opts...))
		})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := newPostgres(t)
		run(t, func(tb testing.TB, opts ...bunstore.Option) (*bunstore.Store, error) {
			schema := "s" + strings.ReplaceAll(tenancy.NewID(), "-", "")
			return bunpg.Open(tb.Context(), dsn, bunpg.WithStore(append(opts, bunstore.WithSchema(schema))...))
		})
	})
	t.Run("mysql", func(t *testing.T) {
		dsn := newMySQL(t)
		run(t, func(tb testing.TB, opts ...bunstore.Option) (*bunstore.Store, error) {
			table := "t" + strings.ReplaceAll(tenancy.NewID(), "-", "")
			return bunmysql.Open(tb.Context(), dsn, bunmysql.WithStore(append(opts, bunstore.WithTable(table))...))
		})
	})
}
