package bunstore

import (
	"context"
	"log/slog"
	"slices"
	"time"

	bundialect "github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// searchDialect is what a database has for the search index. It is an index of
// the trigrams of a text that has the identifier and the folded name in it; what
// it finds is a superset of what matches, and is ranked like every other tenant.
type searchDialect interface {
	// searchDDLFile is the file that creates the index, and fills it.
	searchDDLFile() string
	// searchDrop removes what that file created.
	searchDrop(n names) string
	// searchState selects whether the index can be used, or nothing if there is
	// none.
	searchState(n names) string
	// searchLookup returns what to look up for a folded query, and the trigrams
	// that this reads; none if the index cannot help.
	searchLookup(folded string) (lookup string, trigrams []string)
	// searchSample selects the size of a random sample of the tenants, and how
	// many of them have the rarest of the trigrams that are bound by texts as
	// the first parameter. share is at least 1.
	searchSample(n names, share int) string
	// searchFrom is the FROM clause of the tenants t that the index finds, and a
	// condition on the lookup that is bound to param.
	searchFrom(n names, param string) (from, condition string)
}

const (
	// maxLookup is how much of a query is looked up: the rest adds little.
	maxLookup = 64
	// A sample has at most some sampleRows tenants, and one of defaultSampleShare,
	// so that it costs little beside reading them all.
	sampleRows         = 400
	defaultSampleShare = 200
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
func (b *base) rareLookup(ctx context.Context, folded string) (string, error) {
	if !b.searchIndex {
		return "", nil
	}
	lookup, trigrams := b.dialect.searchLookup(folded)
	if len(trigrams) == 0 {
		return "", nil
	}
	if _, usable, err := b.searchIndexState(ctx, b.read); err != nil || !usable {
		return "", err
	}
	if b.sampleShare == 0 {
		return lookup, nil
	}
	list, err := b.dialect.texts(trigrams)
	if err != nil {
		return "", err
	}
	var sampled, having integer
	if _, err := b.read.one(ctx, b.texts.searchSample, []any{list}, &sampled, &having); err != nil {
		return "", err
	}
	if sampled < minSample || having*rareShare > sampled {
		return "", nil
	}
	return lookup, nil
}

// searchIndexState says whether the index exists, and whether it can be used.
func (b *base) searchIndexState(ctx context.Context, s session) (exists, usable bool, err error) {
	exists, err = s.one(ctx, b.texts.searchState, nil, &usable)
	return exists, usable, err
}

// installSearchIndex creates the index within the transaction of a migration.
func (b *base) installSearchIndex(ctx context.Context, s session) error {
	exists, usable, err := b.searchIndexState(ctx, s)
	if err != nil {
		return err
	}
	if exists {
		if !usable {
			b.logger.WarnContext(ctx, "tenancy: the search index is being built by somebody or is broken; searches do without it")
		}
		return nil
	}
	ddl, err := b.names.ddl(b.dialect.searchDDLFile())
	if err != nil {
		return err
	}
	b.logger.InfoContext(ctx, "tenancy: building the search index; writers wait")
	start := time.Now()
	if _, err := s.exec(ctx, ddl); err != nil {
		return err
	}
	b.logger.InfoContext(ctx, "tenancy: built the search index", slog.Duration("duration", time.Since(start)))
	return nil
}

// appendTrigrams adds to list those of s that it lacks.
func appendTrigrams(list []string, s string) []string {
	runes := []rune(s)
	for i := range len(runes) - 2 {
		if trigram := string(runes[i : i+3]); !slices.Contains(list, trigram) {
			list = append(list, trigram)
		}
	}
	return list
}

// SearchIndexDDL returns the statements that create the search index of
// [WithSearchIndex] beside a store that exists, for a database administrator. Run
// it in one transaction.
func SearchIndexDDL(name bundialect.Name, opts ...Option) (string, error) {
	c, err := newConfig(opts)
	if err != nil {
		return "", err
	}
	d, err := dialectOf(name, c)
	if err != nil {
		return "", err
	}
	return c.names.ddl(d.searchDDLFile())
}

// DropSearchIndex removes what [WithSearchIndex] created, in one transaction; the
// extension pg_trgm stays. Stores that have the option go on without the index,
// until one of them migrates.
func (s *Store) DropSearchIndex(ctx context.Context) error {
	b := s.b.common()
	err := b.open()
	if err == nil {
		err = s.b.inTransaction(ctx, func(in session) error {
			_, err := in.exec(ctx, b.dialect.searchDrop(b.names))
			return err
		})
	}
	return driver.ErrorIn("DropSearchIndex", tenancy.Key{}, err)
}
