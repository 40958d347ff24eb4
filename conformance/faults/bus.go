package faults

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Hub carries the messages of any number of buses. Create one with NewHub.
type Hub struct {
	mu            sync.RWMutex // read while a message is delivered
	buses         map[*Bus]map[*subscription]struct{}
	random        *rand.Rand // nil while nothing fails
	lost, doubled float64
	randomly      sync.Mutex // guards random
}

type subscription struct {
	ctx  context.Context
	wake func(tenancy.Position)
}

// NewHub returns a hub without buses.
func NewHub() *Hub { return &Hub{buses: map[*Bus]map[*subscription]struct{}{}} }

// Open returns a bus, which belongs to one process.
func (h *Hub) Open() *Bus {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &Bus{hub: h}
	h.buses[b] = map[*subscription]struct{}{}
	return b
}

// Fail makes the hub lose, and deliver twice, these parts of the messages; each
// subscriber has its own luck. 0 and 0 heals it.
func (h *Hub) Fail(seed uint64, lost, doubled float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.random, h.lost, h.doubled = rand.New(rand.NewPCG(seed, 0)), lost, doubled
}

// Disconnect is a connection that broke and is there again: every subscriber of b
// is woken with the zero Position.
func (h *Hub) Disconnect(b *Bus) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for s := range h.buses[b] {
		if s.ctx.Err() == nil {
			s.wake(tenancy.Position{})
		}
	}
}

// copies returns how many times a message reaches a subscriber.
func (h *Hub) copies() int {
	if h.random == nil {
		return 1
	}
	h.randomly.Lock()
	defer h.randomly.Unlock()
	switch x := h.random.Float64(); {
	case x < h.lost:
		return 0
	case x < h.lost+h.doubled:
		return 2
	}
	return 1
}

// Bus is a [tier.Bus]. Create one with [Hub.Open].
type Bus struct{ hub *Hub }

var _ tier.Bus = (*Bus)(nil)

// Publish implements [tier.Bus]. Subscribers are woken before it returns.
func (b *Bus) Publish(ctx context.Context, p tenancy.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h := b.hub
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.buses[b] == nil {
		return tenancy.ErrClosed
	}
	for _, subscriptions := range h.buses {
		for s := range subscriptions {
			for range h.copies() {
				if s.ctx.Err() == nil {
					s.wake(p)
				}
			}
		}
	}
	return nil
}

// Subscribe implements [tier.Bus].
func (b *Bus) Subscribe(ctx context.Context, wake func(tenancy.Position)) {
	h := b.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.buses[b] == nil {
		return // closed
	}
	s := &subscription{ctx, wake}
	h.buses[b][s] = struct{}{}
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.buses[b], s)
	})
}

// Close implements [tier.Bus]. Nobody is woken after it has returned.
func (b *Bus) Close() error {
	b.hub.mu.Lock()
	defer b.hub.mu.Unlock()
	delete(b.hub.buses, b)
	return nil
}
