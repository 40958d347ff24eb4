package tenantclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func get(path string) request { return request{method: http.MethodGet, path: path} }

// GetByID implements [tenancy.Getter].
func (b *backend) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	return b.found(ctx, get("/v1/tenants/"+wire.Segment(id)))
}

// GetByIdentifier implements [tenancy.Getter].
func (b *backend) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return b.found(ctx, get("/v1/by-identifier/"+wire.Segment(identifier)))
}

// GetByIDs implements [driver.ManyGetter].
func (b *backend) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	var all []tenancy.Tenant
	for some := range chunks(ids, func(id string) int { return len(id) }) {
		var out wire.Tenants[wire.Tenant]
		if err := b.call(ctx, request{method: http.MethodPost, path: batchGetPath, body: wire.IDs{IDs: some}}, &out); err != nil {
			return nil, err
		}
		ts, err := wholeAll(ctx, out.Tenants)
		if err != nil {
			return nil, err
		}
		all = append(all, ts...)
	}
	return all, nil
}

// ListAfter implements [driver.Backend].
func (b *backend) ListAfter(ctx context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	q := queryOf(opts.Filter)
	q.Set("limit", strconv.Itoa(opts.Limit))
	if opts.Offset > 0 {
		q.Set("offset", strconv.Itoa(opts.Offset))
	}
	if !after.IsZero() {
		q.Set("cursor", after.Cursor(opts.Filter))
	}
	if opts.OmitSecrets {
		q.Set("omit_secrets", "true")
	}
	var out wire.Tenants[wire.Tenant]
	if err := b.call(ctx, get("/v1/tenants?"+q.Encode()), &out); err != nil {
		return tenancy.Page{}, err
	}
	ts, err := wholeAll(ctx, out.Tenants)
	return tenancy.Page{Tenants: ts, Next: out.NextCursor, AsOf: out.AsOf}, err
}

// Count implements [driver.Counter].
func (b *backend) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	var out wire.Count
	if err := b.call(ctx, get("/v1/tenants:count?"+queryOf(filter).Encode()), &out); err != nil {
		return 0, err
	}
	if out.Count == nil {
		return 0, wire.Outage(ctx, "the answer has no count")
	}
	return *out.Count, nil
}

// maxQueryBytes is more than the longest name has, however its letters are composed, and fits
// into a URL.
const maxQueryBytes = 16 << 10

// Search implements [driver.Searcher].
func (b *backend) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	if len(query) > maxQueryBytes {
		return nil, nil
	}
	q := queryOf(opts.Filter)
	q.Set("q", query)
	q.Set("limit", strconv.Itoa(opts.Limit))
	var out wire.Tenants[wire.Tenant]
	if err := b.call(ctx, get("/v1/tenants?"+q.Encode()), &out); err != nil {
		return nil, err
	}
	return wholeAll(ctx, out.Tenants)
}

func queryOf(f tenancy.Filter) url.Values {
	q := url.Values{}
	for _, s := range f.Statuses {
		q.Add("status", string(s))
	}
	return q
}
