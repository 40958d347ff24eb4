package memstore

import (
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// index holds records in the reverse of list order, so that the newest tenant,
// which most inserts are, goes to the end.
type index struct{ records []*record }

// before returns how many records List shows after the place k.
func (x *index) before(k tenancy.ListKey) (n int, found bool) {
	return slices.BinarySearchFunc(x.records, k, func(r *record, k tenancy.ListKey) int {
		return -tenancy.ListKeyOf(r.Tenant).Compare(k)
	})
}

func (x *index) insert(r *record) {
	i, _ := x.before(tenancy.ListKeyOf(r.Tenant))
	x.records = slices.Insert(x.records, i, r)
}

func (x *index) remove(r *record) {
	if i, found := x.before(tenancy.ListKeyOf(r.Tenant)); found {
		x.records = slices.Delete(x.records, i, i+1)
	}
}

// page returns at most limit tenants of the indexes in list order, after the
// place and then skipping offset.
func page(indexes []*index, after tenancy.ListKey, offset, limit int) []tenancy.Tenant {
	rest := make([][]*record, len(indexes)) // what is still to come, next one last
	total := 0
	for i, x := range indexes {
		n := len(x.records)
		if !after.IsZero() {
			n, _ = x.before(after)
		}
		rest[i] = x.records[:n]
		total += n
	}
	if len(rest) == 1 { // no merge: the offset costs nothing
		rest[0] = rest[0][:max(0, total-offset)]
		total, offset = len(rest[0]), 0
	}
	out := make([]tenancy.Tenant, 0, max(0, min(limit, total-offset)))
	for ; total > 0 && len(out) < limit; total-- {
		r := pop(rest)
		if offset > 0 {
			offset--
			continue
		}
		out = append(out, r.Tenant)
	}
	return out
}

// pop removes and returns the record that List shows first.
func pop(rest [][]*record) *record {
	first := -1
	for i, records := range rest {
		if len(records) == 0 {
			continue
		}
		if first < 0 || tenancy.ListKeyOf(records[len(records)-1].Tenant).
			Compare(tenancy.ListKeyOf(rest[first][len(rest[first])-1].Tenant)) < 0 {
			first = i
		}
	}
	last := len(rest[first]) - 1
	r := rest[first][last]
	rest[first] = rest[first][:last]
	return r
}
