package tenantclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Bounds implements [tenancy.Log].
func (b *backend) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	var out wire.Bounds
	if err := b.call(ctx, get("/v1/bounds"), &out); err != nil {
		return tenancy.Bounds{}, err
	}
	if out.Oldest == nil || out.Newest == nil {
		return tenancy.Bounds{}, wire.Outage(ctx, "the answer has no bounds")
	}
	return tenancy.Bounds{Oldest: *out.Oldest, Newest: *out.Newest}, nil
}

// Changes implements [tenancy.Log].
func (b *backend) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	q := url.Values{"after": {after.String()}, "limit": {strconv.Itoa(limit)}}
	var out wire.Changes[wire.Change]
	if err := b.call(ctx, get("/v1/changes?"+q.Encode()), &out); err != nil {
		return nil, err
	}
	if out.Changes == nil {
		return nil, wire.Outage(ctx, "the answer has no list of changes")
	}
	changes := make([]tenancy.Change, len(out.Changes))
	for i, c := range out.Changes {
		if changes[i] = c.Change(); changes[i].Position.Revision != after.Revision+1 {
			return nil, wire.Outage(ctx, "the answer has a gap")
		}
		after = changes[i].Position
	}
	return changes, nil
}

// Load implements [driver.Source].
func (b *backend) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	all := make([]tenancy.Versioned, 0, len(want))
	for some := range chunks(want, func(l tenancy.Lookup) int { return len(l.Key.Value) }) {
		in := wire.Lookups{Lookups: make([]wire.Lookup, len(some))}
		for i, l := range some {
			in.Lookups[i] = wire.LookupOf(l)
		}
		var out wire.Loaded[wire.Tenant]
		if err := b.call(ctx, request{method: http.MethodPost, path: loadPath, body: in}, &out); err != nil {
			return nil, err
		}
		if len(out.Results) != len(some) {
			return nil, wire.Outage(ctx, "%d answers to %d lookups", len(out.Results), len(some))
		}
		for _, r := range out.Results {
			v := tenancy.Versioned{AsOf: r.AsOf, Found: r.Tenant != nil}
			if v.Found {
				var err error
				if v.Tenant, err = whole(ctx, *r.Tenant); err != nil {
					return nil, err
				}
			}
			all = append(all, v)
		}
	}
	return all, nil
}

// Wait implements [tenancy.Log].
func (b *backend) Wait(ctx context.Context, after tenancy.Position) error {
	return b.stream.wait(ctx, after)
}
