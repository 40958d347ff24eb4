package bunstore

import (
	"context"
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
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

// Watch implements tenancy.Log.
func (b *base) Watch(ctx context.Context, after tenancy.Position) iter.Seq2[tenancy.Change, error] {
	return func(yield func(tenancy.Change, error) bool) {
		at := after
		changes := func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
			at = after
			if err := b.open(); err != nil {
				return nil, err
			}
			cs, err := b.Changes(ctx, after, limit)
			if len(cs) > 0 {
				at = cs[len(cs)-1].Position
			}
			return cs, err
		}
		wait := func(ctx context.Context) error { return b.Wait(ctx, at) }
		driver.WatchLog(ctx, after, changes, wait)(yield)
	}
}
