package tenantclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// GetByDomain implements [tenancy.Names].
func (b *backend) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return b.found(ctx, get("/v1/by-domain/"+wire.Segment(domain)))
}

// FormerOwner implements [tenancy.Names].
func (b *backend) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return b.found(ctx, get("/v1/by-former/"+wire.Segment(identifier)))
}

// NamesOf implements [tenancy.Names].
func (b *backend) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	var out wire.Names
	if err := b.call(ctx, get("/v1/tenants/"+wire.Segment(id)+"/names"), &out); err != nil {
		return nil, err
	}
	if out.Names == nil {
		return nil, wire.Outage(ctx, "the answer has no list of names")
	}
	for i, n := range out.Names {
		out.Names[i] = wire.Name(n)
	}
	return out.Names, nil
}

// ListNames implements [tenancy.Names].
func (b *backend) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != (tenancy.TenantName{}) {
		q.Set("cursor", wire.NamesCursor(after))
	}
	var out wire.TenantNames
	if err := b.call(ctx, get("/v1/names?"+q.Encode()), &out); err != nil {
		return tenancy.NamePage{}, err
	}
	if out.Names == nil {
		return tenancy.NamePage{}, wire.Outage(ctx, "the answer has no list of names")
	}
	page := tenancy.NamePage{Names: make([]tenancy.TenantName, len(out.Names)), AsOf: out.AsOf}
	for i, n := range out.Names {
		page.Names[i] = n.TenantName()
	}
	return page, nil
}

// AddDomain implements [tenancy.Names].
func (b *backend) AddDomain(ctx context.Context, id, domain string) (tenancy.Name, error) {
	var n tenancy.Name
	err := b.call(ctx, request{method: http.MethodPost, path: "/v1/tenants/" + wire.Segment(id) + "/domains", body: wire.Domain{Domain: domain}}, &n)
	if err == nil && n.Value != domain {
		err = wire.Outage(ctx, "the answer is not the name")
	}
	return wire.Name(n), err
}

// VerifyDomain implements [tenancy.Names].
func (b *backend) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.found(ctx, request{method: http.MethodPost, path: domainPath(id, domain) + ":verify"})
}

// SetPrimaryDomain implements [tenancy.Names].
func (b *backend) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.found(ctx, request{method: http.MethodPut, path: "/v1/tenants/" + wire.Segment(id) + "/primary-domain", body: wire.Domain{Domain: domain}})
}

// RemoveDomain implements [tenancy.Names].
func (b *backend) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.found(ctx, request{method: http.MethodDelete, path: domainPath(id, domain)})
}

func domainPath(id, domain string) string {
	return "/v1/tenants/" + wire.Segment(id) + "/domains/" + wire.Segment(domain)
}
