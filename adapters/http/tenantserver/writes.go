package tenantserver

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// tenantMembers are those of a tenant's JSON form: a client sends back what it has got,
// edited. What nobody can change counts for nothing.
var tenantMembers = []string{
	"id", "identifier", "name", "status", "isolation", "database_url", "schema_name", "metadata",
	"created_at", "updated_at", "revision", "mark",
}

// parseTenant returns the tenant of a body, and whether it has a database_url.
func parseTenant(body []byte) (t tenancy.Tenant, hasURL bool, err error) {
	members, err := membersOf(body, tenantMembers)
	if err != nil {
		return t, false, err
	}
	url, hasURL := members["database_url"]
	return t, hasURL && string(url) != "null", decode(body, &t)
}

// create answers POST /v1/tenants. The service gives the ID, unless the body has one.
func (c *call) create() error {
	body, err := c.body()
	if err != nil {
		return err
	}
	t, _, err := parseTenant(body)
	if err != nil {
		return err
	}
	return c.created(c.source.Create(c.r.Context(), t))
}

func (c *call) created(t tenancy.Tenant, err error) error {
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/v1/tenants/"+wire.Segment(t.ID))
	return c.tenant(http.StatusCreated, t)
}

// put answers PUT /v1/tenants/{id}: with If-Match it replaces every field, left-out ones by
// nothing, except database_url, which not every client can see: "" removes it. With
// If-None-Match: * it creates the tenant, so that a creation can be repeated.
func (c *call) put() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	want, err := conditionOf(c.r.Header)
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	t, hasURL, err := parseTenant(body)
	if err != nil {
		return err
	}
	if t.ID != "" && t.ID != id {
		return badField("id", "The id in the body is not the one in the path.")
	}
	t.ID = id
	if want.absent {
		t, err = c.source.Create(c.r.Context(), t)
		if e := (*tenancy.Error)(nil); errors.Is(err, tenancy.ErrAlreadyExists) && errors.As(err, &e) && e.Field == "id" {
			err = existsAlready(c.r, err)
		}
		return c.created(t, err)
	}
	return c.found(c.update(t, want, hasURL))
}

// existsAlready is err as the answer to a condition that does not hold.
func existsAlready(r *http.Request, err error) error {
	p := wire.ProblemOf(r, true, err).Problem
	p.Status = http.StatusPreconditionFailed
	return p
}

func (c *call) update(t tenancy.Tenant, want condition, hasURL bool) (tenancy.Tenant, error) {
	ctx := c.r.Context()
	if t.Revision, t.Mark = want.at.Revision, want.at.Mark; want.any {
		t.Revision = tenancy.AnyRevision
	}
	switch {
	case hasURL:
		return c.source.Update(ctx, t)
	case want.any:
		return tenancy.Modify(ctx, c.source, t.ID, func(stored *tenancy.Tenant) error {
			t.DatabaseURL, t.Revision, t.Mark, t.CreatedAt = stored.DatabaseURL, stored.Revision, stored.Mark, stored.CreatedAt
			*stored = t
			return nil
		})
	}
	stored, err := tenancy.Fresh(c.source).GetByID(ctx, t.ID)
	if err != nil {
		return t, err
	}
	t.DatabaseURL = stored.DatabaseURL
	return c.source.Update(ctx, t) // which compares the position
}

// custom answers POST /v1/tenants/{id}:method.
func (c *call) custom() error {
	path := c.r.PathValue("id")
	colon := strings.LastIndexByte(path, ':')
	if colon < 0 {
		return errNoSuchEndpoint
	}
	id, err := idOf(path[:colon])
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	switch path[colon+1:] {
	case "suspend":
		return c.setStatus(id, tenancy.StatusSuspended)
	case "activate":
		return c.setStatus(id, tenancy.StatusActive)
	case "setStatus":
		var in wire.Status
		if err := c.read(&in, "status"); err != nil {
			return err
		}
		return c.found(c.source.SetStatus(ctx, id, in.Status))
	case "rename":
		var in wire.Identifier
		if err := c.read(&in, "identifier"); err != nil {
			return err
		}
		return c.found(tenancy.Modify(ctx, c.source, id, func(t *tenancy.Tenant) error {
			t.Identifier = in.Identifier
			return nil
		}))
	case "purge":
		if err := c.nothing(); err != nil {
			return err
		}
		return c.noContent(c.source.Purge(ctx, id))
	}
	return errNoSuchEndpoint
}

func (c *call) setStatus(id string, s tenancy.Status) error {
	if err := c.nothing(); err != nil {
		return err
	}
	return c.found(c.source.SetStatus(c.r.Context(), id, s))
}

// delete answers DELETE /v1/tenants/{id}.
func (c *call) delete() error {
	id, err := c.id()
	if err == nil {
		err = c.nothing()
	}
	if err != nil {
		return err
	}
	return c.noContent(c.source.Delete(c.r.Context(), id))
}

func (c *call) noContent(err error) error {
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// patchMetadata answers PATCH /v1/tenants/{id}/metadata: the top-level members of the body
// are put over those that are there. Unlike in a JSON merge patch (RFC 7396), null is a
// value; so the body is plain JSON.
func (c *call) patchMetadata() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	patch, err := tenancy.ParseMetadata(body)
	if err != nil {
		return err
	}
	return c.found(c.source.UpdateMetadata(c.r.Context(), id, patch))
}

// batchCreate answers POST /v1/tenants:batchCreate. What is wrong with one tenant does not
// stop the others.
func (c *call) batchCreate() error {
	var in struct {
		Tenants []json.RawMessage `json:"tenants"`
	}
	if err := c.read(&in, "tenants"); err != nil {
		return err
	}
	ts := make([]tenancy.Tenant, len(in.Tenants))
	for i, body := range in.Tenants {
		var err error
		if ts[i], _, err = parseTenant(body); err != nil {
			return err
		}
	}
	results, err := c.source.CreateBatch(c.r.Context(), ts)
	out := wire.Results[any]{Results: make([]wire.Result[any], len(results))}
	for i, r := range results {
		if r.Err != nil {
			p := wire.ProblemOf(c.r, true, r.Err)
			out.Results[i].Problem = &p
			continue
		}
		var form any = c.form(r.Tenant)
		out.Results[i].Tenant = &form
	}
	if err != nil {
		if len(results) == 0 {
			return err
		}
		p := wire.ProblemOf(c.r, true, err)
		out.Problem = &p
	}
	return c.json(http.StatusOK, out)
}

// batchStatus answers POST /v1/tenants:batchStatus, in one atomic write.
func (c *call) batchStatus() error {
	var in wire.IDsStatus
	if err := c.read(&in, "ids", "status"); err != nil {
		return err
	}
	ts, err := c.source.BulkUpdateStatus(c.r.Context(), in.IDs, in.Status)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, wire.Tenants[any]{Tenants: c.forms(ts)})
}
