package tiertest

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// view is a cache as most rules see it, whatever its kind: one key at a time.
type view interface {
	Get(ctx context.Context, key tenancy.Key) (tier.Result, error)
	Put(ctx context.Context, token tier.Token, e *tier.Entry) error
	Release(ctx context.Context, key tenancy.Key, token tier.Token) error
	Apply(ctx context.Context, c tenancy.Change) error
	Drop(ctx context.Context, e *tier.Entry) error
	InvalidateAll(ctx context.Context) (int64, error)
	Close() error
}

// errUncacheable is that of an entry which must not be in a shared cache.
var errUncacheable = errors.New("uncacheable")

type sharedView struct{ tier.SharedCache }

func (v sharedView) Get(ctx context.Context, key tenancy.Key) (tier.Result, error) {
	results, err := v.SharedCache.Get(ctx, []tenancy.Key{key})
	if err != nil {
		return tier.Result{}, err
	}
	return results[0], nil
}

func (v sharedView) Put(ctx context.Context, token tier.Token, e *tier.Entry) error {
	n, err := v.SharedCache.Put(ctx, []tier.Fill{{Entry: e, Token: token}})
	if n > 0 {
		err = errors.Join(errUncacheable, err)
	}
	return err
}

// localToken is what everybody gets of a local cache where nothing is.
const localToken tier.Token = 1

type localView struct{ tier.LocalCache }

func (v localView) Get(_ context.Context, key tenancy.Key) (tier.Result, error) {
	if e := v.LocalCache.Get(key); e != nil {
		return tier.Result{Entry: e}, nil
	}
	return tier.Result{Token: localToken}, nil
}

func (v localView) Put(_ context.Context, _ tier.Token, e *tier.Entry) error {
	v.LocalCache.Put(e)
	return nil
}

// A local cache has no leases, and obeys no changes.
func (localView) Release(context.Context, tenancy.Key, tier.Token) error { return nil }
func (localView) Apply(context.Context, tenancy.Change) error            { return nil }
func (localView) Drop(context.Context, *tier.Entry) error                { return nil }

func (v localView) InvalidateAll(context.Context) (int64, error) {
	return v.LocalCache.InvalidateAll(), nil
}

func (v localView) Close() error {
	v.LocalCache.Close()
	return nil
}
