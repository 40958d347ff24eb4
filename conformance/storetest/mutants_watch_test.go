package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func waitMutants() []mutant {
	return []mutant{
		{rule: "wait-wakes", how: "only polls", spoil: func(f *faulty) {
			f.wait = func(ctx context.Context, _ tenancy.Position) error {
				return sleep(ctx, time.Second)
			}
		}},
		{rule: "wait-wakes", how: "waits for what comes after the call", spoil: func(f *faulty) {
			f.wait = func(ctx context.Context, _ tenancy.Position) error {
				head, _ := f.Store.Bounds(ctx)
				return f.Store.Wait(ctx, head.Newest)
			}
		}},
		{rule: "wait-misses-nothing", how: "is only told of what it has written itself", spoil: func(f *faulty) {
			told := make(chan struct{}, 1)
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				told <- struct{}{}
				return f.Store.SetStatus(ctx, id, s)
			}
			f.wait = func(ctx context.Context, _ tenancy.Position) error {
				select {
				case <-told:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}},
		{rule: "wait-polls", how: "does not poll", spoil: func(f *faulty) {
			f.wait = func(ctx context.Context, after tenancy.Position) error {
				for ctx.Err() == nil {
					if head, err := f.Store.Bounds(ctx); err != nil || head.Newest != after {
						return err
					}
					_ = f.Store.Wait(ctx, after)
				}
				return ctx.Err()
			}
		}},
		{rule: "wait-waits", how: "returns at once", spoil: func(f *faulty) {
			f.wait = func(context.Context, tenancy.Position) error { return nil }
		}},
		{rule: "wait-ends-with-context", how: "does not look at the context", spoil: func(f *faulty) {
			f.wait = func(ctx context.Context, after tenancy.Position) error {
				return f.Store.Wait(context.WithoutCancel(ctx), after)
			}
		}},
		{rule: "wait-ends-with-store", how: "says that there may be more", spoil: func(f *faulty) {
			f.wait = func(ctx context.Context, after tenancy.Position) error {
				if err := f.Store.Wait(ctx, after); !errors.Is(err, tenancy.ErrClosed) {
					return err
				}
				return sleep(ctx, time.Millisecond)
			}
		}},
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func watchMutants() []mutant {
	return []mutant{
		{rule: "watch-misses-nothing", how: "loses one change in ten", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				return slices.DeleteFunc(changes, func(c tenancy.Change) bool { return c.Position.Revision%10 == 0 }), err
			}
		}},
		{rule: "watch-reconnects", how: "loses what happens while it is away", spoil: func(f *faulty) {
			var away atomic.Int32
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				if now := f.broken.Load(); len(changes) > 0 && away.Swap(now) != now {
					head, _ := f.Store.Bounds(ctx)
					changes[0].Position = head.Newest
					changes[0].Position.Revision++
				}
				return changes, err
			}
		}},
		{rule: "restore-denies-lost-positions", how: "looks at revisions alone", spoil: func(f *faulty) { f.changes = ignoreMarks(f) }},
		{rule: "restore-brings-old-values-back", how: "keeps what it has read since", spoil: func(f *faulty) {
			read := map[string]tenancy.Tenant{}
			f.getByIdentifier = func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
				if t, found := read[identifier]; found {
					return t, nil
				}
				t, err := f.Store.GetByIdentifier(ctx, identifier)
				if err == nil {
					read[identifier] = t
				}
				return t, err
			}
		}},
		{rule: "restore-ends-watch", how: "waits until the log is as long again", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				if errors.Is(err, tenancy.ErrCompacted) {
					err = nil
				}
				return changes, err
			}
		}},
	}
}
