package index

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Index holds records in list order, all of them and those of each status. A page costs
// its size and one step for a few hundred tenants that it skips; a count costs nothing; a
// search reads every tenant. A write costs a binary search and moving a few hundred
// pointers at most. Its zero value is empty. The caller guards it.
type Index struct {
	all      List
	byStatus map[tenancy.Status]*List
}

// Insert adds records, which the index does not hold, and sorts rs. Many at once that List
// shows one after the other cost little more than one.
func (x *Index) Insert(rs ...*Record) {
	x.all.Insert(rs...)
	slices.SortStableFunc(rs, func(a, b *Record) int { return cmp.Compare(a.Status, b.Status) })
	for len(rs) > 0 {
		n := 1
		for n < len(rs) && rs[n].Status == rs[0].Status {
			n++
		}
		x.ofStatus(rs[0].Status).Insert(rs[:n]...)
		rs = rs[n:]
	}
}

// ofStatus returns the list of a status.
func (x *Index) ofStatus(status tenancy.Status) *List {
	of := x.byStatus[status]
	if of == nil {
		if x.byStatus == nil {
			x.byStatus = map[tenancy.Status]*List{}
		}
		of = &List{}
		x.byStatus[status] = of
	}
	return of
}

// Remove removes r.
func (x *Index) Remove(r *Record) {
	x.all.Remove(r)
	x.byStatus[r.Status].Remove(r)
}

// Len returns the number of records.
func (x *Index) Len() int { return x.all.n }

// Statuses yields how many records have each status that some record has.
func (x *Index) Statuses() iter.Seq2[tenancy.Status, int] {
	return func(yield func(tenancy.Status, int) bool) {
		for status, of := range x.byStatus {
			if of.n > 0 && !yield(status, of.n) {
				return
			}
		}
	}
}

// Records returns all records, in the reverse of list order.
func (x *Index) Records() []*Record { return x.all.Records() }

// Page returns what [driver.Backend.ListAfter] is asked for.
func (x *Index) Page(opts tenancy.ListOptions, after driver.ListKey) tenancy.Page {
	return driver.PageOf(page(x.lists(opts.Filter), after, opts.Offset, opts.Limit+1), opts)
}

// Count returns how many records filter selects.
func (x *Index) Count(filter tenancy.Filter) int {
	n := 0
	for _, of := range x.lists(filter) {
		n += of.n
	}
	return n
}

// Search returns what [driver.Searcher] is asked for. It fails with the error of ctx.
func (x *Index) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	folded := driver.Fold(query)
	found := driver.TopMatches(func(yield func(driver.Match) bool) {
		for _, of := range x.lists(opts.Filter) {
			for _, chunk := range of.chunks {
				if ctx.Err() != nil {
					return
				}
				for _, r := range chunk {
					rank := driver.RankOf(r.Identifier, r.name, folded)
					if rank != driver.RankNone && !yield(driver.Match{Tenant: r.Tenant, Rank: rank}) {
						return
					}
				}
			}
		}
	}, opts.Limit)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return found, nil
}

// lists returns the disjoint lists that together hold what filter selects.
func (x *Index) lists(filter tenancy.Filter) []*List {
	if len(filter.Statuses) == 0 {
		return []*List{&x.all}
	}
	var out []*List
	for _, s := range filter.Statuses {
		if of := x.byStatus[s]; of != nil && !slices.Contains(out, of) {
			out = append(out, of)
		}
	}
	return out
}
