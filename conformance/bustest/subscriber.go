package bustest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// subscriber remembers what it was woken with.
type subscriber struct {
	mu    sync.Mutex
	woken []tenancy.Position
	news  chan struct{}
}

func (s *subscriber) wake(at tenancy.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = append(s.woken, at)
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *subscriber) all() []tenancy.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.woken[:len(s.woken):len(s.woken)]
}

func (s *subscriber) count() int { return len(s.all()) }

// subscribe subscribes to b until ctx ends.
func (p *probe) subscribe(ctx context.Context, b tier.Bus) *subscriber {
	p.Helper()
	s := &subscriber{news: make(chan struct{}, 1)}
	p.Returns(p.h.Patience, "Subscribe", func() { b.Subscribe(ctx, s.wake) })
	return s
}

// listening is subscribe, and waits until messages of from arrive. What was sent
// before a subscription is established may be lost.
func (p *probe) listening(ctx context.Context, b, from tier.Bus) *subscriber {
	p.Helper()
	s := p.subscribe(ctx, b)
	p.reaches(from, s, tenancy.Position{Revision: 1, Mark: -77})
	return s
}

// reaches publishes at until s is woken with it.
func (p *probe) reaches(from tier.Bus, s *subscriber, at tenancy.Position) {
	p.Helper()
	begun := s.count()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(p.h.Patience)
	for p.ctx.Err() == nil {
		err := from.Publish(p.ctx, at) // which may fail while it connects
		for waiting := true; waiting; {
			if slices.Contains(s.all()[begun:], at) {
				return
			}
			select {
			case <-deadline:
				p.Fatalf("no message arrived within %v; the last Publish returned error %v", p.h.Patience, err)
			case <-again.C:
				waiting = false
			case <-s.news:
			}
		}
	}
}

// awaits waits until what was published after the first n wakes has arrived, or
// the zero Position, which stands for whatever was lost.
func (p *probe) awaits(s *subscriber, n int, at tenancy.Position) {
	p.Helper()
	deadline := time.After(p.h.Patience)
	for {
		got := s.all()[n:]
		for _, g := range got {
			if g == at || g.IsZero() {
				return
			}
		}
		select {
		case <-deadline:
			p.Fatalf("published %v, and within %v the subscriber was woken with %v, want that or the zero Position", at, p.h.Patience, got)
		case <-s.news:
		case <-time.After(time.Millisecond):
		}
	}
}
