package engine

import (
	"context"
	"database/sql"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// GetByID implements driver.Backend.
func (b *Base) GetByID(ctx context.Context, id string) (t tenancy.Tenant, err error) {
	err = b.Look(ctx, func() (bool, error) {
		t, err = b.Read.Tenant(ctx, b.Texts.ByID, id)
		return err == nil, err
	})
	return t, err
}

// GetByIdentifier implements driver.Backend.
func (b *Base) GetByIdentifier(ctx context.Context, identifier string) (t tenancy.Tenant, err error) {
	err = b.Look(ctx, func() (bool, error) {
		t, err = b.Read.Tenant(ctx, b.Texts.byIdentifier, identifier)
		return err == nil, err
	})
	return t, err
}

// GetByIDs is one statement whatever the number of IDs.
func (b *Base) GetByIDs(ctx context.Context, ids []string) (ts []tenancy.Tenant, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := b.Array(ids)
	if err != nil {
		return nil, err
	}
	err = b.Look(ctx, func() (bool, error) {
		ts, err = b.Read.Tenants(ctx, len(ids), b.Texts.ByIDs, list)
		return len(ts) > 0, err
	})
	return ts, err
}

// Exists is faster than GetByID.
func (b *Base) Exists(ctx context.Context, id string) (found bool, err error) {
	err = b.Look(ctx, func() (bool, error) {
		found, err = b.exists(ctx, b.Read, id)
		return found, err
	})
	return found, err
}

func (b *Base) exists(ctx context.Context, s Session, id string) (bool, error) {
	found := false
	err := s.keyed(ctx, b.Texts.exists, []any{id}, func(*sql.Rows) error {
		found = true
		return nil
	})
	return found, err
}

// filter returns which text serves f, and its arguments.
func (b *Base) filter(f tenancy.Filter) (filterKind, []any, error) {
	switch len(f.Statuses) {
	case 0:
		return FilterNone, nil, nil
	case 1:
		return filterOne, []any{string(f.Statuses[0])}, nil
	}
	statuses := make([]string, len(f.Statuses))
	for i, s := range f.Statuses {
		statuses[i] = string(s)
	}
	list, err := b.Array(statuses)
	return filterMany, []any{list}, err
}

// ListAfter implements driver.Backend. A page after a cursor costs the same wherever
// it is.
func (b *Base) ListAfter(ctx context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	kind, args, err := b.filter(opts.Filter)
	if err != nil {
		return tenancy.Page{}, err
	}
	text, expected := b.Texts.list[kind][0], 0
	if !after.IsZero() {
		text, expected = b.Texts.list[kind][1], opts.Limit+1 // but for the last page
		args = append(args, b.Time(after.CreatedAt), after.ID)
	}
	args = append(args, int64(opts.Limit)+1, int64(opts.Offset))
	read := b.Read
	if opts.OmitSecrets {
		read.secrets = nil
	}
	var ts []tenancy.Tenant
	var at Position
	err = b.Look(ctx, func() (bool, error) {
		ts, at, err = read.page(ctx, expected, text, args)
		return len(ts) > 0, err
	})
	page := driver.PageOf(ts, opts)
	page.AsOf = b.asOf(at)
	return page, err
}

// asOf returns the position that a page was read with: none in a transaction, which may be
// rolled back.
func (b *Base) asOf(at Position) (p tenancy.Position) {
	if !b.InTx() {
		p = at.Value()
	}
	return p
}

// Count is one statement. It reads an index of all tenants that it counts.
func (b *Base) Count(ctx context.Context, f tenancy.Filter) (int, error) {
	kind, args, err := b.filter(f)
	if err != nil {
		return 0, err
	}
	var n int64
	err = b.Look(ctx, func() (bool, error) {
		_, err := b.Read.One(ctx, b.Texts.count[kind], args, &n)
		return n > 0, err
	})
	return int(n), err
}
