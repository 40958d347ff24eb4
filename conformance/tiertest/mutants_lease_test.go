package tiertest_test

import (
	"context"
	"errors"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func leaseMutants() []mutant {
	everybody := func(f *faulty) {
		f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
			r, err := f.next.Get(ctx, k)
			if r.Leased {
				r.Token, r.Leased = 99, false
			}
			return r, err
		}
	}
	// What is put is stored if may says so.
	putIf := func(f *faulty, may func(old *tier.Entry, free bool, token tier.Token, e *tier.Entry) bool) {
		f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
			if old, free := f.look(ctx, e.Key); may(old, free, token, e) {
				return f.force(ctx, e)
			}
			return f.next.Put(ctx, token, e)
		}
	}
	noTokenCheck := func(f *faulty) {
		putIf(f, func(old *tier.Entry, free bool, _ tier.Token, _ *tier.Entry) bool { return old == nil && !free })
	}
	noCompare := func(f *faulty) {
		putIf(f, func(old *tier.Entry, _ bool, _ tier.Token, _ *tier.Entry) bool { return old != nil })
	}
	onNothing := func(f *faulty) {
		putIf(f, func(_ *tier.Entry, free bool, _ tier.Token, _ *tier.Entry) bool { return free })
	}
	return []mutant{
		{rule: "lease-is-granted-once", how: "grants everybody a lease", spoil: everybody},
		{rule: "lease-is-granted-once", how: "does not say that it is leased", spoil: func(f *faulty) {
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				r, err := f.next.Get(ctx, k)
				r.Leased = false
				return r, err
			}
		}},
		{rule: "get-many-like-one", how: "does not say of many which are leased", spoil: func(f *faulty) {
			f.getMany = func(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
				results, err := f.getEach(ctx, keys)
				for i := range results {
					results[i].Leased = results[i].Leased && len(keys) == 1
				}
				return results, err
			}
		}},
		{rule: "concurrent-misses-one-lease", how: "grants everybody a lease", spoil: everybody},
		{rule: "leases-differ", how: "counts leases for each key", spoil: func(f *faulty) {
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				r, err := f.next.Get(ctx, k)
				if r.Token != 0 {
					r.Token = 2
				}
				return r, err
			}
			f.release = func(ctx context.Context, k tenancy.Key, _ tier.Token) error { return f.remove(ctx, k) }
		}},
		{rule: "lease-fills", how: "does not store negative entries", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if e.Negative() {
					return f.next.Release(ctx, e.Key, token)
				}
				return f.next.Put(ctx, token, e)
			}
		}},
		{rule: "lease-checks-token", how: "takes any token for the lease", spoil: noTokenCheck},
		{rule: "lease-checks-token", how: "ends the lease on a wrong token", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if err := f.next.Put(ctx, token, e); err != nil {
					return err
				}
				if old, free := f.look(ctx, e.Key); old == nil && !free {
					return f.remove(ctx, e.Key)
				}
				return nil
			}
		}},
		{rule: "lease-ends-with-its-use", how: "lets the holder put again", spoil: noCompare},
		{rule: "lease-ends-with-its-use", how: "removes the entry with the lease", spoil: func(f *faulty) {
			f.release = func(ctx context.Context, k tenancy.Key, _ tier.Token) error { return f.remove(ctx, k) }
		}},
		{rule: "release-frees-the-lease", how: "does not release", spoil: func(f *faulty) {
			f.release = func(context.Context, tenancy.Key, tier.Token) error { return nil }
		}},
		{rule: "release-frees-the-lease", how: "fills on nothing", spoil: onNothing},
		{rule: "release-checks-token", how: "releases whatever the token", spoil: func(f *faulty) {
			f.release = func(ctx context.Context, k tenancy.Key, _ tier.Token) error { return f.remove(ctx, k) }
		}},
		{rule: "release-checks-token", how: "fails where the lease is no more", spoil: func(f *faulty) {
			f.release = func(ctx context.Context, k tenancy.Key, token tier.Token) error {
				if old, _ := f.look(ctx, k); old != nil {
					return errors.New("no lease")
				}
				return f.next.Release(ctx, k, token)
			}
		}},
		{rule: "abandoned-lease-ends", how: "keeps a lease for ever", spoil: func(f *faulty) {
			granted := false
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				r, err := f.next.Get(ctx, k)
				if granted {
					r.Token = 0
				}
				granted = true
				return r, err
			}
		}},
		{rule: "put-over-nothing-is-refused", how: "fills on nothing", spoil: onNothing},
		{rule: "put-over-nothing-is-refused", how: "fails instead of refusing", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if _, free := f.look(ctx, e.Key); free {
					return errors.New("refused")
				}
				return f.next.Put(ctx, token, e)
			}
		}},
		{rule: "put-over-older", how: "wants a lease for every put", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if old, _ := f.look(ctx, e.Key); old != nil {
					return nil
				}
				return f.next.Put(ctx, token, e)
			}
		}},
		{rule: "put-over-newer-is-refused", how: "does not compare AsOf", spoil: noCompare},
		{rule: "put-over-newer-is-refused", how: "stores over the same revision", spoil: func(f *faulty) {
			putIf(f, func(old *tier.Entry, _ bool, _ tier.Token, e *tier.Entry) bool {
				return old != nil && old.Versioned.AsOf.Revision == e.Versioned.AsOf.Revision
			})
		}},
		{rule: "revisions-compare-as-numbers", how: "compares revisions as 32 bits", spoil: func(f *faulty) {
			putIf(f, func(old *tier.Entry, _ bool, _ tier.Token, e *tier.Entry) bool {
				return old != nil && uint32(old.Versioned.AsOf.Revision) < uint32(e.Versioned.AsOf.Revision)
			})
		}},
		{rule: "revisions-compare-as-numbers", how: "compares revisions as floats", spoil: func(f *faulty) {
			f.apply = func(ctx context.Context, c tenancy.Change) error {
				for _, k := range c.Keys {
					if old, _ := f.look(ctx, k); old != nil && float64(old.Versioned.AsOf.Revision) >= float64(c.Position.Revision) {
						return nil
					}
				}
				return f.next.Apply(ctx, c)
			}
		}},
		{rule: "ttl-ends", how: "keeps entries for ever", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				long := *e
				long.TTL = time.Hour
				return f.next.Put(ctx, token, &long)
			}
		}},
		{rule: "ttl-ends", how: "gives every entry the TTL of the last", spoil: func(f *faulty) {
			var last time.Duration
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				last = e.TTL
				return f.next.Put(ctx, token, e)
			}
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				r, err := f.next.Get(ctx, k)
				if r.Entry != nil && last < time.Second {
					r = tier.Result{Token: 5}
				}
				return r, err
			}
		}},
		{rule: "uncacheable-is-released", how: "stores it", spoil: func(f *faulty) { f.put = f.next.Put }},
		{rule: "uncacheable-is-released", how: "keeps the lease", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if !e.Versioned.Tenant.DatabaseURL.IsZero() {
					return errUncacheable
				}
				return f.next.Put(ctx, token, e)
			}
		}},
		{rule: "uncacheable-is-released", how: "refuses the whole batch", spoil: func(f *faulty) {
			f.putMany = func(ctx context.Context, fills []tier.Fill) (int, error) {
				for _, fill := range fills {
					if err := f.put(ctx, fill.Token, fill.Entry); err != nil {
						return 0, err
					}
				}
				return 0, nil
			}
		}},
		{rule: "uncacheable-is-released", how: "does not say how many it refused", spoil: func(f *faulty) {
			f.putMany = func(ctx context.Context, fills []tier.Fill) (int, error) {
				_, err := f.putEach(ctx, fills)
				return 0, err
			}
		}},
	}
}
