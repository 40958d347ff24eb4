package tenantserver

import (
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// listNames answers GET /v1/names: the names of all tenants, by pages.
func (c *call) listNames() error {
	q, err := c.query("", "cursor", "limit")
	if err != nil {
		return err
	}
	limit, err := number(q, "limit")
	if err != nil {
		return err
	}
	after, err := wire.ParseNamesCursor(q.Get("cursor"))
	if err != nil {
		return err
	}
	page, err := c.source.ListNames(c.r.Context(), after, limit)
	if err != nil {
		return err
	}
	names := page.Names
	out := wire.TenantNames{Names: make([]wire.TenantName, len(names)), AsOf: page.AsOf}
	for i, n := range names {
		out.Names[i] = wire.TenantNameOf(n)
	}
	if limit == 0 {
		limit = tenancy.DefaultPageLimit
	}
	if len(names) == limit { // fewer were all that there were
		out.NextCursor = wire.NamesCursor(names[len(names)-1])
	}
	return c.json(http.StatusOK, out)
}

// namesOf answers GET /v1/tenants/{id}/names.
func (c *call) namesOf() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	names, err := c.source.NamesOf(c.r.Context(), id)
	if err != nil {
		return err
	}
	if names == nil {
		names = []tenancy.Name{} // [], not null
	}
	return c.json(http.StatusOK, wire.Names{Names: names})
}

// addDomain answers POST /v1/tenants/{id}/domains with the claim.
func (c *call) addDomain() error {
	var in wire.Domain
	id, err := c.id()
	if err == nil {
		err = c.read(&in, "domain")
	}
	if err != nil {
		return err
	}
	claim, err := c.source.AddDomain(c.r.Context(), id, in.Domain)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/v1/tenants/"+wire.Segment(id)+"/names")
	return c.json(http.StatusCreated, claim)
}

// verifyDomain answers POST /v1/tenants/{id}/domains/{domain}:verify. Whoever may write has
// checked the proof.
func (c *call) verifyDomain() error {
	domain, ok := strings.CutSuffix(c.r.PathValue("domain"), ":verify")
	if !ok {
		return errNoSuchEndpoint
	}
	id, err := c.id()
	if err == nil {
		err = c.nothing()
	}
	if err != nil {
		return err
	}
	return c.found(c.source.VerifyDomain(c.r.Context(), id, domain))
}

// setPrimaryDomain answers PUT /v1/tenants/{id}/primary-domain; "" is none.
func (c *call) setPrimaryDomain() error {
	var in wire.Domain
	id, err := c.id()
	if err == nil {
		err = c.read(&in, "domain")
	}
	if err != nil {
		return err
	}
	return c.found(c.source.SetPrimaryDomain(c.r.Context(), id, in.Domain))
}

// removeDomain answers DELETE /v1/tenants/{id}/domains/{domain} with the tenant.
func (c *call) removeDomain() error {
	id, err := c.id()
	if err == nil {
		err = c.nothing()
	}
	if err != nil {
		return err
	}
	return c.found(c.source.RemoveDomain(c.r.Context(), id, c.r.PathValue("domain")))
}
