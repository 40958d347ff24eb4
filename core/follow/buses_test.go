package follow

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// manualBus is a bus on which the test sends.
type manualBus struct {
	err       error
	published []tenancy.Position
	wake      func(tenancy.Position)
	ctx       context.Context
}

func (b *manualBus) Publish(ctx context.Context, p tenancy.Position) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("no deadline")
	}
	b.published = append(b.published, p)
	return b.err
}

func (b *manualBus) Subscribe(ctx context.Context, wake func(tenancy.Position)) {
	b.ctx, b.wake = ctx, wake
}

func TestBusesCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b buses
		well, broken := &manualBus{}, &manualBus{err: errors.New("connection refused")}
		ctx, cancel := context.WithCancel(t.Context())
		var woken []tenancy.Position
		for _, bus := range []*manualBus{well, broken} {
			b.add(ctx, bus, func(p tenancy.Position) { woken = append(woken, p) })
		}
		b.publish(t.Context(), time.Second, at(3, 7))
		if len(well.published) != 1 || len(broken.published) != 1 || b.published.Load() != 1 || b.unpublished.Load() != 1 {
			t.Errorf("published %v and %v", well.published, broken.published)
		}
		well.wake(at(4, 8))
		broken.wake(tenancy.Position{})
		if len(woken) != 2 || b.messages.Load() != 1 || b.resubscribed.Load() != 1 || !timeOf(b.lastMessage.Load()).Equal(time.Now()) {
			t.Errorf("woken by %v, %d messages", woken, b.messages.Load())
		}
		cancel()
		if well.ctx.Err() == nil {
			t.Error("still subscribed")
		}
	})
}
