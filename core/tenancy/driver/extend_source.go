package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// HasSource reports whether the backend is a [Source], and if that is a decorator,
// whether it leads to one; see [tenancy.SourceOf].
func (x *Extended) HasSource() bool {
	_, ok := x.b.(Source)
	if asked, isDecorator := x.b.(interface{ HasSource() bool }); ok && isDecorator {
		return asked.HasSource()
	}
	return ok
}

// source enters, too.
func (x *Extended) source(ctx context.Context) (context.Context, *inflight.Call, Source, error) {
	ctx, call, err := x.enter(ctx)
	source, ok := x.b.(Source)
	if err == nil && !ok {
		err = errors.ErrUnsupported
	}
	return ctx, call, source, err
}

// Bounds implements [tenancy.Log].
func (x *Extended) Bounds(ctx context.Context) (h tenancy.Bounds, err error) {
	defer complete(&err, "Bounds", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return h, err
	}
	return source.Bounds(ctx)
}

// Load implements [tenancy.Log].
func (x *Extended) Load(ctx context.Context, want []tenancy.Lookup) (s []tenancy.Versioned, err error) {
	defer complete(&err, "Load", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	for _, l := range want {
		if err := l.Key.Validate(); err != nil {
			return nil, err
		}
		if !l.Key.OfField() && !x.HasNames() {
			return nil, errors.ErrUnsupported
		}
	}
	if s, err = source.Load(ctx, want); err == nil && len(s) != len(want) {
		err = fmt.Errorf("%w: %d answers to %d lookups", tenancy.ErrUnavailable, len(s), len(want))
	}
	return s, err
}

// Changes implements [tenancy.Log].
func (x *Extended) Changes(ctx context.Context, after tenancy.Position, limit int) (cs []tenancy.Change, err error) {
	defer complete(&err, "Changes", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	if limit, err = ChangesLimit(limit); err != nil {
		return nil, err
	}
	return source.Changes(ctx, after, limit)
}

// Wait implements [tenancy.Log].
func (x *Extended) Wait(ctx context.Context, after tenancy.Position) (err error) {
	defer complete(&err, "Wait", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return err
	}
	return source.Wait(ctx, after)
}
