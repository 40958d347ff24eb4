package replica

import (
	"slices"

	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Index finds the tenants of a replica by keys that a function derives from them. Create
// one with NewIndex; it is safe for concurrent use.
type Index struct {
	s     *Store
	keys  func(tenancy.Tenant) []string
	lists map[string]*index.List // guarded by the Store
}

// NewIndex returns an index by keys, a function that returns the keys of a tenant: its
// plan, its region, each of its features. It is called while the replica is being written,
// so it must be fast, must not call the replica, and must depend only on the tenant.
// NewIndex panics if keys is nil.
func NewIndex(r *Store, keys func(tenancy.Tenant) []string) *Index {
	if keys == nil {
		panic("replica: the function of the keys of an index is nil") //nolint:forbidigo // as http.ServeMux.Handle does
	}
	x := &Index{s: r, keys: keys, lists: map[string]*index.List{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.table.All() {
		x.changed(nil, t)
	}
	r.indexes = append(r.indexes, x)
	return x
}

// Find returns the tenants with this key, in the order of List. If nothing may be served
// from memory, it fails with ErrUnavailable, since the source has no such index.
func (x *Index) Find(key string) ([]tenancy.Tenant, error) {
	x.s.mu.RLock()
	defer x.s.mu.RUnlock()
	if err := x.s.unserved("Find"); err != nil { // asked here: memory is emptied with the lock held
		return nil, err
	}
	list := x.lists[key]
	if list == nil {
		return nil, nil
	}
	out := make([]tenancy.Tenant, 0, list.Len())
	for _, r := range slices.Backward(list.Records()) {
		out = append(out, r.Tenant)
	}
	return out, nil
}

// changed puts after in the place of before. The caller has the Store's mu.
func (x *Index) changed(before, after *table.Record) {
	if before != nil {
		for _, key := range unique(x.keys(before.Tenant)) {
			list := x.lists[key]
			if list.Remove(&before.Record); list.Len() == 0 {
				delete(x.lists, key)
			}
		}
	}
	if after != nil {
		for _, key := range unique(x.keys(after.Tenant)) {
			if x.lists[key] == nil {
				x.lists[key] = &index.List{}
			}
			x.lists[key].Insert(&after.Record)
		}
	}
}

func unique(keys []string) []string {
	if len(keys) < 2 {
		return keys
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return slices.Compact(keys)
}
