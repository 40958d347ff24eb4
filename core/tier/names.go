package tier

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// GetByDomain implements [tenancy.Names]. A hit does not allocate, and is given to an
// ended context too.
func (s *Store) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return s.getByName(ctx, "GetByDomain", tenancy.Key{Kind: tenancy.KindDomain, Value: domain})
}

// FormerOwner implements [tenancy.Names], as GetByDomain does.
func (s *Store) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return s.getByName(ctx, "FormerOwner", tenancy.Key{Kind: tenancy.KindFormer, Value: identifier})
}

func (s *Store) getByName(ctx context.Context, op string, key tenancy.Key) (tenancy.Tenant, error) {
	e := s.hit(ctx, key, 0)
	if e == nil || e.Negative() {
		return s.answer(ctx, op, key, e)
	}
	return e.Versioned.Tenant, nil
}

// ListNames implements [tenancy.Names]; it is not cached.
func (s *Store) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	return follow.Call(ctx, &s.Decorator, "ListNames", func(ctx context.Context) (tenancy.NamePage, error) {
		return s.Next.ListNames(ctx, after, limit)
	})
}

// NamesOf implements [tenancy.Names]; it is not cached.
func (s *Store) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	return follow.Call(ctx, &s.Decorator, "NamesOf", func(ctx context.Context) ([]tenancy.Name, error) { return s.Next.NamesOf(ctx, id) })
}
