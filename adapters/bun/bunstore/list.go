package bunstore

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// filter returns which text serves f, and its arguments.
func (b *base) filter(f tenancy.Filter) (filterKind, []any, error) {
	switch len(f.Statuses) {
	case 0:
		return filterNone, nil, nil
	case 1:
		return filterOne, []any{string(f.Statuses[0])}, nil
	}
	statuses := make([]string, len(f.Statuses))
	for i, s := range f.Statuses {
		statuses[i] = string(s)
	}
	list, err := b.dialect.texts(statuses)
	return filterMany, []any{list}, err
}

// ListAfter implements driver.Backend. A page after a cursor costs the same wherever
// it is.
func (b *base) ListAfter(ctx context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	kind, args, err := b.filter(opts.Filter)
	if err != nil {
		return tenancy.Page{}, err
	}
	text := b.texts.list[kind][0]
	if !after.IsZero() {
		text = b.texts.list[kind][1]
		args = append(args, b.dialect.time(after.CreatedAt), after.ID)
	}
	args = append(args, int64(opts.Limit)+1, int64(opts.Offset))
	read := b.read
	if opts.OmitSecrets {
		read.secrets = nil
	}
	var ts []tenancy.Tenant
	err = b.look(ctx, func() (bool, error) {
		ts, err = read.tenants(ctx, 0, text, args...)
		return len(ts) > 0, err
	})
	return driver.PageOf(ts, opts), err
}

// Count is one statement. It reads an index of all tenants that it counts.
func (b *base) Count(ctx context.Context, f tenancy.Filter) (int, error) {
	kind, args, err := b.filter(f)
	if err != nil {
		return 0, err
	}
	var n int64
	err = b.look(ctx, func() (bool, error) {
		_, err := b.read.one(ctx, b.texts.count[kind], args, &n)
		return n > 0, err
	})
	return int(n), err
}
