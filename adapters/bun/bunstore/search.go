package bunstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Search ranks in the database, by the folded name that is stored with each
// tenant. Names that were edited by hand and are not ASCII have none; they are
// ranked here. It reads every tenant that the filter selects, or with
// [WithSearchIndex] those that hold the rare parts of query.
func (b *base) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	kind, args, err := b.filter(opts.Filter)
	if err != nil {
		return nil, err
	}
	folded := driver.Fold(query)
	args = append([]any{folded, int64(opts.Limit)}, args...)
	var matches []driver.Match
	err = b.look(ctx, func() (bool, error) {
		text, args := b.texts.search[kind], args
		lookup, err := b.rareLookup(ctx, folded)
		if err != nil {
			return false, err
		}
		if lookup != "" {
			text, args = b.texts.indexedSearch[kind], append(args[:len(args):len(args)], lookup)
		}
		matches, err = b.matches(ctx, folded, text, args)
		return len(matches) > 0, err
	})
	if err != nil {
		return nil, err
	}
	return driver.TopMatches(slices.Values(matches), opts.Limit), nil
}

// matches reads what text ranks, and ranks the others.
func (b *base) matches(ctx context.Context, folded, text string, args []any) (matches []driver.Match, err error) {
	var rank int64
	r := b.read.newRow(&rank)
	err = b.read.each(ctx, text, args, func(rows *sql.Rows) error {
		t, err := r.scan(rows)
		if err != nil {
			return err
		}
		m := driver.Match{Tenant: t, Rank: driver.SearchRank(rank)}
		if rank < 0 {
			m.Rank = driver.RankOf(t.Identifier, driver.Fold(t.Name), folded)
		}
		if m.Rank != driver.RankNone {
			matches = append(matches, m)
		}
		return nil
	})
	return matches, err
}
