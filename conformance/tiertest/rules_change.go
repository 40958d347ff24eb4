package tiertest

import (
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func checkUncacheable(p *probe) {
	secret := func(k tenancy.Key, r tenancy.Revision) *tier.Entry {
		e := entry(k, r)
		e.Versioned.Tenant.DatabaseURL = tenancy.NewSecret("postgres://app:s3cret@db/x")
		return e
	}
	err := p.c.Put(p.ctx, p.lease(key(1)), secret(key(1), 5))
	if !errors.Is(err, errUncacheable) {
		p.Errorf("Put: got error %v, want that it is uncacheable", err)
	}
	p.fill(entry(key(1), 5)) // whose lease is free again
	if err := p.c.Put(p.ctx, 0, secret(key(1), 6)); !errors.Is(err, errUncacheable) {
		p.Errorf("Put over an older entry: got error %v, want that it is uncacheable", err)
	}
	if e := p.get(key(1)).Entry; e != nil && e.Versioned.AsOf != position(5) {
		p.Errorf("the entry was stored all the same")
	}
	a, b := entry(key(2), 5), secret(key(3), 5)
	p.putBatch([]tier.Token{p.lease(key(2)), p.lease(key(3))}, []*tier.Entry{a, b}, 1)
	p.holds(a)
	p.lease(key(3))
}

func changeRules() []Rule {
	apply := func(p *probe, r tenancy.Revision, keys ...tenancy.Key) {
		p.Helper()
		p.OK(p.c.Apply(p.ctx, change(r, keys...)), "Apply revision %d", r)
	}
	return []Rule{
		{
			Name: "change-removes-older",
			Says: "A change removes the entries under its keys, negative ones too, that are as of a smaller revision, or replaces them with newer ones.",
			of:   sharedCache,
			check: func(p *probe) {
				k, other := key(1), tenancy.IdentifierKey("renamed")
				p.fill(entry(k, 5))
				p.fill(negative(other, 7))
				apply(p, 8, k, other)
				for _, k := range []tenancy.Key{k, other} {
					if e := p.get(k).Entry; e != nil && e.Versioned.AsOf.Revision < 8 {
						p.Errorf("after a change of revision 8: Get %s: got an entry as of %d", show(k), e.Versioned.AsOf.Revision)
					}
				}
			},
		},
		{
			Name: "change-removes-the-lease",
			Says: "A change deletes the leases under its keys: what their holders have read may be from before it.",
			of:   sharedCache,
			check: func(p *probe) {
				old := p.lease(key(1))
				apply(p, 8, key(1))
				p.put(old, entry(key(1), 5))
				token := p.lease(key(1))
				p.put(old, entry(key(1), 5))
				p.held(key(1), "a put with the token from before the change")
				p.put(token, entry(key(1), 8))
				p.holds(entry(key(1), 8))
			},
		},
		{
			Name: "change-keeps-newer",
			Says: "A change leaves the entries under its keys that are as of its own or a larger revision.",
			of:   sharedCache,
			check: func(p *probe) {
				for n, r := range []tenancy.Revision{8, 9, 1000} {
					e := entry(key(n), r)
					p.fill(e)
					apply(p, 8, key(n))
					p.holds(e)
				}
			},
		},
		{
			Name: "change-leaves-nothing-as-it-is",
			Says: "Where nothing is, a change stores nothing and blocks nobody.",
			of:   sharedCache,
			check: func(p *probe) {
				apply(p, 8, key(1))
				p.put(0, entry(key(1), 9))
				p.fill(entry(key(1), 8))
			},
		},
		{
			Name: "change-touches-its-keys-only",
			Says: "A change leaves what is under other keys, similar ones too, as it is; one without keys, such as ChangeReset, does nothing.",
			of:   sharedCache,
			check: func(p *probe) {
				others := []tenancy.Key{tenancy.IdentifierKey("acme"), tenancy.IDKey("acme2"), tenancy.IDKey("Acme"), tenancy.IDKey("acm")}
				entries := make([]*tier.Entry, len(others))
				for i, k := range others {
					entries[i] = entry(k, tenancy.Revision(i+1))
					p.fill(entries[i])
				}
				apply(p, 100, tenancy.IDKey("acme"), tenancy.IDKey("*"), tenancy.IDKey("acm?"))
				reset := tenancy.Change{Position: position(101), Kind: tenancy.ChangeReset}
				p.OK(p.c.Apply(p.ctx, reset), "Apply of a ChangeReset")
				for _, e := range entries {
					p.holds(e)
				}
			},
		},
	}
}

func removeRules() []Rule {
	return []Rule{
		{
			Name: "drop-removes-the-entry",
			Says: "Drop removes the entry that it is given, as Get returned it, if it is still there.",
			of:   sharedCache,
			check: func(p *probe) {
				for n, e := range []*tier.Entry{entry(key(0), 5), negative(key(1), 5)} {
					p.fill(e)
					p.OK(p.c.Drop(p.ctx, p.get(key(n)).Entry), "Drop")
					p.gone(key(n), "Drop")
				}
				e := entry(key(2), 5)
				p.OK(p.c.Drop(p.ctx, e), "Drop where nothing is")
				p.fill(e)
			},
		},
		{
			Name: "drop-keeps-another-entry",
			Says: "Drop leaves what is no longer the entry that it is given: one as of another position, of which the mark is a part, or a lease.",
			of:   sharedCache,
			check: func(p *probe) {
				first := entry(key(1), 5)
				p.fill(first)
				found := p.get(key(1)).Entry
				next := entry(key(1), 6)
				p.put(anyToken(p), next)
				p.OK(p.c.Drop(p.ctx, found), "Drop of an entry that was replaced")
				p.holds(next)
				lost := entry(key(1), 6)
				lost.Versioned.AsOf.Mark++
				p.OK(p.c.Drop(p.ctx, lost), "Drop of an entry with another mark")
				p.holds(next)
				token := p.lease(key(2))
				p.OK(p.c.Drop(p.ctx, entry(key(2), 5)), "Drop over a lease")
				p.held(key(2), "a Drop over a lease")
				p.put(token, entry(key(2), 5))
				p.holds(entry(key(2), 5))
			},
		},
		{
			Name: "invalidate-all-removes",
			Says: "InvalidateAll removes every entry and returns how many there were, or -1; the cache goes on.",
			check: func(p *probe) {
				n, err := p.c.InvalidateAll(p.ctx)
				p.OK(err, "InvalidateAll of an empty cache")
				if n != 0 && n != -1 {
					p.Errorf("InvalidateAll of an empty cache returned %d", n)
				}
				const many = 40
				for range 2 {
					for i := range many {
						if i%2 == 0 {
							p.fill(entry(key(i), 5))
						} else {
							p.fill(negative(key(i), 5))
						}
					}
					n, err := p.c.InvalidateAll(p.ctx)
					p.OK(err, "InvalidateAll")
					if n != many && n != -1 {
						p.Errorf("InvalidateAll of %d entries returned %d", many, n)
					}
					for i := range many {
						k := key(i)
						p.gone(k, "InvalidateAll")
						p.OK(p.c.Apply(p.ctx, change(1, k)), "Apply") // frees the lease that gone has taken
					}
				}
			},
		},
	}
}

func batchRules() []Rule {
	return []Rule{
		{
			Name: "get-many-like-one",
			Says: "Get returns for each of many keys, in order, what it would for that alone: its entry, or the lease if that is free, or that it is leased.",
			of:   sharedCache,
			check: func(p *probe) {
				const n = 1200 // more than one round trip of most adapters
				keys, want := make([]tenancy.Key, n), make([]*tier.Entry, n)
				for i := range keys {
					keys[i] = key(i)
					switch {
					case i%100 == 1:
						want[i] = entry(keys[i], tenancy.Revision(i+1))
						p.fill(want[i])
					case i%100 == 2:
						want[i] = negative(keys[i], tenancy.Revision(i+1))
						p.fill(want[i])
					case i%100 == 3:
						p.lease(keys[i])
					}
				}
				results, err := p.shared.Get(p.ctx, keys)
				p.OK(err, "Get of %d keys", n)
				if len(results) != n {
					p.Fatalf("Get of %d keys returned %d results", n, len(results))
				}
				tokens := map[tier.Token]bool{}
				for i, r := range results {
					d := ""
					switch {
					case want[i] != nil:
						d = p.differs(want[i], r)
					case r.Entry != nil:
						d = "got an entry, want nothing"
					case i%100 == 3:
						if r.Token != 0 || !r.Leased {
							d = "somebody holds the lease, and the Result does not say so"
						}
					case r.Token == 0 || tokens[r.Token]:
						d = fmt.Sprintf("got token %d, want a lease of its own", r.Token)
					}
					if d != "" {
						p.Fatalf("Get: result %d: %s", i, d)
					}
					if r.Token != 0 {
						tokens[r.Token] = true
					}
				}
				p.held(keys[0], "Get took the lease")
				p.put(results[0].Token, entry(keys[0], 5))
				p.holds(entry(keys[0], 5))
			},
		},
		{
			Name: "get-repeats",
			Says: "Get of no keys, or of one key several times, works; the lease is granted once.",
			of:   sharedCache,
			check: func(p *probe) {
				results, err := p.shared.Get(p.ctx, nil)
				p.OK(err, "Get of no keys")
				if len(results) != 0 {
					p.Errorf("Get of no keys returned %d results", len(results))
				}
				p.putBatch(nil, nil, 0)
				results, err = p.shared.Get(p.ctx, []tenancy.Key{key(1), key(1), key(1)})
				p.OK(err, "Get of one key three times")
				granted := 0
				for _, r := range results {
					if r.Token != 0 {
						granted++
					}
				}
				if len(results) != 3 || granted != 1 {
					p.Errorf("Get of one key three times: %d results and %d leases, want 3 and 1", len(results), granted)
				}
			},
		},
		{
			Name: "put-many-like-one",
			Says: "Put stores each of many entries with the token beside it as it would that alone, and refuses each that it would refuse.",
			of:   sharedCache,
			check: func(p *probe) {
				const n = 300
				tokens, entries, want := make([]tier.Token, n), make([]*tier.Entry, n), make([]*tier.Entry, n)
				for i := range entries {
					k := key(i)
					entries[i] = entry(k, 100)
					want[i] = entries[i]
					switch {
					case i%30 == 0: // over nothing
						tokens[i], want[i] = 0, nil
					case i%30 == 1: // over older
						p.fill(entry(k, 50))
					case i%30 == 2: // over newer
						want[i] = entry(k, 200)
						p.fill(want[i])
					case i%30 == 3: // over the lease of another
						tokens[i], want[i] = p.lease(k)+1, nil
					default:
						tokens[i] = p.lease(k)
					}
				}
				p.putBatch(tokens, entries, 0)
				for i, e := range want {
					if e != nil {
						p.holds(e)
					} else {
						p.gone(key(i), "Put")
					}
				}
			},
		},
	}
}
