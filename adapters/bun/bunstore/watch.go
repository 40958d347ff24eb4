package bunstore

import (
	"context"
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Watch implements tenancy.Log. It reads the log whenever the store has written
// itself, the Listener wakes it, or the poll interval is over.
func (b *base) Watch(ctx context.Context, after tenancy.Position) iter.Seq2[tenancy.Change, error] {
	return func(yield func(tenancy.Change, error) bool) {
		if b.listener != nil {
			b.background.start("listen", func(ctx context.Context) { b.listener(ctx, b.names.Channel, b.bell.ring) })
		}
		// Taken before the log is read, so that no ring between reading and
		// waiting is missed.
		rung := b.bell.wait()
		wait := func(ctx context.Context) error {
			poll := time.NewTimer(b.pollInterval)
			defer poll.Stop()
			select {
			case <-rung:
			case <-poll.C:
			case <-ctx.Done():
				return ctx.Err()
			case <-b.background.ctx.Done():
				return tenancy.ErrClosed
			}
			rung = b.bell.wait()
			return nil
		}
		tenancy.WatchLog(ctx, after, b.openChanges, wait)(yield)
	}
}

// openChanges is Changes of a store that is not closed.
func (b *base) openChanges(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	return b.Changes(ctx, after, limit)
}
