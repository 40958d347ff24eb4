package follow

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Bus tells other processes that the log has grown. A message only makes its receivers read
// the log, so a lost, late, repeated, reordered or forged message costs latency or a read,
// never correctness. Implementations are safe for concurrent use.
type Bus interface {
	// Publish tells every subscriber, in other processes too, that the log reaches p. It is
	// called after a write, with a deadline. An error is counted, and otherwise ignored.
	Publish(ctx context.Context, p tenancy.Position) error
	// Subscribe calls wake with the position of each message, and with the zero Position
	// whenever messages may have been lost, as after a reconnection. It returns at once,
	// reconnects by itself, and continues until ctx ends. wake does not block.
	Subscribe(ctx context.Context, wake func(tenancy.Position))
}

// buses are the buses over which the readers of one log, in several processes, wake each
// other.
type buses struct {
	mu  sync.RWMutex
	all []Bus

	published, unpublished, messages, resubscribed atomic.Int64
	lastMessage                                    atomic.Int64 // nanoseconds since 1970, 0 for never
}

// add subscribes to one more, until ctx ends.
func (b *buses) add(ctx context.Context, bus Bus, wake func(tenancy.Position)) {
	b.mu.Lock()
	b.all = append(slices.Clip(b.all), bus)
	b.mu.Unlock()
	bus.Subscribe(ctx, func(p tenancy.Position) {
		b.received(p)
		wake(p)
	})
}

func (b *buses) received(p tenancy.Position) {
	if p.IsZero() {
		b.resubscribed.Add(1)
		return
	}
	b.messages.Add(1)
	b.lastMessage.Store(time.Now().UnixNano())
}

// publish tells the other processes that the log reaches to p, all within timeout.
func (b *buses) publish(ctx context.Context, timeout time.Duration, p tenancy.Position) {
	b.mu.RLock()
	all := b.all
	b.mu.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, bus := range all {
		if bus.Publish(ctx, p) != nil {
			b.unpublished.Add(1)
		} else {
			b.published.Add(1)
		}
	}
}
