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

func TestLocalCache(t *testing.T) { tiertest.RunLocal(t, localHarness(nil)) }

// Leases end in a second of a bubble's time, however busy the machine is.
func TestSharedCache(t *testing.T) {
	for _, r := range tiertest.SharedRules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { r.CheckShared(t, sharedHarness(nil)) })
		})
	}
}

// single is a shared cache, one key at a time.
type single struct{ tier.SharedCache }

func (c single) Get(ctx context.Context, k tenancy.Key) (tier.Result, error) {
	results, err := c.SharedCache.Get(ctx, []tenancy.Key{k})
	if err != nil {
		return tier.Result{}, err
	}
	return results[0], nil
}

func (c single) Put(ctx context.Context, token tier.Token, e *tier.Entry) error {
	_, err := c.SharedCache.Put(ctx, []tier.Fill{{Entry: e, Token: token}})
	return err
}

// faulty is a shared cache whose methods a mutant can replace, one by one. As it comes it
// keeps every rule.
type faulty struct {
	next   single
	server *faults.Server

	get           func(ctx context.Context, k tenancy.Key) (tier.Result, error)
	put           func(ctx context.Context, token tier.Token, e *tier.Entry) error
	release       func(ctx context.Context, k tenancy.Key, token tier.Token) error
	apply         func(ctx context.Context, c tenancy.Change) error
	drop          func(ctx context.Context, e *tier.Entry) error
	invalidateAll func(ctx context.Context) (int64, error)
	close         func() error
	getMany       func(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error)
	putMany       func(ctx context.Context, fills []tier.Fill) (int, error)
}

func newFaulty(server *faults.Server) *faulty {
	next := single{server.Open()}
	f := &faulty{next: next, server: server}
	f.get, f.put, f.release, f.apply, f.drop = next.Get, next.Put, next.Release, next.Apply, next.Drop
	f.invalidateAll, f.close = next.InvalidateAll, next.Close
	f.getMany, f.putMany = f.getEach, f.putEach
	return f
}

func (f *faulty) Get(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	return f.getMany(ctx, keys)
}
func (f *faulty) Put(ctx context.Context, fills []tier.Fill) (int, error) {
	return f.putMany(ctx, fills)
}
func (f *faulty) Release(ctx context.Context, k tenancy.Key, token tier.Token) error {
	return f.release(ctx, k, token)
}
func (f *faulty) Apply(ctx context.Context, c tenancy.Change) error { return f.apply(ctx, c) }
func (f *faulty) Drop(ctx context.Context, e *tier.Entry) error     { return f.drop(ctx, e) }
func (f *faulty) InvalidateAll(ctx context.Context) (int64, error)  { return f.invalidateAll(ctx) }
func (f *faulty) Close() error                                      { return f.close() }

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

var errUncacheable = errors.New("uncacheable")

func (f *faulty) putEach(ctx context.Context, fills []tier.Fill) (uncacheable int, err error) {
	for _, fill := range fills {
		switch err := f.put(ctx, fill.Token, fill.Entry); {
		case errors.Is(err, errUncacheable):
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
			return errors.Join(errUncacheable, f.release(ctx, e.Key, token))
		}
		return put(ctx, token, e)
	}
}

// faultyLocal is a local cache whose methods a mutant can replace.
type faultyLocal struct {
	next *faults.Local

	get           func(k tenancy.Key) *tier.Entry
	put           func(e *tier.Entry)
	invalidateAll func() int64
	maxEntries    func() int64
	close         func()
}

func newFaultyLocal() *faultyLocal {
	next := faults.NewLocal()
	return &faultyLocal{next, next.Get, next.Put, next.InvalidateAll, next.MaxEntries, next.Close}
}

func (f *faultyLocal) Get(k tenancy.Key) *tier.Entry { return f.get(k) }
func (f *faultyLocal) Put(e *tier.Entry)             { f.put(e) }
func (f *faultyLocal) InvalidateAll() int64          { return f.invalidateAll() }
func (f *faultyLocal) MaxEntries() int64             { return f.maxEntries() }
func (f *faultyLocal) Close()                        { f.close() }

// localHarness opens local caches that spoil has broken.
func localHarness(spoil func(*faultyLocal)) tiertest.LocalHarness {
	return tiertest.LocalHarness{Open: func(testing.TB) tier.LocalCache {
		f := newFaultyLocal()
		if spoil != nil {
			spoil(f)
		}
		return f
	}}
}

// sharedHarness opens shared caches that spoil has broken, peers too.
func sharedHarness(spoil func(*faulty)) tiertest.SharedHarness {
	open := func(s *faults.Server, prepare func(*faulty)) *faulty {
		f := newFaulty(s)
		if prepare != nil {
			prepare(f)
		}
		if spoil != nil {
			spoil(f)
		}
		return f
	}
	return tiertest.SharedHarness{
		Open:         func(testing.TB) tier.SharedCache { return open(faults.NewServer(), nil) },
		OpenRefusing: func(testing.TB) tier.SharedCache { return open(faults.NewServer(), (*faulty).refuse) },
		Peer:         func(_ testing.TB, c tier.SharedCache) tier.SharedCache { return open(c.(*faulty).server, nil) },
	}
}
