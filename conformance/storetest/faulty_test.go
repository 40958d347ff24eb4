package storetest_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// faulty is a store in memory whose methods a mutant can replace, one by one.
// As it comes it keeps every rule.
type faulty struct {
	*memstore.Store

	getByID         func(ctx context.Context, id string) (tenancy.Tenant, error)
	getByIdentifier func(ctx context.Context, identifier string) (tenancy.Tenant, error)
	getByIDs        func(ctx context.Context, ids []string) ([]tenancy.Tenant, error)
	exists          func(ctx context.Context, id string) (bool, error)
	list            func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error)
	count           func(ctx context.Context, filter tenancy.Filter) (int, error)
	search          func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error)

	create      func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error)
	createBatch func(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error)
	update      func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error)
	setStatus   func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error)
	bulk        func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error)
	patch       func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error)
	delete      func(ctx context.Context, id string) error
	purge       func(ctx context.Context, id string) error
	close       func() error

	hasNames      func() bool
	getByDomain   func(ctx context.Context, domain string) (tenancy.Tenant, error)
	formerOwner   func(ctx context.Context, identifier string) (tenancy.Tenant, error)
	namesOf       func(ctx context.Context, id string) ([]tenancy.Name, error)
	listNames     func(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error)
	addDomain     func(ctx context.Context, id, domain string) (tenancy.Name, error)
	verifyDomain  func(ctx context.Context, id, domain string) (tenancy.Tenant, error)
	primaryDomain func(ctx context.Context, id, domain string) (tenancy.Tenant, error)
	removeDomain  func(ctx context.Context, id, domain string) (tenancy.Tenant, error)

	hasSource func() bool
	head      func(ctx context.Context) (tenancy.Bounds, error)
	load      func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error)
	changes   func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error)
	wait      func(ctx context.Context, after tenancy.Position) error

	// where it has a check of metadata
	judge func(tenancy.Metadata) error
	blind atomic.Bool // the check is not asked

	keepFormer time.Duration // of a store with names

	// knobs of the harness
	reopen func() *memstore.Store
	peer   func() tenancy.Store

	mu     sync.Mutex   // for what mutants remember
	broken atomic.Int32 // how many times the connections were broken
}

func newFaulty(spoil func(*faulty), opts ...memstore.Option) *faulty {
	return newFaultyOver(memstore.New(opts...), spoil)
}

func newFaultyOver(m *memstore.Store, spoil func(*faulty)) *faulty {
	f := &faulty{Store: m}
	f.getByID, f.getByIdentifier, f.getByIDs, f.exists = m.GetByID, m.GetByIdentifier, m.GetByIDs, m.Exists
	f.list, f.count, f.search = m.List, m.Count, m.Search
	f.create, f.createBatch, f.update, f.setStatus = m.Create, m.CreateBatch, m.Update, m.SetStatus
	f.bulk, f.patch, f.delete, f.purge, f.close = m.BulkUpdateStatus, m.UpdateMetadata, m.Delete, m.Purge, m.Close
	f.hasNames, f.getByDomain, f.formerOwner, f.namesOf = m.HasNames, m.GetByDomain, m.FormerOwner, m.NamesOf
	f.listNames = m.ListNames
	f.addDomain, f.verifyDomain, f.primaryDomain, f.removeDomain = m.AddDomain, m.VerifyDomain, m.SetPrimaryDomain, m.RemoveDomain
	f.hasSource, f.head, f.load, f.changes, f.wait = m.HasSource, m.Bounds, m.Load, m.Changes, m.Wait
	f.reopen = func() *memstore.Store {
		anew := memstore.New()
		anew.Restore(m.Backup())
		return anew
	}
	f.peer = func() tenancy.Store { return peer{m} }
	if spoil != nil {
		spoil(f)
	}
	return f
}

// faultyHarness opens faulty stores that spoil has broken.
func faultyHarness(spoil func(*faulty)) storetest.Harness {
	return storetest.Harness{
		Open:           func(testing.TB) tenancy.Store { return newFaulty(spoil) },
		OpenSoftDelete: func(testing.TB) tenancy.Store { return newFaulty(spoil, memstore.WithSoftDelete()) },
		OpenChecked: func(_ testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			var f *faulty
			f = newFaulty(spoil, memstore.WithMetadataCheck(func(m tenancy.Metadata) error {
				if f.blind.Load() {
					return nil
				}
				return check(m)
			}))
			f.judge = check
			return f
		},
		OpenNames: func(_ testing.TB, opts storetest.NameOptions) tenancy.Store {
			f := newFaultyOver(storetest.MemoryWithNames(opts), nil)
			f.keepFormer = opts.KeepFormer
			if spoil != nil {
				spoil(f)
			}
			return f
		},
		Source: true,
		Compact: func(_ testing.TB, s tenancy.Store, revision tenancy.Revision) {
			s.(*faulty).Compact(revision)
		},
		Backup: func(_ testing.TB, s tenancy.Store) func(testing.TB) {
			backup := s.(*faulty).Backup()
			return func(testing.TB) { s.(*faulty).Restore(backup) }
		},
		Disconnect: func(_ testing.TB, s tenancy.Store) { s.(*faulty).broken.Add(1) },
		Reopen: func(tb testing.TB, s tenancy.Store) tenancy.Store {
			anew := s.(*faulty).reopen()
			if err := s.Close(); err != nil {
				tb.Fatal(err)
			}
			return anew
		},
		Peer: func(_ testing.TB, s tenancy.Store) tenancy.Store { return s.(*faulty).peer() },
		Edit: func(tb testing.TB, s tenancy.Store, t tenancy.Tenant) {
			edit(tb, s.(*faulty).Store, t)
		},
	}
}

// edit stands in for a database shell. It cannot write an unknown status; the
// minimal store can.
func edit(tb testing.TB, s tenancy.Store, t tenancy.Tenant) {
	row, err := s.GetByID(tb.Context(), t.ID)
	if err != nil {
		tb.Fatal(err)
	}
	row.Identifier, row.Name, row.Status = t.Identifier, t.Name, t.Status
	if _, err := s.Update(tb.Context(), row); err != nil {
		tb.Fatal(err)
	}
}

func (f *faulty) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	return f.getByID(ctx, id)
}

func (f *faulty) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return f.getByIdentifier(ctx, identifier)
}

func (f *faulty) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	return f.getByIDs(ctx, ids)
}

func (f *faulty) Exists(ctx context.Context, id string) (bool, error) { return f.exists(ctx, id) }

func (f *faulty) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return f.list(ctx, opts)
}

func (f *faulty) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return f.count(ctx, filter)
}

func (f *faulty) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return f.search(ctx, query, opts)
}

func (f *faulty) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return f.create(ctx, t)
}

func (f *faulty) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return f.createBatch(ctx, ts)
}

func (f *faulty) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return f.update(ctx, t)
}

func (f *faulty) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	return f.setStatus(ctx, id, s)
}

func (f *faulty) BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	return f.bulk(ctx, ids, s)
}

func (f *faulty) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return f.patch(ctx, id, patch)
}

func (f *faulty) Delete(ctx context.Context, id string) error { return f.delete(ctx, id) }
func (f *faulty) Purge(ctx context.Context, id string) error  { return f.purge(ctx, id) }
func (f *faulty) Close() error                                { return f.close() }
func (f *faulty) HasNames() bool                              { return f.hasNames() }
func (f *faulty) HasSource() bool                             { return f.hasSource() }

func (f *faulty) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return f.getByDomain(ctx, domain)
}

func (f *faulty) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return f.formerOwner(ctx, identifier)
}

func (f *faulty) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	return f.namesOf(ctx, id)
}

func (f *faulty) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	return f.listNames(ctx, after, limit)
}

func (f *faulty) AddDomain(ctx context.Context, id, domain string) (tenancy.Name, error) {
	return f.addDomain(ctx, id, domain)
}

func (f *faulty) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return f.verifyDomain(ctx, id, domain)
}

func (f *faulty) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return f.primaryDomain(ctx, id, domain)
}

func (f *faulty) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return f.removeDomain(ctx, id, domain)
}

func (f *faulty) Bounds(ctx context.Context) (tenancy.Bounds, error) { return f.head(ctx) }

func (f *faulty) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	return f.load(ctx, want)
}

func (f *faulty) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	return f.changes(ctx, after, limit)
}

func (f *faulty) Wait(ctx context.Context, after tenancy.Position) error { return f.wait(ctx, after) }
