package comparison

import (
	"context"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkHitByDomain compares a hit by domain with one by identifier, of a cache in the
// process, of Valkey and of a replica. Each tenant has one domain.
func BenchmarkHitByDomain(b *testing.B) {
	const n = 10_000
	for name, open := range map[string]func(b *testing.B, source tenancy.Source) (tenancy.Store, error){
		"ristretto": func(_ *testing.B, source tenancy.Source) (tenancy.Store, error) {
			return ristrettotier.New(source, ristrettotier.WithMaxEntries(6*n))
		},
		"valkey": func(b *testing.B, source tenancy.Source) (tenancy.Store, error) {
			return newFloor(b).setting(2 * n).overValkey(source)
		},
		"replica": func(b *testing.B, source tenancy.Source) (tenancy.Store, error) { return replicaOf(b, source), nil },
	} {
		b.Run(name, func(b *testing.B) {
			source, identifiers := many(b, n)
			domains := own(b, source, identifiers)
			s, err := open(b, source)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			order, ctx := zipf(n), context.Background()
			find := func(get func(context.Context, string) (tenancy.Tenant, error), keys []string) func(int) {
				return func(i int) {
					t, err := get(ctx, keys[order[i&(len(order)-1)]])
					if err != nil {
						b.Error(err)
					}
					sink += int64(t.Revision)
				}
			}
			f := map[string]func(int){"identifier": find(s.GetByIdentifier, identifiers), "domain": find(s.GetByDomain, domains)}
			for i := range order { // so that all of them are hits
				f["identifier"](i)
				f["domain"](i)
			}
			inTurns(b, []string{"identifier", "domain"}, f)
		})
	}
}

// own gives each tenant a domain, and returns the domains.
func own(b *testing.B, store tenancy.Store, identifiers []string) []string {
	b.Helper()
	domains := make([]string, len(identifiers))
	for i, identifier := range identifiers {
		domains[i] = identifier + ".test"
		t, err := store.GetByIdentifier(b.Context(), identifier)
		if err == nil {
			_, err = store.AddDomain(b.Context(), t.ID, domains[i])
		}
		if err == nil {
			_, err = store.VerifyDomain(b.Context(), t.ID, domains[i])
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return domains
}
