package tiertest

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func peerRules() []Rule {
	return []Rule{
		{
			Name: "peer-shares-everything",
			Says: "Two clients of a shared cache see the same entries and leases, and each obeys what the other does.",
			of:   sharedCache,
			peer: true,
			check: func(p *probe) {
				peer := p.openPeer()
				token := p.lease(key(1))
				if r := p.getFrom(peer, key(1)); r.Entry != nil || r.Token != 0 {
					p.Fatalf("the peer got %+v for a key whose lease is held", r)
				}
				e := entry(key(1), 5)
				p.OK(peer.Put(p.ctx, token, e), "Put by the peer with the lease")
				p.holds(e)
				if d := p.differs(e, p.getFrom(peer, key(1))); d != "" {
					p.Fatalf("Get by the peer: %s", d)
				}
				p.OK(peer.Apply(p.ctx, change(6, key(1))), "Apply by the peer")
				p.OK(peer.Release(p.ctx, key(1), p.lease(key(1))), "Release by the peer")
				p.fill(entry(key(1), 6))
				p.OK(peer.Drop(p.ctx, p.getFrom(peer, key(1)).Entry), "Drop by the peer")
				p.fill(entry(key(1), 7))
				if _, err := peer.InvalidateAll(p.ctx); err != nil {
					p.Fatalf("InvalidateAll by the peer: %v", err)
				}
				p.gone(key(1), "InvalidateAll by the peer")
			},
		},
		{
			Name: "peer-outlives-close",
			Says: "Close of one client leaves what is in a shared cache to the others.",
			of:   sharedCache,
			peer: true,
			check: func(p *probe) {
				peer := p.openPeer()
				e := entry(key(1), 5)
				p.fill(e)
				token := p.lease(key(2))
				p.closed = true
				p.OK(p.c.Close(), "Close")
				if d := p.differs(e, p.getFrom(peer, key(1))); d != "" {
					p.Errorf("Get by the peer: %s", d)
				}
				p.OK(peer.Put(p.ctx, token, entry(key(2), 5)), "Put by the peer with the lease")
				if d := p.differs(entry(key(2), 5), p.getFrom(peer, key(2))); d != "" {
					p.Errorf("Get by the peer: %s", d)
				}
			},
		},
	}
}

func concurrencyRules() []Rule {
	return []Rule{
		{
			Name: "concurrent-misses-one-lease",
			Says: "Of many who find nothing at once, exactly one gets the lease.",
			of:   sharedCache,
			check: func(p *probe) {
				clients := []view{p.c}
				if p.h.Peer != nil {
					clients = append(clients, p.openPeer())
				}
				for n := range 10 {
					var granted, failed atomic.Int32
					together(16, func(i int) {
						switch r, err := clients[i%len(clients)].Get(p.ctx, key(n)); {
						case err != nil:
							failed.Add(1)
							p.Errorf("Get: %v", err)
						case r.Token != 0:
							granted.Add(1)
						}
					})
					if failed.Load() == 0 && granted.Load() != 1 {
						p.Fatalf("%d of 16 got the lease", granted.Load())
					}
				}
			},
		},
		{
			Name: "concurrent-puts-keep-the-newest",
			Says: "While entries are put and changes applied in any order, an entry is never replaced by an older one, and the newest stays.",
			of:   sharedCache,
			check: func(p *probe) {
				const writers, each = 8, 25
				p.fill(entry(key(1), 1))
				var last atomic.Int64 // a put that has returned
				last.Store(1)
				together(writers, func(i int) {
					for n := range each {
						r := tenancy.Revision(2 + n*writers + i)
						if err := p.c.Put(p.ctx, 0, entry(key(1), r)); err != nil {
							p.Errorf("Put: %v", err)
						}
						if err := p.c.Apply(p.ctx, change(max(1, r-writers), key(1))); err != nil {
							p.Errorf("Apply: %v", err)
						}
						for old := last.Load(); old < int64(r) && !last.CompareAndSwap(old, int64(r)); old = last.Load() {
						}
						least := tenancy.Revision(last.Load())
						got, err := p.c.Get(p.ctx, key(1))
						if err != nil || got.Entry == nil {
							p.Errorf("Get: entry %v, error %v", got.Entry != nil, err)
						} else if got.Entry.Versioned.AsOf.Revision < least {
							p.Errorf("Get: an entry as of %d after a put as of %d had returned", got.Entry.Versioned.AsOf.Revision, least)
						}
					}
				})
				p.holds(entry(key(1), 1+writers*each))
			},
		},
		{
			Name: "concurrent-use",
			Says: "Every method may be called at any time from any goroutine; what Get returns was put, under its key.",
			check: func(p *probe) {
				const keys = 8
				var mu sync.Mutex
				put := map[tenancy.Position]tenancy.Versioned{}
				var revision atomic.Int64
				together(8, func(i int) {
					for n := range 60 {
						k := key((i*7 + n) % keys)
						r, err := p.c.Get(p.ctx, k)
						if err != nil {
							p.Errorf("Get: %v", err)
							continue
						}
						if e := r.Entry; e != nil {
							mu.Lock()
							was, ok := put[e.Versioned.AsOf]
							mu.Unlock()
							if !ok || was != e.Versioned || e.Key != k {
								p.Errorf("Get %s: got an entry of %s as of %v that was never put", show(k), show(e.Key), e.Versioned.AsOf)
							}
						}
						e := entry(k, tenancy.Revision(revision.Add(1)))
						mu.Lock()
						put[e.Versioned.AsOf] = e.Versioned
						mu.Unlock()
						switch n % 6 {
						case 0:
							err = p.c.Apply(p.ctx, change(e.Versioned.AsOf.Revision, k))
						case 1:
							err = p.c.Release(p.ctx, k, r.Token)
						case 2:
							if r.Entry != nil {
								err = p.c.Drop(p.ctx, r.Entry)
							}
						case 3:
							if n%20 == 3 {
								_, err = p.c.InvalidateAll(p.ctx)
							}
						default:
							err = p.c.Put(p.ctx, r.Token, e)
						}
						if err != nil {
							p.Errorf("a call failed: %v", err)
						}
					}
				})
				if n, err := p.c.InvalidateAll(p.ctx); err != nil || n > keys {
					p.Errorf("InvalidateAll of at most %d entries: %d, error %v", keys, n, err)
				}
				for n := range keys {
					p.OK(p.c.Apply(p.ctx, change(1<<40, key(n))), "Apply") // ends leases that are still held
					p.fill(entry(key(n), tenancy.Revision(revision.Add(1))))
				}
			},
		},
	}
}

// describe names a result for the model.
func describe(r tier.Result) string {
	switch {
	case r.Entry != nil:
		return fmt.Sprintf("an entry as of %v", r.Entry.Versioned.AsOf)
	case r.Token != 0:
		return "the lease"
	case r.Leased:
		return "that it is leased"
	}
	return "nothing"
}
