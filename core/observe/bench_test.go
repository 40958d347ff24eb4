package observe_test

import (
	"context"
	"testing"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// constant answers with a copy of one tenant.
type constant struct {
	tenancy.Store
	t *tenancy.Tenant
}

func (c *constant) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) { return *c.t, nil }

// BenchmarkLookup compares a lookup that does nothing but copy a tenant with one that
// is counted besides.
func BenchmarkLookup(b *testing.B) {
	c := &constant{t: &tenancy.Tenant{ID: "t1"}}
	for _, v := range []struct {
		name  string
		store tenancy.Store
	}{{"bare", c}, {"observed", wrap(b, c, observe.Config{})}} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if t, err := v.store.GetByIdentifier(b.Context(), "acme"); err != nil || t.ID != "t1" {
					b.Fatal(t.ID, err)
				}
			}
		})
	}
}
