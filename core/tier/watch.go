package tier

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// watch obeys the changes that the source's Watch yields. Where these do not go on
// from the position, it has the log read.
func (f *follower) watch(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-f.starting:
	}
	for ctx.Err() == nil {
		after := f.position()
		for c, err := range f.log.Watch(ctx, after) {
			if err != nil {
				f.rouse()
				if !pause(ctx, f.cfg.pollInterval) {
					return
				}
				continue
			}
			if !f.obeyNext(ctx, after, c) {
				f.rouse()
			}
			after = c.Position
		}
		if !pause(ctx, f.cfg.pollInterval) { // ErrCompacted: go on from where the follower is by then
			return
		}
	}
}

// obeyNext obeys a change that the log holds right after the position after, if the
// follower is there, and reports whether it has come to the change, this way or by
// reading the log.
func (f *follower) obeyNext(ctx context.Context, after tenancy.Position, c tenancy.Change) bool {
	if f.reached(c.Position) {
		return true
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return false
	}
	return f.reached(c.Position) || f.position() == after && f.obey(after, []tenancy.Change{c}) == nil
}
