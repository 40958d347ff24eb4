package tiertest

import (
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func leaseRules() []Rule {
	return []Rule{
		{
			Name: "lease-is-granted-once",
			Says: "Of those who find nothing, the first gets the lease; the others get neither, and the answer that it is leased.",
			of:   sharedCache,
			check: func(p *probe) {
				p.lease(key(1))
				for range 3 {
					p.held(key(1), "the lease was granted")
				}
				p.lease(key(2)) // each key has its own
			},
		},
		{
			Name: "leases-differ",
			Says: "No two leases have the same token, nor 0.",
			of:   sharedCache,
			check: func(p *probe) {
				seen := map[tier.Token]bool{0: true, localToken: true}
				for n := range 50 {
					for range 2 { // the second one of the same key, after the first was given back
						token := p.lease(key(n))
						if seen[token] {
							p.Fatalf("token %d was granted twice", token)
						}
						seen[token] = true
						p.OK(p.c.Release(p.ctx, key(n), token), "Release")
					}
				}
			},
		},
		{
			Name: "lease-fills",
			Says: "Who holds the lease of a key may fill it, with a tenant or with a negative entry.",
			of:   sharedCache,
			check: func(p *probe) {
				p.fill(entry(key(1), 1))
				p.fill(negative(key(2), 1))
			},
		},
		{
			Name: "lease-checks-token",
			Says: "While somebody holds the lease, a put with another token stores nothing, and the lease stays.",
			of:   sharedCache,
			check: func(p *probe) {
				other := p.lease(key(2))
				token := p.lease(key(1))
				for _, wrong := range []tier.Token{0, localToken, token + 1, ^token, other} {
					p.put(wrong, entry(key(1), 5))
					p.held(key(1), fmt.Sprintf("a put with the token %d of somebody else", wrong))
				}
				e := entry(key(1), 4)
				p.put(token, e)
				p.holds(e)
			},
		},
		{
			Name: "lease-ends-with-its-use",
			Says: "A lease is good for one put: after it, the token is worth nothing.",
			of:   sharedCache,
			check: func(p *probe) {
				token := p.lease(key(1))
				e := entry(key(1), 5)
				p.put(token, e)
				p.put(token, entry(key(1), 4))
				p.holds(e)
				p.OK(p.c.Release(p.ctx, key(1), token), "Release of a lease that was used")
				p.holds(e)
			},
		},
		{
			Name: "release-frees-the-lease",
			Says: "Release gives the lease back: the next who finds nothing gets a new one, and the old token fills nothing.",
			of:   sharedCache,
			check: func(p *probe) {
				old := p.lease(key(1))
				p.OK(p.c.Release(p.ctx, key(1), old), "Release")
				p.put(old, entry(key(1), 5))
				token := p.lease(key(1))
				if token == old {
					p.Errorf("the new lease has the token of the old one")
				}
				p.put(old, entry(key(1), 5))
				p.held(key(1), "a put with the token that was given back")
				p.put(token, entry(key(1), 4))
				p.holds(entry(key(1), 4))
			},
		},
		{
			Name: "release-checks-token",
			Says: "Release with a token that is not held does nothing, whatever is under the key.",
			of:   sharedCache,
			check: func(p *probe) {
				token := p.lease(key(1))
				for _, wrong := range []tier.Token{0, localToken, token + 1, p.lease(key(2))} {
					p.OK(p.c.Release(p.ctx, key(1), wrong), "Release with a wrong token")
					p.held(key(1), "a Release with a wrong token")
				}
				p.put(token, entry(key(1), 5))
				for _, whatever := range []tier.Token{0, token} {
					p.OK(p.c.Release(p.ctx, key(1), whatever), "Release of an entry's key")
					p.holds(entry(key(1), 5))
				}
				p.OK(p.c.Release(p.ctx, key(3), token), "Release where nothing is")
				p.lease(key(3))
			},
		},
		{
			Name: "abandoned-lease-ends",
			Says: "A lease whose holder does nothing ends by itself: its holder may have died.",
			of:   sharedCache, brief: true,
			check: func(p *probe) {
				old := p.lease(key(1))
				p.eventually(func() string { // again if the next lease ends before it is used, too
					token := p.get(key(1)).Token
					if token == 0 {
						return "the lease is still held"
					}
					p.put(old, entry(key(1), 5))
					p.put(token, entry(key(1), 4))
					e := p.get(key(1)).Entry
					if e != nil && e.Versioned.AsOf != position(4) {
						p.Fatalf("a put with the token of the abandoned lease stored the entry as of %v", e.Versioned.AsOf)
					}
					if old = token; e == nil {
						return "the next lease is of no use"
					}
					return ""
				}, "Get %s", show(key(1)))
				p.holds(entry(key(1), 4))
			},
		},
	}
}

// held expects neither entry nor lease.
func (p *probe) held(k tenancy.Key, after string) {
	p.Helper()
	switch r := p.get(k); {
	case r.Entry != nil:
		p.Fatalf("after %s: Get %s: got an entry as of %d, want nothing", after, show(k), r.Entry.Versioned.AsOf.Revision)
	case r.Token != 0:
		p.Fatalf("after %s: Get %s: got a lease although somebody holds it", after, show(k))
	case !r.Leased:
		p.Fatalf("after %s: Get %s: got an empty Result, as for a key that was not reached; want that it is leased", after, show(k))
	}
}

func putRules() []Rule {
	return []Rule{
		{
			Name: "put-over-nothing-is-refused",
			Says: "A put never stores over nothing, whatever its token: the lease may have been deleted by a change.",
			of:   sharedCache,
			check: func(p *probe) {
				for n, token := range []tier.Token{0, localToken, 1 << 63, p.lease(key(100))} {
					p.put(token, entry(key(n), 5))
					p.lease(key(n))
				}
			},
		},
		{
			Name: "put-over-older",
			Says: "A put stores over an entry as of a smaller revision, without a lease.",
			of:   sharedCache,
			check: func(p *probe) {
				p.fill(entry(key(1), 5))
				for r, e := range []*tier.Entry{entry(key(1), 6), negative(key(1), 7), entry(key(1), 1000)} {
					p.put(tier.Token(r%2), e)
					p.holds(e)
				}
			},
		},
		{
			Name: "put-over-newer-is-refused",
			Says: "A put never stores over an entry as of the same or a larger revision.",
			of:   sharedCache,
			check: func(p *probe) {
				token := p.lease(key(1))
				e := entry(key(1), 500)
				p.put(token, e)
				same := entry(key(1), 500)
				same.Versioned.AsOf.Mark++
				for _, older := range []*tier.Entry{entry(key(1), 499), entry(key(1), 1), negative(key(1), 499), same} {
					for _, t := range []tier.Token{0, localToken, token} {
						p.put(t, older)
						p.holds(e)
					}
				}
			},
		},
		{
			Name: "revisions-compare-as-numbers",
			Says: "Revisions compare as 64-bit numbers, in put and in changes.",
			of:   sharedCache,
			check: func(p *probe) {
				revisions := []tenancy.Revision{1, 9, 10, 127, 128, 255, 256, 999, 1000, 1<<16 - 1, 1 << 16, 1 << 31, 1 << 32, 1<<32 + 10, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1 << 62}
				p.fill(entry(key(1), revisions[0]))
				for i, r := range revisions[1:] {
					e := entry(key(1), r)
					p.put(0, e)
					p.holds(e)
					p.put(0, entry(key(1), revisions[i]))
					p.holds(e)
					p.OK(p.c.Apply(p.ctx, change(revisions[i], key(1))), "Apply")
					p.holds(e)
				}
				for i, r := range revisions[1:] {
					k := key(100 + i)
					p.fill(entry(k, revisions[i]))
					p.OK(p.c.Apply(p.ctx, change(r, k)), "Apply")
					p.gone(k, fmt.Sprintf("a change of revision %d, over an entry as of %d", r, revisions[i]))
				}
			},
		},
		{
			Name: "ttl-ends",
			Says: "A shared cache keeps no entry for long after its TTL, as nobody else counts that.",
			of:   sharedCache,
			check: func(p *probe) {
				long := entry(key(2), 5)
				p.fill(long)
				short := entry(key(1), 5)
				short.TTL = 100 * time.Millisecond
				p.put(p.lease(key(1)), short)
				p.eventually(func() string {
					if p.get(key(1)).Entry != nil {
						return "the entry is still there"
					}
					return ""
				}, "Get %s after a TTL of %v", show(key(1)), short.TTL)
				p.holds(long)
			},
		},
		{
			Name:     "uncacheable-is-released",
			Says:     "Put of an entry that the cache must not hold counts it, stores nothing, and releases its lease.",
			of:       sharedCache,
			refusing: true,
			check:    checkUncacheable,
		},
	}
}
