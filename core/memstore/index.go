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
	out := make([]tenancy.Tenant, 0, max(0, min(limit, total-offset)))
	if cap(out) == 0 {
		return out
	}
	skip(rest, offset)
	for len(out) < cap(out) {
		out = append(out, pop(rest).Tenant)
	}
	return out
}

// skip removes the n records that List shows first; there are more. It takes them
// off in large pieces: of k lists, the one whose (n/k)th record comes first holds
// n/k of the n.
func skip(rest [][]*record, n int) {
	for n > 0 {
		piece := max(1, n/len(rest))
		i := first(rest, piece)
		taken := min(piece, len(rest[i]))
		rest[i] = rest[i][:len(rest[i])-taken]
		n -= taken
	}
}

// pop removes and returns the record that List shows first.
func pop(rest [][]*record) *record {
	i := first(rest, 1)
	last := len(rest[i]) - 1
	r := rest[i][last]
	rest[i] = rest[i][:last]
	return r
}

// first returns which list's nth record, or last if it is shorter, List shows
// first.
func first(rest [][]*record, n int) int {
	list, best := -1, tenancy.ListKey{}
	for i, records := range rest {
		if len(records) == 0 {
			continue
		}
		k := tenancy.ListKeyOf(records[max(0, len(records)-n)].Tenant)
		if list < 0 || k.Compare(best) < 0 {
			list, best = i, k
		}
	}
	return list
}
