package bunstore

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Wait implements tenancy.Log. It returns when the store has written itself, when the
// Listener wakes it, or when the poll interval is over.
func (b *base) Wait(ctx context.Context, after tenancy.Position) error {
	if err := b.open(); err != nil {
		return err
	}
	if b.listener != nil {
		b.background.start("listen", func(ctx context.Context) { b.listener(ctx, b.names.Channel, b.bell.ring) })
	}
	woken := b.bell.wait(after)
	if woken == nil {
		return ctx.Err()
	}
	poll := time.NewTimer(b.pollInterval)
	defer poll.Stop()
	select {
	case <-woken:
	case <-poll.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.background.ctx.Done():
		return tenancy.ErrClosed
	}
	return nil
}
