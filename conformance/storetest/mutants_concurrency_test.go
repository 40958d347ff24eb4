package storetest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func concurrencyMutants() []mutant {
	return []mutant{
		{rule: "concurrent-patches-lose-nothing", how: "reads, merges and writes back", spoil: func(f *faulty) {
			meet := rendezvous()
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if err != nil {
					return t, err
				}
				meet()
				t.Metadata, _ = t.Metadata.Merge(patch)
				t.Revision = tenancy.AnyRevision
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "concurrent-renames-one-wins", how: "says yes to who lost", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				updated, err := f.Store.Update(ctx, t)
				if errors.Is(err, tenancy.ErrAlreadyExists) {
					return t, nil
				}
				return updated, err
			}
		}},
		{rule: "concurrent-renames-one-wins", how: "cannot serialize", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				updated, err := f.Store.Update(ctx, t)
				if errors.Is(err, tenancy.ErrAlreadyExists) {
					err = driver.ErrorIn("Update", tenancy.IDKey(t.ID), errors.New("deadlock detected"))
				}
				return updated, err
			}
		}},
		{rule: "concurrent-creates-one-wins", how: "takes the second for a retry of the first", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				if errors.Is(err, tenancy.ErrAlreadyExists) {
					return f.Store.GetByIdentifier(ctx, t.Identifier)
				}
				return created, err
			}
		}},
		{rule: "concurrent-updates-one-wins", how: "compares revisions before it writes", spoil: func(f *faulty) { f.update = checkThenWrite(f) }},
		{rule: "concurrent-bulk-writes-are-whole", how: "writes in pieces", spoil: func(f *faulty) {
			f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
				half := len(ids) / 2
				ts, err := f.Store.BulkUpdateStatus(ctx, ids[:half], s)
				if err != nil {
					return nil, err
				}
				time.Sleep(time.Millisecond)
				more, err := f.Store.BulkUpdateStatus(ctx, ids[half:], s)
				return append(ts, more...), err
			}
		}},
		{rule: "concurrent-bulk-writes-are-whole", how: "locks rows in the order of the IDs that it is given", spoil: func(f *faulty) {
			var busy atomic.Int32
			f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
				defer busy.Add(-1)
				if busy.Add(1) > 1 && ids[0] > ids[1] {
					return nil, driver.ErrorIn("BulkUpdateStatus", tenancy.Key{}, errors.New("deadlock detected"))
				}
				time.Sleep(time.Millisecond) // others come
				return f.Store.BulkUpdateStatus(ctx, ids, s)
			}
		}},
		{rule: "modify-loses-nothing", how: "compares revisions before it writes", spoil: func(f *faulty) { f.update = checkThenWrite(f) }},
		{rule: "reads-never-go-back", how: "asks two replicas by turns, one of which lags", spoil: func(f *faulty) {
			lagging := map[string]tenancy.Tenant{}
			turn := 0
			f.getByID = func(ctx context.Context, id string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				f.mu.Lock()
				defer f.mu.Unlock()
				old, found := lagging[id]
				if turn++; turn%2 == 0 && found {
					return old, nil
				}
				lagging[id] = t
				return t, err
			}
		}},
		{rule: "behaves-like-the-model", how: "forgets every tenth status", spoil: func(f *faulty) {
			n := 0
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				if n++; n%10 == 0 {
					return f.Store.GetByID(ctx, id)
				}
				return f.Store.SetStatus(ctx, id, s)
			}
		}},
		{rule: "behaves-like-the-model", how: "counts the tenant that was deleted last", spoil: func(f *faulty) {
			var ghost *tenancy.Tenant
			f.delete = func(ctx context.Context, id string) error {
				if t, err := f.Store.GetByID(ctx, id); err == nil {
					ghost = &t
				}
				return f.Store.Delete(ctx, id)
			}
			f.count = func(ctx context.Context, filter tenancy.Filter) (int, error) {
				n, err := f.Store.Count(ctx, filter)
				if ghost != nil && filter.Matches(*ghost) {
					n++
				}
				return n, err
			}
		}},
		{rule: "close-repeats", how: "closes twice", spoil: func(f *faulty) {
			f.close = func() error {
				if _, err := f.Store.Exists(context.Background(), "x"); errors.Is(err, tenancy.ErrClosed) {
					return errors.New("closed already")
				}
				return f.Store.Close()
			}
		}},
		{rule: "closed-store", how: "goes on from memory", spoil: func(f *faulty) {
			f.close = func() error { return nil }
		}},
		{rule: "ended-context-reads", how: "does not look at the context", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				return f.Store.List(context.WithoutCancel(ctx), opts)
			}
		}},
		{rule: "ended-context-reads", how: "takes an ended context for an outage", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				ts, err := f.Store.Search(ctx, query, opts)
				if ctx.Err() != nil {
					err = &tenancy.Error{Op: "Search", Err: tenancy.ErrUnavailable}
				}
				return ts, err
			}
		}},
		{rule: "ended-context-writes", how: "writes first and looks at the context then", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				t, err := f.Store.SetStatus(context.WithoutCancel(ctx), id, s)
				if ctx.Err() != nil {
					err = driver.ErrorIn("SetStatus", tenancy.IDKey(id), ctx.Err())
				}
				return t, err
			}
		}},
		{rule: "cancelled-writes-are-whole", how: "writes tenant by tenant, slowly", spoil: func(f *faulty) {
			slowly := oneByOne(f)
			f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) (out []tenancy.Tenant, err error) {
				for len(ids) > 0 {
					ts, err := slowly(ctx, ids[:1], s)
					if err != nil {
						return nil, err
					}
					out, ids = append(out, ts...), ids[1:]
					time.Sleep(10 * time.Microsecond) // the way to the database and back
				}
				return out, nil
			}
		}},
		{rule: "source-as-declared", how: "denies its log", spoil: func(f *faulty) {
			f.hasSource = func() bool { return false }
		}},
		{rule: "reopen-keeps-everything", how: "keeps everything in memory", spoil: func(f *faulty) {
			f.reopen = func() *memstore.Store { return memstore.New() }
		}},
		{rule: "reconnects", how: "keeps broken connections", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				if f.broken.Load() > 0 {
					return tenancy.Tenant{}, driver.ErrorIn("SetStatus", tenancy.IDKey(id), errors.New("connection reset"))
				}
				return f.Store.SetStatus(ctx, id, s)
			}
		}},
	}
}

// checkThenWrite is an Update whose check and write are two steps.
func checkThenWrite(f *faulty) func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	meet := rendezvous()
	return func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
		stored, err := f.Store.GetByID(ctx, t.ID)
		if err != nil {
			return stored, err
		}
		if t.Position() != stored.Position() {
			return tenancy.Tenant{}, driver.ErrorIn("Update", tenancy.IDKey(t.ID), tenancy.ErrConflict)
		}
		meet()
		t.Revision = tenancy.AnyRevision
		return f.Store.Update(ctx, t)
	}
}

// rendezvous returns a function that waits until a second goroutine calls it
// too, but not for long: so that a race that may happen does.
func rendezvous() (meet func()) {
	c := make(chan struct{})
	return func() {
		timer := time.NewTimer(20 * time.Millisecond)
		defer timer.Stop()
		select {
		case c <- struct{}{}:
		case <-c:
		case <-timer.C:
		}
	}
}
