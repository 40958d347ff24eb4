package bustest

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Rules returns every rule, in the order in which Run checks them.
func Rules() []Rule {
	return []Rule{
		{
			Name: "message-reaches-every-subscriber",
			Says: "Publish wakes every subscriber of the bus, each time, with the position.",
			check: func(p *probe) {
				a, b := p.listening(p.ctx, p.b, p.b), p.listening(p.ctx, p.b, p.b)
				for r := tenancy.Revision(2); r < 12; r++ {
					at := tenancy.Position{Revision: r, Mark: int64(r) * 31}
					na, nb := a.count(), b.count()
					p.publish(p.b, at)
					p.awaits(a, na, at)
					p.awaits(b, nb, at)
				}
			},
		},
		{
			Name: "message-reaches-other-processes",
			Says: "Publish wakes the subscribers in other processes, in both directions.",
			peer: true,
			check: func(p *probe) {
				peer := p.openPeer()
				mine, theirs := p.listening(p.ctx, p.b, peer), p.listening(p.ctx, peer, p.b)
				for r := tenancy.Revision(2); r < 12; r++ {
					at := tenancy.Position{Revision: r, Mark: int64(r) * 31}
					from := []tier.Bus{p.b, peer}[r%2]
					n, m := mine.count(), theirs.count()
					p.publish(from, at)
					p.awaits(mine, n, at)
					p.awaits(theirs, m, at)
				}
			},
		},
		{
			Name: "position-is-exact",
			Says: "A subscriber is woken with exactly the position that was published.",
			check: func(p *probe) {
				s := p.listening(p.ctx, p.b, p.b)
				sent := []tenancy.Position{
					{Revision: 1}, {Revision: 1, Mark: -1}, {Revision: 2, Mark: math.MaxInt64}, {Revision: 3, Mark: math.MinInt64},
					{Revision: 1<<53 + 1, Mark: 1<<53 + 1}, {Revision: math.MaxInt64 - 1, Mark: -1<<53 - 1}, {Revision: 1 << 32, Mark: 1 << 32},
				}
				allowed := append(slices.Clone(sent), tenancy.Position{}, tenancy.Position{Revision: 1, Mark: -77})
				for _, at := range sent {
					p.reaches(p.b, s, at)
				}
				for _, got := range s.all() {
					if !slices.Contains(allowed, got) {
						p.Errorf("woken with %v, which nobody published", got)
					}
				}
			},
		},
		{
			Name: "nothing-is-lost-silently",
			Says: "From the return of Subscribe on, each message arrives, or the zero Position after it does.",
			check: func(p *probe) {
				for r := tenancy.Revision(2); r < 6; r++ {
					s := p.subscribe(p.ctx, p.b)
					at := tenancy.Position{Revision: r, Mark: 5}
					if err := p.b.Publish(p.ctx, at); err == nil { // it may still be connecting
						p.awaits(s, 0, at)
					}
				}
			},
		},
		{
			Name: "burst-arrives",
			Says: "After many messages at once, every subscriber knows the last one, or has been told that some were lost.",
			peer: true,
			check: func(p *probe) {
				peer := p.openPeer()
				mine, theirs := p.listening(p.ctx, p.b, p.b), p.listening(p.ctx, peer, p.b)
				var revision atomic.Int64
				var group sync.WaitGroup
				revision.Store(1)
				for range 4 {
					group.Go(func() {
						for range 50 {
							if err := p.b.Publish(p.ctx, tenancy.Position{Revision: tenancy.Revision(revision.Add(1)), Mark: 9}); err != nil {
								p.Errorf("Publish: %v", err)
							}
						}
					})
				}
				group.Wait()
				last := tenancy.Position{Revision: 1000, Mark: 9}
				n, m := mine.count(), theirs.count()
				p.publish(p.b, last)
				p.awaits(mine, n, last)
				p.awaits(theirs, m, last)
			},
		},
		{
			Name: "subscribe-returns-at-once",
			Says: "Subscribe does not wait: neither for a connection nor for a message.",
			check: func(p *probe) {
				ctx, cancel := context.WithCancel(p.ctx)
				defer cancel()
				p.subscribe(ctx, p.b)
				ended, end := context.WithCancel(p.ctx)
				end()
				p.subscribe(ended, p.b)
			},
		},
		{
			Name: "subscription-ends-with-its-context",
			Says: "When the context of a subscription has ended, its wake is soon called no more; other subscriptions go on.",
			check: func(p *probe) {
				ctx, cancel := context.WithCancel(p.ctx)
				defer cancel()
				ending, other := p.listening(ctx, p.b, p.b), p.listening(p.ctx, p.b, p.b)
				cancel()
				deadline := time.Now().Add(p.h.Patience)
				for quiet := 0; quiet < 5; quiet++ { // messages in a row
					n := ending.count()
					p.reaches(p.b, other, tenancy.Position{Revision: 9, Mark: int64(n)})
					if ending.count() != n {
						quiet = -1
						time.Sleep(time.Millisecond)
					}
					if time.Now().After(deadline) {
						p.Fatalf("still woken %v after its context has ended", p.h.Patience)
					}
				}
			},
		},
		{
			Name:       "reconnection-wakes",
			Says:       "After a connection was lost, every subscriber is woken with the zero Position, and hears new messages again.",
			disconnect: true,
			check: func(p *probe) {
				s := p.listening(p.ctx, p.b, p.b)
				for range 2 {
					n := s.count()
					p.h.Disconnect(p.TB, p.b)
					p.awaits(s, n, tenancy.Position{})
					p.reaches(p.b, s, tenancy.Position{Revision: 5, Mark: int64(n)})
				}
			},
		},
		{
			Name: "ended-context",
			Says: "Publish with a context that has ended returns at once, with or without an error, and spoils nothing.",
			check: func(p *probe) {
				s := p.listening(p.ctx, p.b, p.b)
				ctx, cancel := context.WithCancel(p.ctx)
				cancel()
				p.Returns(p.h.Patience, "Publish with an ended context", func() {
					_ = p.b.Publish(ctx, tenancy.Position{Revision: 2, Mark: 2}) // either is right
				})
				p.reaches(p.b, s, tenancy.Position{Revision: 3, Mark: 3})
			},
		},
		{
			Name: "close-ends-subscriptions",
			Says: "Close returns while subscriptions are open, and nobody is woken after it has returned.",
			peer: true,
			check: func(p *probe) {
				peer := p.openPeer()
				s, other := p.listening(p.ctx, p.b, peer), p.listening(p.ctx, peer, peer)
				p.closed = true
				p.close(p.b)
				n := s.count()
				for r := range tenancy.Revision(5) {
					p.reaches(peer, other, tenancy.Position{Revision: r + 2, Mark: 8})
				}
				if s.count() != n {
					p.Errorf("woken with %v after Close", s.all()[n:])
				}
			},
		},
	}
}
