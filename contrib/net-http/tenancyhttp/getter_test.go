package tenancyhttp_test

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// owners finds tenants by domains: it returns their IDs.
type owners func(ctx context.Context, domain string) (id string, err error)

func (f owners) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	id, err := f(ctx, domain)
	return tenancy.Tenant{ID: id}, err
}

// getter has tenants by their identifiers.
type getter map[string]tenancy.Tenant

func (g getter) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	if t, ok := g[identifier]; ok {
		return t, nil
	}
	return tenancy.Tenant{}, driver.ErrorIn("GetByIdentifier", tenancy.IdentifierKey(identifier), tenancy.ErrNotFound)
}

func (g getter) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	for _, t := range g {
		if t.ID == id {
			return t, nil
		}
	}
	return tenancy.Tenant{}, driver.ErrorIn("GetByID", tenancy.IDKey(id), tenancy.ErrNotFound)
}
