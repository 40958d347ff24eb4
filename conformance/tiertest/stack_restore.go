package tiertest

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// since returns the tenants that were last written after base.
func (r *run) since(base tenancy.Position) []tenancy.Tenant {
	var ts []tenancy.Tenant
	for i := range someIDs {
		if a, err := lookup(r.tb.Context(), r.stack.Source, tenancy.IDKey(id(i))); err != nil {
			r.errorf("the source fails without a fault: %v", err)
		} else if a.found && a.tenant.Revision > base.Revision {
			ts = append(ts, a.tenant)
		}
	}
	return ts
}

// saveUndone is somebody who has edited t, which a restore has undone meanwhile,
// and saves it.
func (r *run) saveUndone(t tenancy.Tenant) {
	ctx, cancel := context.WithTimeout(r.tb.Context(), r.h.Patience)
	defer cancel()
	node := r.random.IntN(len(r.stack.Nodes))
	t.Name = "Undone"
	_, err := r.stack.Nodes[node].Update(ctx, t)
	if err == nil {
		r.errorf("node %d updated %s from %s, which a restore has undone", node, t.ID, t.Position())
	}
	r.wrote(node, err)
}

// overtake writes until the log is longer than the one that was lost, so that only
// marks tell the two apart. It touches one tenant, one of those undone if there are
// any, so that much of what was lost stays untouched.
func (r *run) overtake(lost tenancy.Revision, undone []tenancy.Tenant) {
	ctx, i := r.tb.Context(), r.random.IntN(someIDs)
	var old tenancy.Tenant
	if len(undone) > 0 {
		old = undone[r.random.IntN(len(undone))]
		for id(i) != old.ID {
			i = (i + 1) % someIDs
		}
	}
	for n := range 1000 {
		t, err := r.stack.Source.SetStatus(ctx, id(i), tenancy.Statuses()[n%len(tenancy.Statuses())])
		if errors.Is(err, tenancy.ErrNotFound) {
			t, err = r.stack.Source.Create(ctx, tenancy.Tenant{ID: id(i), Identifier: "overtaker-" + id(i), Name: "Overtaker"})
		}
		if err != nil {
			r.errorf("the source fails without a fault: %v", err)
			return
		}
		r.judge.wrote(t)
		if t.Revision == old.Revision {
			r.saveUndone(old)
		}
		if t.Revision > lost+5 {
			return
		}
	}
}
