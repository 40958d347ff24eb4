package tiertest

import (
	"context"
	"sync"
	"sync/atomic"
)

func lifecycleRules() []Rule {
	return []Rule{
		{
			Name: "ended-context",
			Says: "A call with a context that has ended returns at once, with an error or a right answer, and spoils nothing.",
			of:   sharedCache,
			check: func(p *probe) {
				ctx, cancel := context.WithCancel(p.ctx)
				cancel()
				e := entry(key(1), 5)
				p.fill(e)
				found := p.get(key(1)).Entry
				p.Returns(p.patience, "a call with an ended context", func() {
					if r, err := p.c.Get(ctx, key(1)); err == nil && (r.Entry == nil || r.Entry.Versioned != e.Versioned) {
						p.Errorf("Get with an ended context: got %s and no error, want the entry", describe(r))
					}
					if r, err := p.c.Get(ctx, key(2)); r.Entry != nil || err != nil && r.Token != 0 {
						p.Errorf("Get with an ended context: got %s, error %v, where nothing is", describe(r), err)
					}
					_ = p.c.Release(ctx, key(1), 1)       // either is right
					_ = p.c.Apply(ctx, change(5, key(1))) // either is right
					_ = p.c.Put(ctx, 0, entry(key(3), 5)) // either is right
				})
				p.holds(e)
				p.Returns(p.patience, "Drop with an ended context", func() {
					if err := p.c.Drop(ctx, found); err == nil {
						if r, err := p.c.Get(p.ctx, key(1)); err == nil && r.Entry != nil {
							p.Errorf("Drop with an ended context: no error, and the entry is still there")
						}
					}
				})
				p.fill(entry(key(4), 5))
			},
		},
		{
			Name: "close-returns",
			Says: "Close returns without an error, whatever is in the cache.",
			check: func(p *probe) {
				p.fill(entry(key(1), 5))
				p.lease(key(2))
				p.closed = true
				p.Returns(p.patience, "Close", func() {
					if err := p.c.Close(); err != nil {
						p.Errorf("Close: %v", err)
					}
				})
			},
		},
		{
			Name: "local-get-during-close",
			Says: "Get of a local cache may come during Close and after it, and then returns nothing.",
			of:   localCache,
			check: func(p *probe) {
				for n := range 20 {
					p.fill(entry(key(n), 5))
				}
				var stop atomic.Bool
				var readers sync.WaitGroup
				for range 4 {
					readers.Go(func() {
						for n := 0; !stop.Load(); n++ {
							r, err := p.c.Get(p.ctx, key(n%20))
							if err != nil {
								p.Errorf("Get during Close: %v", err)
								return
							}
							if r.Entry != nil && (r.Entry.Key != key(n%20) || r.Entry.Versioned.AsOf != position(5)) {
								p.Errorf("Get during Close: got %s of %s", describe(r), show(r.Entry.Key))
								return
							}
						}
					})
				}
				p.closed = true
				p.Returns(p.patience, "Close", func() {
					if err := p.c.Close(); err != nil {
						p.Errorf("Close: %v", err)
					}
				})
				stop.Store(true)
				readers.Wait()
				for n := range 20 {
					if r, err := p.c.Get(p.ctx, key(n)); r.Entry != nil || err != nil {
						p.Fatalf("Get after Close: got %s, error %v, want nothing", describe(r), err)
					}
				}
			},
		},
	}
}
