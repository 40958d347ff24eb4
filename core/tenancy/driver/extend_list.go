package driver

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// List implements [tenancy.Store].
func (x *Extended) List(ctx context.Context, opts tenancy.ListOptions) (p tenancy.Page, err error) {
	defer complete(&err, "List", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return p, err
	}
	return pages{x.b}.List(ctx, opts)
}

// pages is the backend as a [tenancy.Lister], for calls that are under way: a failure of one
// of its pages is theirs, and names them.
type pages struct{ b Backend }

// List implements [tenancy.Lister].
func (l pages) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	opts, after, err := ForList(opts)
	if err != nil {
		return tenancy.Page{}, err
	}
	p, err := l.b.ListAfter(ctx, opts, after)
	if opts.OmitSecrets {
		for i := range p.Tenants {
			if url := &p.Tenants[i].DatabaseURL; !url.IsZero() {
				*url = omittedSecret()
			}
		}
	}
	return p, err
}

// Count implements [tenancy.Store].
func (x *Extended) Count(ctx context.Context, filter tenancy.Filter) (n int, err error) {
	defer complete(&err, "Count", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, filter.Validate()); err != nil {
		return 0, err
	}
	if b, ok := x.b.(Counter); ok {
		return b.Count(ctx, filter)
	}
	for _, err := range tenancy.All(ctx, pages{x.b}, tenancy.ListOptions{Filter: filter}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Search implements [tenancy.Store].
func (x *Extended) Search(ctx context.Context, query string, opts tenancy.SearchOptions) (ts []tenancy.Tenant, err error) {
	defer complete(&err, "Search", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateQuery(query)); err != nil {
		return nil, err
	}
	if opts, err = ForSearch(opts); err != nil {
		return nil, err
	}
	if b, ok := x.b.(Searcher); ok {
		return b.Search(ctx, query, opts)
	}
	folded := Fold(query)
	ts = TopMatches(func(yield func(Match) bool) {
		for t, failure := range tenancy.All(ctx, pages{x.b}, tenancy.ListOptions{Filter: opts.Filter}) {
			if err = failure; err != nil {
				return
			}
			if rank := RankOf(Fold(t.Identifier), Fold(t.Name), folded); rank != RankNone && !yield(Match{t, rank}) {
				return
			}
		}
	}, opts.Limit)
	if err != nil {
		return nil, err
	}
	return ts, nil
}

// omittedSecret is what ListOptions.OmitSecrets leaves of a secret.
func omittedSecret() tenancy.Secret {
	return WithheldSecret("it was not asked for: see ListOptions.OmitSecrets")
}
