package storetest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// worldMutants do not see what others do to their data.
func worldMutants() []mutant {
	return []mutant{
		{rule: "peer-writes-are-seen", how: "has data of its own", spoil: func(f *faulty) {
			f.peer = func() tenancy.Store { return memstore.New() }
		}},
		{rule: "peer-writes-are-seen", how: "keeps what it has read", spoil: func(f *faulty) {
			read := map[string]tenancy.Tenant{}
			f.getByID = func(ctx context.Context, id string) (tenancy.Tenant, error) {
				if t, found := read[id]; found {
					return t, nil
				}
				t, err := f.Store.GetByID(ctx, id)
				if err == nil {
					read[id] = t
				}
				return t, err
			}
		}},
		{rule: "list-is-not-behind-the-log", how: "lists what there was at the call before", spoil: func(f *faulty) {
			var now tenancy.Page
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (before tenancy.Page, err error) {
				before = now
				now, err = f.Store.List(ctx, opts)
				return before, err
			}
		}},
		{rule: "peer-shares-log", how: "logs its own writes only", spoil: func(f *faulty) {
			f.peer = func() tenancy.Store {
				copied := memstore.New()
				copied.Restore(f.Backup())
				return copied
			}
		}},
		{rule: "edit-is-logged", how: "logs what goes through the library only", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				return slices.DeleteFunc(changes, func(c tenancy.Change) bool { return c.Kind == tenancy.ChangeUpdate }), err
			}
		}},
		{rule: "edit-is-found", how: "searches names that it folded at create", spoil: func(f *faulty) { f.search = searchOldNames(f) }},
		{rule: "unknown-status-is-returned", how: "shows an unknown status as suspended", harness: func() storetest.Harness {
			h := minimalHarness()
			open, edit := h.Open, h.Edit
			h.Open = func(tb testing.TB) tenancy.Store { return statusHider{open(tb).(*minimalStore)} }
			h.Edit = func(tb testing.TB, s tenancy.Store, t tenancy.Tenant) { edit(tb, s.(statusHider).minimalStore, t) }
			return h
		}},
	}
}

type statusHider struct{ *minimalStore }

func (s statusHider) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	t, err := s.minimalStore.GetByID(ctx, id)
	if err == nil && !t.Status.Known() {
		t.Status = tenancy.StatusSuspended
	}
	return t, err
}
