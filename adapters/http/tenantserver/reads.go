package tenantserver

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// list answers GET /v1/tenants: a page, newest tenants first, or with q the best matches of
// a search.
func (c *call) list() error {
	q, err := c.query("status", "q", "limit", "offset", "cursor", "omit_secrets")
	if err != nil {
		return err
	}
	limit, err := number(q, "limit")
	if err != nil {
		return err
	}
	offset, err := number(q, "offset")
	if err != nil {
		return err
	}
	if q.Has("q") {
		if q.Has("offset") || q.Has("cursor") {
			return badField("q", "A search has no pages.")
		}
		found, err := c.source.Search(c.r.Context(), q.Get("q"), tenancy.SearchOptions{Filter: filterOf(q), Limit: limit})
		if err != nil {
			return err
		}
		return c.json(http.StatusOK, wire.Tenants[any]{Tenants: c.forms(found)})
	}
	page, err := c.source.List(c.r.Context(), tenancy.ListOptions{
		Filter: filterOf(q), Limit: limit, Offset: offset, Cursor: q.Get("cursor"),
		OmitSecrets: !c.Secrets || q.Get("omit_secrets") == "true",
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, wire.Tenants[any]{Tenants: c.forms(page.Tenants), NextCursor: page.Next, AsOf: page.AsOf})
}

// count answers GET /v1/tenants:count.
func (c *call) count() error {
	q, err := c.query("status")
	if err != nil {
		return err
	}
	n, err := c.source.Count(c.r.Context(), filterOf(q))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, wire.Count{Count: &n})
}

// batchGet answers POST /v1/tenants:batchGet: the tenants that there are.
func (c *call) batchGet() error {
	var in wire.IDs
	if err := c.read(&in, "ids"); err != nil {
		return err
	}
	ts, err := c.source.GetByIDs(c.r.Context(), in.IDs)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, wire.Tenants[any]{Tenants: c.forms(ts)})
}

// getByID answers GET /v1/tenants/{id}.
func (c *call) getByID() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.found(c.source.GetByID(c.r.Context(), id))
}

// getByIdentifier answers GET /v1/by-identifier/{identifier}.
func (c *call) getByIdentifier() error {
	return c.found(c.source.GetByIdentifier(c.r.Context(), c.r.PathValue("identifier")))
}

// getByDomain answers GET /v1/by-domain/{domain}.
func (c *call) getByDomain() error {
	return c.found(c.source.GetByDomain(c.r.Context(), c.r.PathValue("domain")))
}

// formerOwner answers GET /v1/by-former/{identifier}.
func (c *call) formerOwner() error {
	return c.found(c.source.FormerOwner(c.r.Context(), c.r.PathValue("identifier")))
}

func (c *call) found(t tenancy.Tenant, err error) error {
	if err != nil {
		return err
	}
	return c.tenant(http.StatusOK, t)
}
