package tiertest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestLocalCache(t *testing.T) { tiertest.Run(t, localHarness(nil)) }

// Leases end in a second of a bubble's time, however busy the machine is.
func TestSharedCache(t *testing.T) {
	for _, r := range tiertest.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { r.Check(t, sharedHarness(nil)) })
		})
	}
}

// faulty is a cache whose methods a mutant can replace, one by one. As it comes it
// keeps every rule.
type faulty struct {
	next   tier.Cache
	server *faults.Server // of a shared one

	get           func(ctx context.Context, k tenancy.Key) (tier.Result, error)
	put           func(ctx context.Context, token tier.Token, e *tier.Entry) error
	release       func(ctx context.Context, k tenancy.Key, token tier.Token) error
	apply         func(ctx context.Context, c tenancy.Change) error
	drop          func(ctx context.Context, e *tier.Entry) error
	invalidateAll func(ctx context.Context) (int64, error)
	shared        func() bool
	close         func() error
	getBatch      func(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error)
	putBatch      func(ctx context.Context, tokens []tier.Token, entries []*tier.Entry) (int, error)
}

func newFaulty(next tier.Cache) *faulty {
	f := &faulty{next: next}
	f.get, f.put, f.release, f.apply, f.drop = next.Get, next.Put, next.Release, next.Apply, next.Drop
	f.invalidateAll, f.shared, f.close = next.InvalidateAll, next.Shared, next.Close
	f.getBatch, f.putBatch = f.getEach, f.putEach
	return f
}

func (f *faulty) Get(ctx context.Context, k tenancy.Key) (tier.Result, error) { return f.get(ctx, k) }
func (f *faulty) Put(ctx context.Context, token tier.Token, e *tier.Entry) error {
	return f.put(ctx, token, e)
}
func (f *faulty) Release(ctx context.Context, k tenancy.Key, token tier.Token) error {
	return f.release(ctx, k, token)
}
func (f *faulty) Apply(ctx context.Context, c tenancy.Change) error { return f.apply(ctx, c) }
func (f *faulty) Drop(ctx context.Context, e *tier.Entry) error     { return f.drop(ctx, e) }
func (f *faulty) InvalidateAll(ctx context.Context) (int64, error)  { return f.invalidateAll(ctx) }
func (f *faulty) Shared() bool                                      { return f.shared() }
func (f *faulty) Close() error                                      { return f.close() }
func (f *faulty) GetBatch(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	return f.getBatch(ctx, keys)
}
func (f *faulty) PutBatch(ctx context.Context, tokens []tier.Token, entries []*tier.Entry) (int, error) {
	return f.putBatch(ctx, tokens, entries)
}

func (f *faulty) getEach(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	results := make([]tier.Result, len(keys))
	for i, k := range keys {
		var err error
		if results[i], err = f.get(ctx, k); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (f *faulty) putEach(ctx context.Context, tokens []tier.Token, entries []*tier.Entry) (uncacheable int, err error) {
	for i, e := range entries {
		switch err := f.put(ctx, tokens[i], e); {
		case errors.Is(err, tier.ErrUncacheable):
			uncacheable++
		case err != nil:
			return uncacheable, err
		}
	}
	return uncacheable, nil
}

// refuse makes f refuse tenants with a DatabaseURL.
func (f *faulty) refuse() {
	put := f.put
	f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
		if !e.Versioned.Tenant.DatabaseURL.IsZero() {
			return errors.Join(tier.ErrUncacheable, f.release(ctx, e.Key, token))
		}
		return put(ctx, token, e)
	}
}

// localHarness opens local caches that spoil has broken.
func localHarness(spoil func(*faulty)) tiertest.Harness {
	return tiertest.Harness{Open: func(testing.TB) tier.Cache {
		f := newFaulty(faults.NewLocal())
		if spoil != nil {
			spoil(f)
		}
		return f
	}}
}

// sharedHarness opens shared caches that spoil has broken, peers too.
func sharedHarness(spoil func(*faulty)) tiertest.Harness {
	open := func(s *faults.Server, prepare func(*faulty)) *faulty {
		f := newFaulty(s.Open())
		f.server = s
		if prepare != nil {
			prepare(f)
		}
		if spoil != nil {
			spoil(f)
		}
		return f
	}
	return tiertest.Harness{
		Open:         func(testing.TB) tier.Cache { return open(faults.NewServer(), nil) },
		OpenRefusing: func(testing.TB) tier.Cache { return open(faults.NewServer(), (*faulty).refuse) },
		Peer:         func(_ testing.TB, c tier.Cache) tier.Cache { return open(c.(*faulty).server, nil) },
	}
}
