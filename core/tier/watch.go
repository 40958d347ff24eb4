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
			if f.obey(after, []tenancy.Change{c}) != nil { // not in its place
				f.rouse()
			}
			after = c.Position
		}
		if !pause(ctx, f.cfg.pollInterval) { // ErrCompacted: go on from where the follower is by then
			return
		}
	}
}
