package tenantclient

import (
	"context"
	"net/http"
	"strconv"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Create implements [driver.Backend].
func (b *backend) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return b.found(ctx, request{method: http.MethodPut, path: "/v1/tenants/" + wire.Segment(t.ID), body: wire.Tenant(t), create: true})
}

// Update implements [driver.Backend].
func (b *backend) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	match := "*"
	if t.Revision != tenancy.AnyRevision {
		match = strconv.Quote(t.Position().String())
	}
	return b.found(ctx, request{method: http.MethodPut, path: "/v1/tenants/" + wire.Segment(t.ID), body: wire.Tenant(t), match: match})
}

// SetStatus implements [driver.StatusSetter].
func (b *backend) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	return b.found(ctx, request{method: http.MethodPost, path: "/v1/tenants/" + wire.Segment(id) + ":setStatus", body: wire.Status{Status: s}})
}

// UpdateMetadata implements [driver.Backend].
func (b *backend) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return b.found(ctx, request{method: http.MethodPatch, path: "/v1/tenants/" + wire.Segment(id) + "/metadata", body: patch})
}

// BulkUpdateStatus implements [driver.Backend]. It is one write, and so one request.
func (b *backend) BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	var out wire.Tenants[wire.Tenant]
	err := b.call(ctx, request{method: http.MethodPost, path: "/v1/tenants:batchStatus", body: wire.IDsStatus{IDs: ids, Status: s}}, &out)
	if err != nil {
		return nil, err
	}
	return wholeAll(ctx, out.Tenants)
}

// Delete implements [driver.Backend].
func (b *backend) Delete(ctx context.Context, id string) error {
	return b.call(ctx, request{method: http.MethodDelete, path: "/v1/tenants/" + wire.Segment(id)}, nil)
}

// Purge implements [driver.Purger].
func (b *backend) Purge(ctx context.Context, id string) error {
	return b.call(ctx, request{method: http.MethodPost, path: "/v1/tenants/" + wire.Segment(id) + ":purge"}, nil)
}

// CreateBatch implements [driver.BatchCreator].
func (b *backend) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	var all []tenancy.CreateResult
	for some := range chunks(ts, sizeOf) {
		results, err := b.createChunk(ctx, some)
		all = append(all, results...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// sizeOf is the size of a tenant's texts.
func sizeOf(t tenancy.Tenant) int {
	const others = 256 // identifier, status, times
	return len(t.ID) + len(t.Name) + len(t.DatabaseURL.Reveal()) + len(t.SchemaName) + len(t.Metadata.String()) + others
}

func (b *backend) createChunk(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	in := struct {
		Tenants []wire.Tenant `json:"tenants"`
	}{make([]wire.Tenant, len(ts))}
	for i, t := range ts {
		in.Tenants[i] = wire.Tenant(t)
	}
	var out wire.Results[wire.Tenant]
	if err := b.call(ctx, request{method: http.MethodPost, path: "/v1/tenants:batchCreate", body: in}, &out); err != nil {
		return nil, err
	}
	var results []tenancy.CreateResult
	for _, r := range out.Results {
		switch {
		case r.Tenant != nil:
			t, err := whole(ctx, *r.Tenant)
			if err != nil {
				return results, err
			}
			results = append(results, tenancy.CreateResult{Tenant: t})
		case r.Problem != nil:
			results = append(results, tenancy.CreateResult{Err: r.Problem.Err()})
		default:
			return results, wire.Outage(ctx, "a result is neither a tenant nor a problem")
		}
	}
	switch {
	case out.Problem != nil:
		return results, out.Problem.Err()
	case len(results) != len(ts):
		return results, wire.Outage(ctx, "%d results for a batch of %d", len(results), len(ts))
	}
	return results, nil
}
