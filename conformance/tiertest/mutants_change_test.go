package tiertest_test

import (
	"context"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func changeMutants() []mutant {
	// each applies a change key by key, unless skip says so.
	each := func(f *faulty, skip func(old *tier.Entry, free bool, c tenancy.Change) bool) {
		f.apply = func(ctx context.Context, c tenancy.Change) error {
			for _, k := range c.Keys {
				if old, free := f.look(ctx, k); skip(old, free, c) {
					continue
				}
				one := c
				one.Keys = []tenancy.Key{k}
				if err := f.next.Apply(ctx, one); err != nil {
					return err
				}
			}
			return nil
		}
	}
	keepLease := func(f *faulty) {
		each(f, func(old *tier.Entry, free bool, _ tenancy.Change) bool { return old == nil && !free })
	}
	return []mutant{
		{rule: "change-removes-older", how: "ignores changes", spoil: func(f *faulty) {
			f.apply = func(context.Context, tenancy.Change) error { return nil }
		}},
		{rule: "change-removes-older", how: "obeys for the first key", spoil: func(f *faulty) {
			f.apply = func(ctx context.Context, c tenancy.Change) error {
				c.Keys = c.Keys[:min(1, len(c.Keys))]
				return f.next.Apply(ctx, c)
			}
		}},
		{rule: "change-removes-older", how: "keeps negative entries", spoil: func(f *faulty) {
			each(f, func(old *tier.Entry, _ bool, _ tenancy.Change) bool { return old != nil && old.Negative() })
		}},
		{rule: "change-removes-the-lease", how: "keeps the lease after a change", spoil: keepLease},
		{rule: "change-keeps-newer", how: "removes whatever is there", spoil: func(f *faulty) {
			f.apply = func(ctx context.Context, c tenancy.Change) error {
				for _, k := range c.Keys {
					if err := f.remove(ctx, k); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{rule: "change-keeps-newer", how: "removes what is as of the change itself", spoil: func(f *faulty) {
			f.apply = func(ctx context.Context, c tenancy.Change) error {
				c.Position.Revision++
				return f.next.Apply(ctx, c)
			}
		}},
		{rule: "change-leaves-nothing-as-it-is", how: "marks what was invalidated", spoil: func(f *faulty) {
			f.apply = func(ctx context.Context, c tenancy.Change) error {
				if err := f.next.Apply(ctx, c); err != nil {
					return err
				}
				for _, k := range c.Keys {
					if _, err := f.next.Get(ctx, k); err != nil { // and takes the lease
						return err
					}
				}
				return nil
			}
		}},
		{rule: "change-touches-its-keys-only", how: "takes keys for patterns", spoil: func(f *faulty) {
			seen := []tenancy.Key{}
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				seen = append(seen, e.Key)
				return f.next.Put(ctx, token, e)
			}
			f.apply = func(ctx context.Context, c tenancy.Change) error {
				for _, k := range c.Keys {
					for _, s := range seen {
						if strings.HasSuffix(k.Value, "*") || s == k {
							if err := f.remove(ctx, s); err != nil {
								return err
							}
						}
					}
				}
				return nil
			}
		}},
		{rule: "drop-removes-the-entry", how: "keeps negative entries", spoil: func(f *faulty) {
			f.drop = func(ctx context.Context, e *tier.Entry) error {
				if e.Negative() {
					return nil
				}
				return f.next.Drop(ctx, e)
			}
		}},
		{rule: "drop-keeps-another-entry", how: "drops by key", spoil: func(f *faulty) {
			f.drop = func(ctx context.Context, e *tier.Entry) error { return f.remove(ctx, e.Key) }
		}},
		{rule: "drop-keeps-another-entry", how: "does not compare marks", spoil: func(f *faulty) {
			f.drop = func(ctx context.Context, e *tier.Entry) error {
				if old, _ := f.look(ctx, e.Key); old != nil && old.Versioned.AsOf.Revision == e.Versioned.AsOf.Revision {
					return f.remove(ctx, e.Key)
				}
				return nil
			}
		}},
		{rule: "drop-keeps-another-entry", how: "drops leases", spoil: func(f *faulty) {
			f.drop = func(ctx context.Context, e *tier.Entry) error {
				if old, _ := f.look(ctx, e.Key); old == nil {
					return f.remove(ctx, e.Key)
				}
				return f.next.Drop(ctx, e)
			}
		}},
		{rule: "invalidate-all-removes", how: "counts tenants only", spoil: func(f *faulty) {
			f.invalidateAll = func(ctx context.Context) (int64, error) {
				n, err := f.next.InvalidateAll(ctx)
				return n / 2, err
			}
		}},
		{rule: "get-many-like-one", how: "returns what it found first", spoil: func(f *faulty) {
			f.getMany = func(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
				results, err := f.getEach(ctx, keys)
				if len(results) > 1 {
					results[0], results[1] = results[1], results[0]
				}
				return results, err
			}
		}},
		{rule: "get-many-like-one", how: "takes no leases", spoil: func(f *faulty) {
			f.getMany = func(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
				results := make([]tier.Result, len(keys))
				for i, k := range keys {
					results[i].Entry, _ = f.look(ctx, k)
				}
				return results, nil
			}
		}},
		{rule: "get-many-like-one", how: "returns a thousand at most", spoil: func(f *faulty) {
			f.getMany = func(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
				return f.getEach(ctx, keys[:min(len(keys), 1000)])
			}
		}},
		{rule: "get-repeats", how: "grants a lease for each result", spoil: func(f *faulty) {
			f.getMany = func(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
				results, err := f.getEach(ctx, keys)
				for i := range results {
					if results[i].Entry == nil {
						results[i].Token = 7
					}
				}
				return results, err
			}
		}},
		{rule: "put-many-like-one", how: "stores whatever is there", spoil: func(f *faulty) {
			f.putMany = func(ctx context.Context, fills []tier.Fill) (int, error) {
				for _, fill := range fills {
					if err := f.force(ctx, fill.Entry); err != nil {
						return 0, err
					}
				}
				return 0, nil
			}
		}},
		{rule: "put-many-like-one", how: "stores a part", spoil: func(f *faulty) {
			f.putMany = func(ctx context.Context, fills []tier.Fill) (int, error) {
				return f.putEach(ctx, fills[:len(fills)/2])
			}
		}},
	}
}

func useMutants() []mutant {
	return []mutant{
		{rule: "peer-shares-everything", how: "remembers entries in its process", spoil: func(f *faulty) {
			mine := map[tenancy.Key]*tier.Entry{}
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				if e := mine[k]; e != nil {
					return tier.Result{Entry: e}, nil
				}
				r, err := f.next.Get(ctx, k)
				if r.Entry != nil {
					mine[k] = r.Entry
				}
				return r, err
			}
		}},
		{rule: "peer-outlives-close", how: "clears the cache at the end", spoil: func(f *faulty) {
			f.close = func() error {
				_, err := f.next.InvalidateAll(context.Background())
				return err
			}
		}},
		{rule: "concurrent-puts-keep-the-newest", how: "compares AsOf before it puts", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if old, _ := f.look(ctx, e.Key); old != nil && old.Versioned.AsOf.Revision >= e.Versioned.AsOf.Revision {
					return nil
				}
				time.Sleep(50 * time.Microsecond) // the way to the server
				return f.force(ctx, e)
			}
		}},
		{rule: "concurrent-use", how: "returns an entry of another key now and then", spoil: func(f *faulty) {
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				if k.Value == "id-00003" {
					if e, _ := f.look(ctx, tenancy.IDKey("id-00004")); e != nil {
						return tier.Result{Entry: e}, nil
					}
				}
				return f.next.Get(ctx, k)
			}
		}},
		{rule: "behaves-like-the-model", how: "frees the lease that follows the one that is released", spoil: func(f *faulty) {
			released := map[tier.Token]bool{}
			f.release = func(ctx context.Context, k tenancy.Key, token tier.Token) error {
				if released[token] && token != 0 {
					return f.remove(ctx, k)
				}
				released[token] = true
				return f.next.Release(ctx, k, token)
			}
		}},
		{rule: "ended-context", how: "waits for a connection", spoil: func(f *faulty) {
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				if ctx.Err() != nil {
					time.Sleep(time.Second)
				}
				return f.next.Get(ctx, k)
			}
		}},
		{rule: "ended-context", how: "takes an ended context for nothing", spoil: func(f *faulty) {
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				if ctx.Err() != nil {
					return tier.Result{}, nil //nolint:nilerr // which is its mistake
				}
				return f.next.Get(ctx, k)
			}
		}},
		{rule: "close-returns", how: "waits for the leases", spoil: func(f *faulty) {
			f.close = func() error {
				time.Sleep(time.Second)
				return f.next.Close()
			}
		}},
	}
}
