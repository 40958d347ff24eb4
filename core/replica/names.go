package replica

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// A replica does not hold the names of [tenancy.Names]: whoever asks for one is answered
// from below.

// GetByDomain implements [tenancy.Names].
func (s *Store) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return s.getByName(ctx, "GetByDomain", tenancy.Key{Kind: tenancy.KindDomain, Value: domain})
}

// FormerOwner implements [tenancy.Names].
func (s *Store) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return s.getByName(ctx, "FormerOwner", tenancy.Key{Kind: tenancy.KindFormer, Value: identifier})
}

func (s *Store) getByName(ctx context.Context, op string, k tenancy.Key) (tenancy.Tenant, error) {
	loaded, err := follow.Call(ctx, &s.Decorator, op, func(ctx context.Context) ([]tenancy.Versioned, error) {
		return s.loadBelow(ctx, []tenancy.Lookup{{Key: k}})
	})
	switch {
	case err != nil:
		return tenancy.Tenant{}, driver.ErrorIn(op, k, err)
	case !loaded[0].Found:
		return tenancy.Tenant{}, driver.ErrorIn(op, k, tenancy.ErrNotFound)
	}
	return loaded[0].Tenant, nil
}
