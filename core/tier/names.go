package tier

import (
	"context"

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

// NamesOf implements [tenancy.Names]; it is not cached.
func (s *Store) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	return read(ctx, s, "NamesOf", func(ctx context.Context) ([]tenancy.Name, error) { return s.Next.NamesOf(ctx, id) })
}

// AddDomain implements [tenancy.Names].
func (s *Store) AddDomain(ctx context.Context, id, domain string) (tenancy.Name, error) {
	return write(ctx, s, "AddDomain", func(ctx context.Context) (tenancy.Name, error) { return s.Next.AddDomain(ctx, id, domain) })
}

// VerifyDomain implements [tenancy.Names].
func (s *Store) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return s.writeName(ctx, "VerifyDomain", id, domain, s.Next.VerifyDomain)
}

// SetPrimaryDomain implements [tenancy.Names].
func (s *Store) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return s.writeName(ctx, "SetPrimaryDomain", id, domain, s.Next.SetPrimaryDomain)
}

// RemoveDomain implements [tenancy.Names].
func (s *Store) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return s.writeName(ctx, "RemoveDomain", id, domain, s.Next.RemoveDomain)
}

func (s *Store) writeName(ctx context.Context, op, id, domain string,
	do func(ctx context.Context, id, domain string) (tenancy.Tenant, error),
) (tenancy.Tenant, error) {
	t, err := write(ctx, s, op, func(ctx context.Context) (patched, error) {
		t, err := do(ctx, id, domain)
		return patched(t), err
	})
	return tenancy.Tenant(t), err
}
