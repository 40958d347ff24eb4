package follow

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// AddDomain implements [tenancy.Names].
func (d *Decorator) AddDomain(ctx context.Context, id, domain string) (tenancy.Name, error) {
	return write(ctx, d, "AddDomain", func(ctx context.Context) (tenancy.Name, error) { return d.Next.AddDomain(ctx, id, domain) })
}

// VerifyDomain implements [tenancy.Names].
func (d *Decorator) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return d.writeName(ctx, "VerifyDomain", id, domain, d.Next.VerifyDomain)
}

// SetPrimaryDomain implements [tenancy.Names].
func (d *Decorator) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return d.writeName(ctx, "SetPrimaryDomain", id, domain, d.Next.SetPrimaryDomain)
}

// RemoveDomain implements [tenancy.Names].
func (d *Decorator) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return d.writeName(ctx, "RemoveDomain", id, domain, d.Next.RemoveDomain)
}

func (d *Decorator) writeName(ctx context.Context, op, id, domain string,
	do func(ctx context.Context, id, domain string) (tenancy.Tenant, error),
) (tenancy.Tenant, error) {
	t, err := write(ctx, d, op, func(ctx context.Context) (patched, error) {
		t, err := do(ctx, id, domain)
		return patched(t), err
	})
	return tenancy.Tenant(t), err
}
