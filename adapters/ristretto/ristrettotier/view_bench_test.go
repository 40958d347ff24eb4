package ristrettotier

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkMetadataOfHit is what an application pays for settings of its own, beside
// the hit that gives it the tenant.
func BenchmarkMetadataOfHit(b *testing.B) {
	type settings struct {
		Plan  string          `json:"plan"`
		Seats int             `json:"seats"`
		Flags map[string]bool `json:"flags"`
	}
	s, _ := newTestTier(b, memstore.New())
	ctx := b.Context()
	ts := fill(b, s, benchTenants)
	patch, err := tenancy.NewMetadata(settings{"pro", 25, map[string]bool{"beta": true}})
	if err != nil {
		b.Fatal(err)
	}
	for _, t := range ts {
		if _, err := s.UpdateMetadata(ctx, t.ID, patch); err != nil {
			b.Fatal(err)
		}
	}
	reading := func(read func(tenancy.Tenant) (settings, error)) func(int) bool {
		return func(i int) bool {
			t, err := s.GetByIdentifier(ctx, ts[i].Identifier)
			if err != nil {
				return false
			}
			got, err := read(t)
			return err == nil && got.Seats == 25
		}
	}
	var view tenancy.View[settings]
	hit := []lookup{{"hit", reading(func(tenancy.Tenant) (settings, error) { return settings{Seats: 25}, nil })}}
	for _, of := range []lookup{
		{"View", reading(view.Of)},
		{"MetadataAs", reading(func(t tenancy.Tenant) (settings, error) { return tenancy.MetadataAs[settings](t.Metadata) })},
	} {
		b.Run(of.name, func(b *testing.B) { compare(b, 1, of, hit) })
	}
}
