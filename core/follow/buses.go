package follow

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Bus tells the other processes that the log has grown. A message moves nothing by
// itself: it makes its receivers read the log, which alone says what changed. So a lost,
// late, repeated, reordered or forged message costs latency or one read, never
// correctness. Implementations are safe for concurrent use.
type Bus interface {
	// Publish tells every subscriber, in other processes too, that the log reaches to p.
	// It is called after a write, with a deadline; an error is counted and otherwise
	// ignored.
	Publish(ctx context.Context, p tenancy.Position) error
	// Subscribe calls wake with the position of each message, and with the zero Position
	// after every time that messages may have been lost, such as a reconnection. It
	// returns at once, connects by itself again and again, and goes on until ctx ends.
	// wake does not block.
	Subscribe(ctx context.Context, wake func(tenancy.Position))
}

// buses are those over which the readers of one log, in several processes, wake each
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
