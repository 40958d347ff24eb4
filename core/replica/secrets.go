package replica

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// secretless is a source whose secrets are withheld, but from who asks for what is current.
type secretless struct {
	tenancy.Decorator
	source tenancy.Source
}

func withoutSecrets(source tenancy.Source) tenancy.Source {
	return secretless{tenancy.Decorator{Next: source}, source}
}

// withhold returns t without its secret, which Update then refuses to write back.
func withhold(t tenancy.Tenant) tenancy.Tenant {
	if !t.DatabaseURL.IsZero() {
		t.DatabaseURL = driver.WithheldSecret("the replica keeps no secrets: see replica.WithoutSecrets")
	}
	return t
}

func withholdAll(ts []tenancy.Tenant) []tenancy.Tenant {
	for i := range ts {
		ts[i] = withhold(ts[i])
	}
	return ts
}

func (s secretless) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	t, err := s.source.GetByID(ctx, id)
	return withhold(t), err
}

func (s secretless) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	t, err := s.source.GetByIdentifier(ctx, identifier)
	return withhold(t), err
}

func (s secretless) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	ts, err := s.source.GetByIDs(ctx, ids)
	return withholdAll(ts), err
}

func (s secretless) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	opts.OmitSecrets = true
	page, err := s.source.List(ctx, opts)
	withholdAll(page.Tenants)
	return page, err
}

func (s secretless) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	ts, err := s.source.Search(ctx, query, opts)
	return withholdAll(ts), err
}

// Load implements [tenancy.Source]. Who asks for the latest is [tenancy.Fresh], perhaps to
// change the tenant.
func (s secretless) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	found, err := s.source.Load(ctx, want)
	withholdLoaded(found, want)
	return found, err
}

func withholdLoaded(found []tenancy.Versioned, want []tenancy.Lookup) {
	for i := range found {
		if want[i].Min != tenancy.Latest {
			found[i].Tenant = withhold(found[i].Tenant)
		}
	}
}

func (s secretless) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	t, err := s.source.Create(ctx, t)
	return withhold(t), err
}

func (s secretless) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	results, err := s.Decorator.CreateBatch(ctx, ts)
	for i := range results {
		results[i].Tenant = withhold(results[i].Tenant)
	}
	return results, err
}

func (s secretless) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	t, err := s.source.Update(ctx, t)
	return withhold(t), err
}

func (s secretless) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	t, err := s.source.SetStatus(ctx, id, status)
	return withhold(t), err
}

func (s secretless) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) ([]tenancy.Tenant, error) {
	ts, err := s.source.BulkUpdateStatus(ctx, ids, status)
	return withholdAll(ts), err
}

func (s secretless) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	t, err := s.source.UpdateMetadata(ctx, id, patch)
	return withhold(t), err
}

func (s secretless) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	t, err := s.source.GetByDomain(ctx, domain)
	return withhold(t), err
}

func (s secretless) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	t, err := s.source.FormerOwner(ctx, identifier)
	return withhold(t), err
}

func (s secretless) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	t, err := s.source.VerifyDomain(ctx, id, domain)
	return withhold(t), err
}

func (s secretless) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	t, err := s.source.SetPrimaryDomain(ctx, id, domain)
	return withhold(t), err
}

func (s secretless) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	t, err := s.source.RemoveDomain(ctx, id, domain)
	return withhold(t), err
}
