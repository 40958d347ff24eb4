package bunstore_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var searchRows = flag.Int("search.rows", 50_000, "how many tenants the benchmarks of the search index search")

// companies makes tenants with the names of companies: two of 4000 words, of which
// some are far more common than others, a legal form, and here and there a word
// that is not English. One of a thousand is a Quixotic one, one in all is called
// Zyzzyva.
func companies(r *rand.Rand, from, n int) []tenancy.Tenant {
	const consonants, vowels = "bcdfghjklmnprstvwz", "aeiou"
	word := func() string {
		k := int(4000 * r.Float64() * r.Float64() * r.Float64())
		w := rand.New(rand.NewPCG(uint64(k), 1))
		var b strings.Builder
		for range 2 + w.IntN(3) {
			b.WriteByte(consonants[w.IntN(len(consonants))])
			b.WriteByte(vowels[w.IntN(len(vowels))])
		}
		return b.String()
	}
	foreign := []string{"Société", "株式会社", "Müller", "Ωμέγα", "Ğüneş"}
	forms := []string{"Inc", "Ltd", "GmbH", "Holding", "Group"}
	ts := make([]tenancy.Tenant, n)
	for i := range ts {
		first, second := word(), word()
		switch {
		case from+i == 4711:
			second = "Zyzzyva"
		case (from+i)%1000 == 7:
			second = "Quixotic"
		case (from+i)%50 == 8:
			second = foreign[r.IntN(len(foreign))]
		}
		ts[i] = tenancy.Tenant{
			Identifier: fmt.Sprintf("%s-%s-%d", first, "co", from+i), Name: first + " " + second + " " + forms[r.IntN(len(forms))],
			Status: tenancy.Statuses()[r.IntN(2)],
		}
	}
	return ts
}

// searched is a database with many tenants in the table of two stores, one
// without the index and one with it, and perhaps as many in a table of their own,
// without the index.
type searched struct{ scanning, indexed, plain *bunstore.Store }

// eachSearched runs a benchmark on a database of each kind.
func eachSearched(b *testing.B, plain bool, bench func(b *testing.B, d searched)) {
	b.Run("sqlite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "tenants.db")
		bench(b, newSearched(b, plain, func(opts ...bunstore.Option) (*bunstore.Store, error) {
			return bunsqlite.Open(b.Context(), path, bunsqlite.WithStore(opts...))
		}))
	})
	b.Run("postgres", func(b *testing.B) {
		dsn := newPostgres(b)
		if dsn == "" {
			b.Skip("needs a PostgreSQL server")
		}
		d := newSearched(b, plain, func(opts ...bunstore.Option) (*bunstore.Store, error) {
			return bunpg.Open(b.Context(), dsn, bunpg.WithStore(opts...))
		})
		admin(b, dsn, "VACUUM ANALYZE") // as autovacuum does in time
		bench(b, d)
	})
}

func newSearched(b *testing.B, plain bool, open func(...bunstore.Option) (*bunstore.Store, error)) searched {
	b.Helper()
	must := func(opts ...bunstore.Option) *bunstore.Store {
		b.Helper()
		s, err := open(opts...)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
		return s
	}
	d := searched{scanning: must()}
	fillCompanies(b, d.scanning)
	if plain {
		d.plain = must(bunstore.WithTable("plain"))
		fillCompanies(b, d.plain)
	}
	start := time.Now()
	d.indexed = must(bunstore.WithSearchIndex())
	b.Logf("%d tenants, indexed in %v", *searchRows, time.Since(start).Round(time.Millisecond))
	return d
}

func fillCompanies(b *testing.B, s *bunstore.Store) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for at := 0; at < *searchRows; at += 5000 {
		results, err := s.CreateBatch(b.Context(), companies(r, at, min(5000, *searchRows-at)))
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
}

// BenchmarkSearchIndex compares with the same search without the index.
func BenchmarkSearchIndex(b *testing.B) {
	eachSearched(b, false, func(b *testing.B, d searched) {
		for _, c := range []struct{ name, query string }{
			{"absent", "qqqxqqq"},
			{"one", "zyzzyva"},
			{"one-of-1000", "quixotic"},
			{"one-of-250-foreign", "株式会社"},
			{"one-of-250-accent", "société"},
			{"rare-of-common-parts", "up inc"},
			{"one-of-5", "holding"},
			{"every", "-co-"},
			{"prefix", "ba"},
			{"two-letters", "zy"},
			{"two-letters-absent", "qx"},
			{"number", "-123"},
		} {
			search := func(s *bunstore.Store) func(context.Context, int) error {
				return func(ctx context.Context, _ int) error {
					_, err := s.Search(ctx, c.query, tenancy.SearchOptions{})
					return err
				}
			}
			compare(b, c.name, search(d.scanning), search(d.indexed))
		}
	})
}

// BenchmarkSearchIndexWrites compares with the same writes to a store without the
// index.
func BenchmarkSearchIndexWrites(b *testing.B) {
	eachSearched(b, true, func(b *testing.B, d searched) {
		r := rand.New(rand.NewPCG(3, 4))
		next := *searchRows
		var fresh []tenancy.Tenant
		write := func(name string, f func(ctx context.Context, s *bunstore.Store, i int) error) {
			compare(b, name, func(ctx context.Context, i int) error {
				return f(ctx, d.plain, i)
			}, func(ctx context.Context, i int) error { return f(ctx, d.indexed, i) })
		}
		// batch returns the same tenants for both stores.
		batch := func(n int, s *bunstore.Store) []tenancy.Tenant {
			if s == d.plain {
				next += n
				fresh = companies(r, next, n)
			}
			return fresh
		}
		write("Create", func(ctx context.Context, s *bunstore.Store, _ int) error {
			_, err := s.Create(ctx, batch(1, s)[0])
			return err
		})
		write("CreateBatch1000", func(ctx context.Context, s *bunstore.Store, _ int) error {
			_, err := s.CreateBatch(ctx, batch(1000, s))
			return err
		})
		ids := map[*bunstore.Store][]tenancy.Tenant{}
		for _, s := range []*bunstore.Store{d.plain, d.indexed} {
			page, err := s.List(b.Context(), tenancy.ListOptions{Limit: 1000})
			if err != nil {
				b.Fatal(err)
			}
			ids[s] = page.Tenants
		}
		write("Rename", func(ctx context.Context, s *bunstore.Store, i int) error {
			t := ids[s][i%1000]
			t.Name, t.Revision = fmt.Sprintf("Renamed %d %s", i, t.Name), tenancy.AnyRevision
			_, err := s.Update(ctx, t)
			return err
		})
		write("SetStatus", func(ctx context.Context, s *bunstore.Store, i int) error {
			_, err := s.SetStatus(ctx, ids[s][i%1000].ID, tenancy.Statuses()[i/1000%2])
			return err
		})
		write("UpdateMetadata", func(ctx context.Context, s *bunstore.Store, i int) error {
			m, err := tenancy.NewMetadata(map[string]int{"n": i})
			if err != nil {
				return err
			}
			_, err = s.UpdateMetadata(ctx, ids[s][i%1000].ID, m)
			return err
		})
	})
}
