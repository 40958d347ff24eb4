package resolvetest

import (
	"context"
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// directory is a Getter that remembers what it was asked, and fails when told to.
type directory struct {
	mu      sync.Mutex
	tenants map[string]tenancy.Tenant // by ID
	failure error
	asked   []tenancy.Key
	last    context.Context
}

func newDirectory() *directory { return &directory{tenants: map[string]tenancy.Tenant{}} }

func (d *directory) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	return d.get(ctx, "GetByID", tenancy.IDKey(id))
}

func (d *directory) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return d.get(ctx, "GetByIdentifier", tenancy.IdentifierKey(identifier))
}

func (d *directory) get(ctx context.Context, op string, key tenancy.Key) (tenancy.Tenant, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked, d.last = append(d.asked, key), ctx
	if d.failure != nil {
		return tenancy.Tenant{}, d.failure
	}
	if err := key.Validate(); err != nil {
		return tenancy.Tenant{}, driver.ErrorIn(op, key, err)
	}
	for _, t := range d.tenants {
		if key.Matches(t) {
			return t, nil
		}
	}
	return tenancy.Tenant{}, driver.ErrorIn(op, key, tenancy.ErrNotFound)
}

// put stores t as it is, also with a status that no store would write.
func (d *directory) put(t tenancy.Tenant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tenants[t.ID] = t
}

func (d *directory) remove(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tenants, id)
}

func (d *directory) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = err
}

// lookups returns the keys that were asked for since the last call.
func (d *directory) lookups() []tenancy.Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := d.asked
	d.asked = nil
	return asked
}

// context returns the context of the last lookup.
func (d *directory) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}
