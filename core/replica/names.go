package replica

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A replica does not hold the names of [tenancy.Names]: whoever asks for one is answered
// from below.

// GetByDomain implements [tenancy.Names].
func (s *Store) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return s.getBelow(ctx, "GetByDomain", tenancy.Key{Kind: tenancy.KindDomain, Value: domain})
}

// FormerOwner implements [tenancy.Names].
func (s *Store) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return s.getBelow(ctx, "FormerOwner", tenancy.Key{Kind: tenancy.KindFormer, Value: identifier})
}
