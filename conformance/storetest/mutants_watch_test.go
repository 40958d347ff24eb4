package storetest_test

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

type changeSeq = iter.Seq2[tenancy.Change, error]

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
		{rule: "watch-replays-then-follows", how: "begins with what comes", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, _ tenancy.Position) changeSeq {
				head, _ := f.Store.Bounds(ctx)
				return f.Store.Watch(ctx, head.Newest)
			}
		}},
		{rule: "watch-replays-then-follows", how: "ends after what was there", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				changes, err := f.Store.Changes(ctx, after, 0)
				return func(yield func(tenancy.Change, error) bool) {
					for _, c := range changes {
						if !yield(c, nil) {
							return
						}
					}
					if err != nil {
						yield(tenancy.Change{}, err)
					}
				}
			}
		}},
		{rule: "watch-replays-then-follows", how: "names fewer keys of what is new than the log", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				head, _ := f.Store.Bounds(ctx)
				return func(yield func(tenancy.Change, error) bool) {
					for c, err := range f.Store.Watch(ctx, after) {
						if c.Position.Revision > head.Newest.Revision && len(c.Keys) > 0 {
							c.Keys = c.Keys[:1]
						}
						if !yield(c, err) {
							return
						}
					}
				}
			}
		}},
		{rule: "watch-notifies-progress", how: "does not notify", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return without(f.Store.Watch(ctx, after), func(c tenancy.Change) bool { return c.Kind == tenancy.ChangeProgress })
			}
		}},
		{rule: "watch-notifies-progress", how: "notifies only after changes", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				changed := false
				return without(f.Store.Watch(ctx, after), func(c tenancy.Change) bool {
					drop := c.Kind == tenancy.ChangeProgress && !changed
					changed = c.Kind != tenancy.ChangeProgress
					return drop
				})
			}
		}},
		{rule: "watch-notifies-progress", how: "notifies of what it has not yielded", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return func(yield func(tenancy.Change, error) bool) {
					head, _ := f.Store.Bounds(ctx)
					if !yield(tenancy.Change{Position: head.Newest, Kind: tenancy.ChangeProgress}, nil) {
						return
					}
					f.Store.Watch(ctx, after)(yield)
				}
			}
		}},
		{rule: "watch-misses-nothing", how: "loses one change in ten", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return without(f.Store.Watch(ctx, after), func(c tenancy.Change) bool { return c.Position.Revision%10 == 0 })
			}
		}},
		{rule: "watch-ends-with-context", how: "does not look at the context", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return f.Store.Watch(context.WithoutCancel(ctx), after) // ends when the store is closed
			}
		}},
		{rule: "watch-ends-with-context", how: "ends without a word", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return silentAt(f.Store.Watch(ctx, after), context.Canceled)
			}
		}},
		{rule: "watch-can-be-left", how: "goes on where it was left", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return func(yield func(tenancy.Change, error) bool) {
					for c, err := range f.Store.Watch(ctx, after) {
						after = c.Position
						if !yield(c, err) {
							return
						}
					}
				}
			}
		}},
		{rule: "watch-denies-position", how: "begins at the newest instead", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				if _, err := f.Store.Changes(ctx, after, 1); errors.Is(err, tenancy.ErrCompacted) {
					head, _ := f.Store.Bounds(ctx)
					after = head.Newest
				}
				return f.Store.Watch(ctx, after)
			}
		}},
		{rule: "watch-compacted", how: "begins at the oldest change that is left", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				if _, err := f.Store.Changes(ctx, after, 1); errors.Is(err, tenancy.ErrCompacted) {
					head, _ := f.Store.Bounds(ctx)
					after = head.Oldest
				}
				return f.Store.Watch(ctx, after)
			}
		}},
		{rule: "watch-ends-with-store", how: "ends without a word", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return silentAt(f.Store.Watch(ctx, after), tenancy.ErrClosed)
			}
		}},
		{rule: "watch-reconnects", how: "loses what happens while it is away", spoil: func(f *faulty) {
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				away := f.broken.Load()
				return without(f.Store.Watch(ctx, after), func(tenancy.Change) bool {
					now := f.broken.Load()
					lost := now != away
					away = now
					return lost
				})
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
			f.watch = func(ctx context.Context, after tenancy.Position) changeSeq {
				return func(yield func(tenancy.Change, error) bool) {
					for c, err := range f.Store.Watch(ctx, after) {
						if errors.Is(err, tenancy.ErrCompacted) {
							<-ctx.Done()
							err = ctx.Err()
						}
						if !yield(c, err) {
							return
						}
					}
				}
			}
		}},
	}
}

// without is seq without the changes that drop says yes to.
func without(seq changeSeq, drop func(tenancy.Change) bool) changeSeq {
	return func(yield func(tenancy.Change, error) bool) {
		for c, err := range seq {
			if err == nil && drop(c) {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// silentAt is seq, which ends without an error where seq ends with this one.
func silentAt(seq changeSeq, last error) changeSeq {
	return func(yield func(tenancy.Change, error) bool) {
		for c, err := range seq {
			if errors.Is(err, last) || !yield(c, err) {
				return
			}
		}
	}
}
