//go:build unix

package processes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// maxBulk is the largest number of own tenants that one write changes.
const maxBulk = 5

// worker writes all kinds of things: to tenants of its own, whose state it
// knows, and to shared ones, over which it contends with others.
type worker struct {
	store  tenancy.Store
	out    *reporter
	name   string
	shared []string
	own    []tenancy.Tenant
	count  int
}

func newWorker(store tenancy.Store, out *reporter, name string, shared []string) *worker {
	return &worker{store: store, out: out, name: name, shared: shared}
}

// write makes one write and reports what became of it.
func (w *worker) write(ctx context.Context) {
	w.count++
	if len(w.shared) > 0 && rand.N(2) == 0 {
		w.writeShared(ctx)
		return
	}
	if len(w.own) < 3 || rand.N(3) == 0 {
		w.create(ctx)
		return
	}
	i := rand.N(len(w.own))
	switch rand.N(5) {
	case 0:
		t := w.own[i]
		t.Identifier = w.unique()
		w.replace(ctx, "Update", i, func() (tenancy.Tenant, error) { return w.store.Update(ctx, t) })
	case 1:
		patch := w.patch()
		w.replace(ctx, "UpdateMetadata", i, func() (tenancy.Tenant, error) {
			return w.store.UpdateMetadata(ctx, w.own[i].ID, patch)
		})
	case 2:
		w.replace(ctx, "SetStatus", i, func() (tenancy.Tenant, error) {
			return w.store.SetStatus(ctx, w.own[i].ID, someStatus())
		})
	case 3:
		w.bulk(ctx)
	case 4:
		w.remove(ctx, i)
	}
}

func (w *worker) create(ctx context.Context) {
	t := tenancy.Tenant{ID: w.unique(), Identifier: w.unique(), Name: "Tenant of " + w.name}
	created, err := w.store.Create(ctx, t)
	if w.acknowledge(ctx, "Create", t.ID, &created, err) {
		w.own = append(w.own, created)
	} else if found, ok := w.look(ctx, t.ID); ok {
		w.own = append(w.own, found)
	}
}

// replace makes a write that changes own tenant i.
func (w *worker) replace(ctx context.Context, op string, i int, write func() (tenancy.Tenant, error)) {
	id := w.own[i].ID
	changed, err := write()
	if w.acknowledge(ctx, op, id, &changed, err) {
		w.own[i] = changed
	} else {
		w.lookAgain(ctx, id)
	}
}

func (w *worker) remove(ctx context.Context, i int) {
	id := w.own[i].ID
	err := w.store.Delete(ctx, id)
	if w.acknowledge(ctx, "Delete", id, nil, err) {
		w.own = slices.Delete(w.own, i, i+1)
	} else {
		w.lookAgain(ctx, id)
	}
}

func (w *worker) bulk(ctx context.Context) {
	ids := make([]string, min(len(w.own), maxBulk))
	for i := range ids {
		ids[i] = w.own[i].ID
	}
	changed, err := w.store.BulkUpdateStatus(ctx, ids, someStatus())
	if err == nil && len(changed) != len(ids) {
		err = fmt.Errorf("%d of %d tenants changed", len(changed), len(ids))
	}
	for i, id := range ids {
		var t *tenancy.Tenant
		if err == nil {
			t = &changed[i]
		}
		if w.acknowledge(ctx, "BulkUpdateStatus", id, t, err) {
			w.own[i] = *t
		}
	}
	if err != nil {
		for _, id := range ids {
			w.lookAgain(ctx, id)
		}
	}
}

// writeShared makes a write over which others contend. None of them may fail:
// not in a deadlock, not because the database is busy.
func (w *worker) writeShared(ctx context.Context) {
	id := w.shared[rand.N(len(w.shared))]
	var changed tenancy.Tenant
	var err error
	op := [...]string{"UpdateMetadata", "Modify", "BulkUpdateStatus", "rename"}[rand.N(4)]
	switch op {
	case "UpdateMetadata":
		changed, err = w.store.UpdateMetadata(ctx, id, w.patch())
	case "Modify":
		changed, err = tenancy.Modify(ctx, w.store, id, func(t *tenancy.Tenant) error {
			t.Name = "Changed by " + w.unique()
			return nil
		})
	case "rename":
		changed, err = tenancy.Modify(ctx, w.store, id, func(t *tenancy.Tenant) error {
			if contested := fmt.Sprintf("contested-%d", rand.N(3)); t.Identifier != contested {
				t.Identifier = contested
			} else {
				t.Identifier = w.unique()
			}
			return nil
		})
		if errors.Is(err, tenancy.ErrAlreadyExists) {
			return // another one has it
		}
	case "BulkUpdateStatus":
		ids := slices.Clone(w.shared)
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		all, err := w.store.BulkUpdateStatus(ctx, ids, someStatus())
		for _, t := range all {
			w.acknowledge(ctx, op, t.ID, &t, err)
		}
		if len(all) != len(ids) {
			w.acknowledge(ctx, op, "", nil, errors.Join(err, fmt.Errorf("%d of %d tenants changed", len(all), len(ids))))
		}
		return
	}
	w.acknowledge(ctx, op, id, &changed, err)
}

// acknowledge reports what became of a write, and whether it is certain to have
// happened.
func (w *worker) acknowledge(ctx context.Context, op, id string, t *tenancy.Tenant, err error) bool {
	r := report{Op: op, ID: id}
	switch {
	case err == nil:
		r.Tenant = t
	case errors.Is(err, tenancy.ErrUnavailable) && len(w.shared) == 0 && ctx.Err() == nil:
		r.Unknown = true
	default:
		r.Failed = err.Error()
	}
	w.out.report(r)
	return err == nil
}

// lookAgain brings own tenant id up to date after a write with an unknown end.
func (w *worker) lookAgain(ctx context.Context, id string) {
	i := slices.IndexFunc(w.own, func(t tenancy.Tenant) bool { return t.ID == id })
	if t, ok := w.look(ctx, id); ok {
		w.own[i] = t
	} else {
		w.own = slices.Delete(w.own, i, i+1)
	}
}

// look reads a tenant as soon as the store can answer again.
func (w *worker) look(ctx context.Context, id string) (tenancy.Tenant, bool) {
	for {
		t, err := w.store.GetByID(ctx, id)
		switch {
		case err == nil:
			return t, true
		case errors.Is(err, tenancy.ErrNotFound):
			return t, false
		case !errors.Is(err, tenancy.ErrUnavailable) || ctx.Err() != nil:
			w.out.report(report{Op: "GetByID", ID: id, Failed: err.Error()})
			return t, false
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// unique returns a text that no other worker or write uses, and that is both an
// ID and an identifier.
func (w *worker) unique() string {
	w.count++
	return fmt.Sprintf("%s-%d", w.name, w.count)
}

// patch returns a patch with a key of its own, so that a lost one is noticed.
func (w *worker) patch() tenancy.Metadata {
	m, err := tenancy.ParseMetadata(fmt.Appendf(nil, "{%q:true}", w.unique()))
	if err != nil {
		w.out.report(report{Op: "ParseMetadata", Failed: err.Error()})
	}
	return m
}

func someStatus() tenancy.Status {
	all := tenancy.Statuses()
	return all[rand.N(len(all))]
}
