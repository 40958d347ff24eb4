package engine

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Search ranks in the database, by the folded name that is stored with each
// tenant. Names that were edited by hand and are not ASCII have none; they are
// ranked here. It reads every tenant that the filter selects, or with
// [WithSearchIndex] those that hold the rare parts of query.
func (b *Base) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	kind, args, err := b.filter(opts.Filter)
	if err != nil {
		return nil, err
	}
	folded := driver.Fold(query)
	args = append([]any{folded, int64(opts.Limit)}, args...)
	var matches []driver.Match
	err = b.Look(ctx, func() (bool, error) {
		text, args := b.Texts.search[kind], args
		lookup, err := b.rareLookup(ctx, folded)
		if err != nil {
			return false, err
		}
		if lookup != "" {
			text, args = b.Texts.IndexedSearch[kind], append(args[:len(args):len(args)], lookup)
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
func (b *Base) matches(ctx context.Context, folded, text string, args []any) (matches []driver.Match, err error) {
	var rank int64
	r := b.Read.newRow(&rank)
	err = b.Read.Each(ctx, text, args, func(rows *sql.Rows) error {
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

// searchText ranks as driver.RankOf does: every tenant, or those that the search
// index finds by its last parameter. Tenants whose folded name is unknown come
// with rank -1, all of them, for the caller to rank.
func searchText(d Dialect, f filterKind, indexed bool) string {
	p := params{d: d}
	query, limit := p.next(), p.next()
	filter := filterText(f, &p)
	tenants := d.Source("", "t")
	from, found := tenants, "TRUE"
	if indexed {
		from, found = d.SearchFrom(p.next())
	}
	rank := fmt.Sprintf("CASE WHEN t.identifier = %s THEN 0 WHEN %s THEN 1 WHEN %s THEN 2 WHEN %s THEN 3 ELSE 4 END",
		query, d.HasPrefix("t.identifier", query), d.Contains("t.name_folded", query), d.Contains("t.identifier", query))
	ranked := "SELECT " + Columns + ", " + rank + " AS place FROM " + from + " WHERE " + found + " AND t.name_folded IS NOT NULL AND " + filter
	return "SELECT t.place, " + Columns + " FROM (SELECT * FROM (" + ranked + ") AS t WHERE t.place < 4 ORDER BY t.place, t.identifier LIMIT " + limit + ") AS t" +
		" UNION ALL SELECT -1, " + Columns + " FROM " + tenants + " WHERE t.name_folded IS NULL AND " + filter
}

const (
	// MaxLookup is how much of a query is looked up: the rest adds little.
	MaxLookup = 64
	// A sample has at most some SampleRows tenants, and one of DefaultSampleShare,
	// so that it costs little beside reading them all.
	SampleRows         = 400
	DefaultSampleShare = 200
	// minSample is a sample that says something. So a store needs some 20,000
	// tenants for its index to be used; in a smaller one there is little to gain.
	minSample = 100
	// A trigram is rare if at most one of rareShare tenants has it. Then the index
	// wins by far, and still does at several times as many, where a sample may
	// take it for rare.
	rareShare = 100
)

// rareLookup returns what to look up in the search index, or "" if reading every
// tenant is the better plan: without the index, for a query without trigrams,
// and if all of its trigrams are common.
//
// The database's own estimate would not do: PostgreSQL has none for a bound
// pattern, knows nothing of trigrams, and reads the lists of all of them before
// it returns a row; SQLite estimates nothing.
func (b *Base) rareLookup(ctx context.Context, folded string) (string, error) {
	if !b.SearchIndex {
		return "", nil
	}
	lookup, trigrams := b.SearchLookup(folded)
	if len(trigrams) == 0 {
		return "", nil
	}
	if _, usable, err := b.searchIndexState(ctx, b.Read); err != nil || !usable {
		return "", err
	}
	if b.SampleShare == 0 {
		return lookup, nil
	}
	list, err := b.Array(trigrams)
	if err != nil {
		return "", err
	}
	var sampled, having Integer
	if _, err := b.Read.One(ctx, b.Texts.searchSample, []any{list}, &sampled, &having); err != nil {
		return "", err
	}
	if sampled < minSample || having*rareShare > sampled {
		return "", nil
	}
	return lookup, nil
}

// searchIndexState says whether the index exists, and whether it can be used.
func (b *Base) searchIndexState(ctx context.Context, s Session) (exists, usable bool, err error) {
	exists, err = s.One(ctx, b.Texts.searchState, nil, &usable)
	return exists, usable, err
}

// installSearchIndex creates the index within the transaction of a migration.
func (b *Base) installSearchIndex(ctx context.Context, s Session) error {
	exists, usable, err := b.searchIndexState(ctx, s)
	if err != nil {
		return err
	}
	if exists {
		if !usable {
			b.Logger.WarnContext(ctx, "tenancy: the search index is being built by somebody or is broken; searches do without it")
		}
		return nil
	}
	ddl, err := b.SearchSchema()
	if err != nil {
		return err
	}
	b.Logger.InfoContext(ctx, "tenancy: building the search index; writers wait")
	start := time.Now()
	if _, err := s.Exec(ctx, ddl); err != nil {
		return err
	}
	b.Logger.InfoContext(ctx, "tenancy: built the search index", slog.Duration("duration", time.Since(start)))
	return nil
}

// AppendTrigrams adds to list those of s that it lacks.
func AppendTrigrams(list []string, s string) []string {
	runes := []rune(s)
	for i := range len(runes) - 2 {
		if trigram := string(runes[i : i+3]); !slices.Contains(list, trigram) {
			list = append(list, trigram)
		}
	}
	return list
}
