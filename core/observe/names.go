package observe

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// GetByDomain implements [tenancy.Names].
func (s *Store) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	l := s.counts.lane(GetByDomain)
	if due := l.due(); due || s.traced(ctx) {
		return lookup(ctx, s, GetByDomain, l, due, s.Next.GetByDomain, domain)
	}
	t, err := s.Next.GetByDomain(ctx, domain)
	s.counts.done(GetByDomain, l, err)
	return t, err
}

// FormerOwner implements [tenancy.Names].
func (s *Store) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	l := s.counts.lane(FormerOwner)
	if due := l.due(); due || s.traced(ctx) {
		return lookup(ctx, s, FormerOwner, l, due, s.Next.FormerOwner, identifier)
	}
	t, err := s.Next.FormerOwner(ctx, identifier)
	s.counts.done(FormerOwner, l, err)
	return t, err
}

// NamesOf implements [tenancy.Names].
func (s *Store) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	return each(ctx, s, NamesOf, func(ctx context.Context) ([]tenancy.Name, error) { return s.Next.NamesOf(ctx, id) })
}

// ListNames implements [tenancy.Names].
func (s *Store) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	return each(ctx, s, ListNames, func(ctx context.Context) (tenancy.NamePage, error) { return s.Next.ListNames(ctx, after, limit) })
}

// AddDomain implements [tenancy.Names].
func (s *Store) AddDomain(ctx context.Context, id, domain string) (tenancy.Name, error) {
	return each(ctx, s, AddDomain, func(ctx context.Context) (tenancy.Name, error) { return s.Next.AddDomain(ctx, id, domain) })
}

// VerifyDomain implements [tenancy.Names].
func (s *Store) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return each(ctx, s, VerifyDomain, func(ctx context.Context) (tenancy.Tenant, error) { return s.Next.VerifyDomain(ctx, id, domain) })
}

// SetPrimaryDomain implements [tenancy.Names].
func (s *Store) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return each(ctx, s, SetPrimaryDomain, func(ctx context.Context) (tenancy.Tenant, error) {
		return s.Next.SetPrimaryDomain(ctx, id, domain)
	})
}

// RemoveDomain implements [tenancy.Names].
func (s *Store) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return each(ctx, s, RemoveDomain, func(ctx context.Context) (tenancy.Tenant, error) { return s.Next.RemoveDomain(ctx, id, domain) })
}
