package storetest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func readMutants() []mutant {
	return []mutant{
		{rule: "get-missing", how: "remembers for ever that a tenant was not there", spoil: func(f *faulty) {
			missing := map[string]bool{}
			f.getByID = func(ctx context.Context, id string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if missing[id] || errors.Is(err, tenancy.ErrNotFound) {
					missing[id] = true
					return tenancy.Tenant{}, driver.ErrorIn("GetByID", tenancy.IDKey(id), tenancy.ErrNotFound)
				}
				return t, err
			}
		}},
		{rule: "reads-return-any-status", how: "hides deleted tenants from lists", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				if len(opts.Filter.Statuses) == 0 {
					opts.Filter.Statuses = []tenancy.Status{tenancy.StatusActive, tenancy.StatusProvisioning, tenancy.StatusSuspended}
				}
				return f.Store.List(ctx, opts)
			}
		}},
		{rule: "lookups-are-exact", how: "pads IDs as CHAR columns do", spoil: func(f *faulty) {
			f.getByID = func(ctx context.Context, id string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if errors.Is(err, tenancy.ErrNotFound) {
					return f.Store.GetByID(ctx, strings.TrimRight(id, " "))
				}
				return t, err
			}
		}},
		{rule: "get-by-ids-order", how: "returns tenants in the order of the table", spoil: func(f *faulty) {
			f.getByIDs = func(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
				ids = slices.Clone(ids)
				slices.Sort(ids)
				return f.Store.GetByIDs(ctx, ids)
			}
		}},
		{rule: "results-belong-to-the-caller", how: "hands its cache out", spoil: func(f *faulty) {
			cached := map[string][]tenancy.Tenant{}
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) (ts []tenancy.Tenant, err error) {
				if cached[query] == nil {
					cached[query], err = f.Store.Search(ctx, query, opts)
				}
				return cached[query], err
			}
		}},
		{rule: "results-belong-to-the-caller", how: "sorts the IDs that it was given", spoil: func(f *faulty) {
			f.getByIDs = func(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
				ts, err := f.Store.GetByIDs(ctx, ids)
				slices.Sort(ids)
				return ts, err
			}
		}},
		{rule: "results-belong-to-the-caller", how: "hands out the keys in its log", spoil: func(f *faulty) {
			log := map[tenancy.Revision][]tenancy.Key{}
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				for i, c := range changes {
					if log[c.Position.Revision] == nil {
						log[c.Position.Revision] = c.Keys
					}
					changes[i].Keys = log[c.Position.Revision]
				}
				return changes, err
			}
		}},
		{rule: "get-by-ids-10000", how: "binds one parameter for each ID", spoil: func(f *faulty) {
			f.getByIDs = func(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
				if len(ids) > 999 {
					return nil, driver.ErrorIn("GetByIDs", tenancy.Key{}, errors.New("too many parameters"))
				}
				return f.Store.GetByIDs(ctx, ids)
			}
		}},
		{rule: "list-order", how: "orders IDs by a collation", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				slices.SortFunc(page.Tenants, func(a, b tenancy.Tenant) int {
					return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(strings.ToLower(b.ID), strings.ToLower(a.ID)))
				})
				return page, err
			}
		}},
		{rule: "list-limit", how: "cuts a limit that is too large", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				opts.Limit = min(opts.Limit, tenancy.MaxPageLimit)
				return f.Store.List(ctx, opts)
			}
		}},
		{rule: "list-offset", how: "shows the last page again past the end", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				if n, err := f.Store.Count(ctx, opts.Filter); err == nil && opts.Offset > n {
					opts.Offset = n
				}
				opts.Offset = max(0, opts.Offset/4*4)
				return f.Store.List(ctx, opts)
			}
		}},
		{rule: "list-cursor", how: "gives every full page a cursor", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				if n := len(page.Tenants); n > 0 && n == opts.Limit {
					page.Next = driver.ListKeyOf(page.Tenants[n-1]).Cursor(opts.Filter)
				}
				return page, err
			}
		}},
		{rule: "list-cursor-belongs-to-its-listing", how: "begins anew where it does not know a cursor", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				if opts.Cursor != "" && errors.Is(err, tenancy.ErrInvalid) {
					opts.Cursor = ""
					return f.Store.List(ctx, opts)
				}
				return page, err
			}
		}},
		{rule: "list-cursor-stable", how: "hides an offset in its cursors", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				if opts.Cursor != "" {
					opts.Offset, _ = strconv.Atoi(opts.Cursor)
					opts.Cursor = ""
				}
				page, err := f.Store.List(ctx, opts)
				if page.Next != "" {
					page.Next = strconv.Itoa(opts.Offset + len(page.Tenants))
				}
				return page, err
			}
		}},
		{rule: "list-filter", how: "looks at the first status only", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				opts.Filter.Statuses = opts.Filter.Statuses[:min(1, len(opts.Filter.Statuses))]
				return f.Store.List(ctx, opts)
			}
		}},
		{rule: "list-filter", how: "counts everything", spoil: func(f *faulty) {
			f.count = func(ctx context.Context, filter tenancy.Filter) (int, error) {
				return f.Store.Count(ctx, tenancy.Filter{})
			}
		}},
		{rule: "list-bad-cursor", how: "begins anew at a cursor that it cannot read", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				if errors.Is(err, tenancy.ErrInvalid) {
					opts.Cursor = ""
					return f.Store.List(ctx, opts)
				}
				return page, err
			}
		}},
		{rule: "search-folds-case", how: "folds ASCII letters only, as LOWER in SQLite does", spoil: func(f *faulty) {
			lower := func(s string) string {
				return strings.Map(func(r rune) rune {
					if 'A' <= r && r <= 'Z' {
						return r + 'a' - 'A'
					}
					return r
				}, s)
			}
			f.search = searchBy(f, func(t tenancy.Tenant, query string) driver.SearchRank {
				return driver.RankOf(t.Identifier, lower(t.Name), lower(query))
			})
		}},
		{rule: "search-folds-case", how: "ignores accents", spoil: func(f *faulty) {
			plain := strings.NewReplacer("ü", "u", "Ü", "u", "é", "e", "É", "e", "e\u0301", "e")
			f.search = searchBy(f, func(t tenancy.Tenant, query string) driver.SearchRank {
				return driver.RankOf(t.Identifier, driver.Fold(plain.Replace(t.Name)), driver.Fold(plain.Replace(query)))
			})
		}},
		{rule: "search-literal", how: "puts the query into a LIKE pattern", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				return f.Store.Search(ctx, strings.Trim(query, "%"), opts)
			}
		}},
		{rule: "search-rank", how: "orders by identifier", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				ts, err := f.Store.Search(ctx, query, opts)
				slices.SortFunc(ts, func(a, b tenancy.Tenant) int { return strings.Compare(a.Identifier, b.Identifier) })
				return ts, err
			}
		}},
		{rule: "search-rank", how: "puts identifiers before names", spoil: func(f *faulty) {
			f.search = searchBy(f, func(t tenancy.Tenant, query string) driver.SearchRank {
				rank := rankOf(t, query)
				if rank == driver.RankNameContains && !strings.Contains(t.Identifier, driver.Fold(query)) {
					return driver.RankIdentifierContains
				}
				if rank == driver.RankIdentifierContains {
					return driver.RankNameContains
				}
				return rank
			})
		}},
		{rule: "search-ties", how: "leaves ties in the order of the table", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				ts, err := f.Store.Search(ctx, query, opts)
				slices.SortStableFunc(ts, func(a, b tenancy.Tenant) int {
					return cmp.Or(cmp.Compare(rankOf(a, query), rankOf(b, query)), cmp.Compare(a.Revision, b.Revision))
				})
				return ts, err
			}
		}},
		{rule: "search-limit", how: "returns 20 by default", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				opts.Limit = cmp.Or(opts.Limit, 20)
				return f.Store.Search(ctx, query, opts)
			}
		}},
		{rule: "search-empty-query", how: "finds nothing by nothing", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				if query == "" {
					return nil, nil
				}
				return f.Store.Search(ctx, query, opts)
			}
		}},
		{rule: "search-filter", how: "filters what is left after the limit", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				filter := opts.Filter
				opts.Filter = tenancy.Filter{}
				ts, err := f.Store.Search(ctx, query, opts)
				return slices.DeleteFunc(ts, func(t tenancy.Tenant) bool { return !filter.Matches(t) }), err
			}
		}},
		{rule: "search-follows-writes", how: "searches a copy of the names from the time of creation", spoil: func(f *faulty) { f.search = searchOldNames(f) }},
		{rule: "reads-agree", how: "leaves the metadata out of lists", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				for i := range page.Tenants {
					page.Tenants[i].Metadata = tenancy.Metadata{}
				}
				return page, err
			}
		}},
		{rule: "secret-round-trips", how: "leaves the DatabaseURL out of lookups", spoil: func(f *faulty) {
			f.getByID = func(ctx context.Context, id string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				t.DatabaseURL = tenancy.NewSecret(t.DatabaseURL.String())
				return t, err
			}
		}},
	}
}

func rankOf(t tenancy.Tenant, query string) driver.SearchRank {
	return driver.RankOf(t.Identifier, driver.Fold(t.Name), driver.Fold(query))
}

// searchBy is a Search with a rank of its own.
func searchBy(f *faulty, rank func(t tenancy.Tenant, query string) driver.SearchRank) func(context.Context, string, tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return func(_ context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
		opts, err := driver.ForSearch(opts)
		if err != nil {
			return nil, err
		}
		var matches []driver.Match
		for _, t := range f.All() {
			if r := rank(t, query); r < driver.RankNone && opts.Filter.Matches(t) {
				matches = append(matches, driver.Match{Tenant: t, Rank: r})
			}
		}
		return driver.TopMatches(slices.Values(matches), opts.Limit), nil
	}
}

// searchOldNames is a Search that knows every tenant by its first name only.
func searchOldNames(f *faulty) func(context.Context, string, tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	names := map[string]string{}
	f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
		created, err := f.Store.Create(ctx, t)
		names[created.ID] = created.Name
		return created, err
	}
	return searchBy(f, func(t tenancy.Tenant, query string) driver.SearchRank {
		t.Name = names[t.ID]
		return rankOf(t, query)
	})
}
