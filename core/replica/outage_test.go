package replica_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// database is a source that can be down, counts what it is asked, and can be watched.
// Several replicas may have the same one below, one after the other.
type database struct {
	tenancy.Decorator
	source     tenancy.Source
	down       atomic.Bool
	noLists    atomic.Bool
	statements atomic.Int64 // but for Wait, which costs the database nothing
	lists      atomic.Int64
	onBounds   atomic.Pointer[func()]
}

func newDatabase(source tenancy.Source) *database {
	return &database{Decorator: tenancy.Decorator{Next: source}, source: source}
}

func ask[T any](d *database, do func() (T, error)) (T, error) {
	if d.down.Load() {
		var none T
		return none, fmt.Errorf("%w: %w: the database is down", tenancy.ErrNotApplied, tenancy.ErrUnavailable)
	}
	d.statements.Add(1)
	return do()
}

func (d *database) Close() error { return nil } // the test goes on

func (d *database) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	return ask(d, func() ([]tenancy.Versioned, error) { return d.source.Load(ctx, want) })
}

func (d *database) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if f := d.onBounds.Load(); f != nil {
		(*f)()
	}
	return ask(d, func() (tenancy.Bounds, error) { return d.source.Bounds(ctx) })
}

func (d *database) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	return ask(d, func() ([]tenancy.Change, error) { return d.source.Changes(ctx, after, limit) })
}

func (d *database) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return ask(d, func() (tenancy.Page, error) {
		if d.noLists.Load() {
			return tenancy.Page{}, tenancy.ErrUnavailable
		}
		d.lists.Add(1)
		return d.source.List(ctx, opts)
	})
}

func (d *database) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	return ask(d, func() ([]tenancy.Tenant, error) { return d.source.GetByIDs(ctx, ids) })
}

func (d *database) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return ask(d, func() (int, error) { return d.source.Count(ctx, filter) })
}

func (d *database) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return ask(d, func() ([]tenancy.Tenant, error) { return d.source.Search(ctx, query, opts) })
}

func (d *database) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return ask(d, func() (tenancy.Tenant, error) { return d.source.Update(ctx, t) })
}

func (d *database) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	return ask(d, func() (tenancy.Tenant, error) { return d.source.SetStatus(ctx, id, s) })
}

func TestOutageEndsWithMaxStale(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		db.down.Store(true)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		get(t, r, "acme")
		if st := r.State(); st.Phase != replica.PhaseInterrupted || st.Err == nil || !st.Serving {
			t.Errorf("in the outage: %+v", st)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := r.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("after MaxStale: %v, want ErrUnavailable", err)
		}
		if _, err := r.GetByIdentifier(t.Context(), "unknown"); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("unknown after MaxStale: %v, want ErrUnavailable", err)
		}
		db.down.Store(false)
		acme := suspend(t, db.source, ""+get(t, db.source, "acme").ID)
		later(t)
		if got := get(t, r, "acme"); got != acme || r.State().Phase != replica.PhaseSynced || r.State().Err != nil {
			t.Errorf("after the outage: %v, %+v", got, r.State())
		}
	}, replica.WithMaxStale(time.Minute))
}

// A first scan that fails is tried again until it does not; reads go to the source
// meanwhile, and fail as that does.
func TestStartInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase(memstore.New())
		acme := create(t, db.source, "acme")
		db.down.Store(true)
		r := start(t, db)
		defer stop(t, r)
		later(t)
		if _, err := r.GetByID(t.Context(), acme.ID); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("in the outage: %v", err)
		}
		if st := r.State(); st.Phase != replica.PhaseStarting || st.Err == nil {
			t.Errorf("in the outage: %+v", st)
		}
		db.down.Store(false)
		db.noLists.Store(true)
		later(t)
		if got, err := r.GetByID(t.Context(), acme.ID); err != nil || got != acme || r.State().Phase != replica.PhaseStarting {
			t.Errorf("before the scan: %v, %v", got, err)
		}
		db.noLists.Store(false)
		later(t)
		<-r.Synced()
		if got := get(t, r, "acme"); got != acme {
			t.Errorf("got %v", got)
		}
	})
}
