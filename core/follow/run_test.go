package follow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// scriptedLog is a log whose Changes returns the steps of a script, one for each call:
// changes, or an error. Wait fails with what the script has for it.
type scriptedLog struct {
	tenancy.Log
	newest tenancy.Revision
	heads  []error // of the first calls of Head
	pages  []any
	waits  []error
}

func (l *scriptedLog) Bounds(context.Context) (tenancy.Bounds, error) {
	if err := pop(&l.heads); err != nil {
		return tenancy.Bounds{}, err
	}
	return tenancy.Bounds{Newest: tenancy.Position{Revision: l.newest}}, nil
}

func (l *scriptedLog) Changes(_ context.Context, after tenancy.Position, _ int) ([]tenancy.Change, error) {
	switch step := pop(&l.pages).(type) {
	case []tenancy.Change:
		if after.Revision != step[0].Position.Revision-1 {
			return nil, fmt.Errorf("asked for what comes after %v", after)
		}
		l.newest = step[len(step)-1].Position.Revision
		return step, nil
	case error:
		return nil, step
	}
	return nil, nil
}

func (l *scriptedLog) Wait(ctx context.Context, _ tenancy.Position) error {
	if err := pop(&l.waits); err != nil || len(l.pages) > 0 {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return nil
	}
}

func pop[T any](steps *[]T) (first T) {
	if len(*steps) > 0 {
		first, *steps = (*steps)[0], (*steps)[1:]
	}
	return first
}

func change(revision tenancy.Revision, op tenancy.ChangeKind) tenancy.Change {
	return tenancy.Change{Position: tenancy.Position{Revision: revision}, Kind: op}
}

func page(changes ...tenancy.Change) []tenancy.Change { return changes }

func TestRun(t *testing.T) {
	broken := errors.New("handler is broken")
	update := func(revision tenancy.Revision) tenancy.Change { return change(revision, tenancy.ChangeUpdate) }
	for name, c := range map[string]struct {
		log     scriptedLog
		sync    []error // of the first calls
		change  []error
		want    string
		wantErr error
	}{
		"begins at the head": {
			log:  scriptedLog{newest: 7, pages: []any{page(update(8), update(9)), page(update(10))}},
			want: "sync 7, change 8, change 9, in contact, change 10, in contact",
		},
		"an outage is passed on, and nothing is lost": {
			log:  scriptedLog{newest: 7, pages: []any{page(update(8)), tenancy.ErrUnavailable, errors.New("without a reason"), page(update(9))}},
			want: "sync 7, change 8, in contact, no contact, no contact, change 9, in contact",
		},
		"so is that of a wait": {
			log:  scriptedLog{newest: 7, pages: []any{page(update(8)), page(update(9))}, waits: []error{tenancy.ErrUnavailable}},
			want: "sync 7, change 8, in contact, no contact, change 9, in contact",
		},
		"what was lost is looked up": {
			log:  scriptedLog{newest: 7, pages: []any{page(update(8)), tenancy.ErrCompacted, page(update(9))}},
			want: "sync 7, change 8, in contact, no contact, sync 8, change 9, in contact",
		},
		"so is everything after a reset": {
			log:  scriptedLog{newest: 7, pages: []any{page(update(8), change(9, tenancy.ChangeReset), update(10))}},
			want: "sync 7, change 8, sync 9, change 10, in contact",
		},
		"an outage at the start": {
			log:  scriptedLog{newest: 7, heads: []error{tenancy.ErrUnavailable, errors.New("without a reason")}},
			want: "no contact, no contact, sync 7, in contact",
		},
		"an outage in the middle of Sync": {
			log:  scriptedLog{newest: 7},
			sync: []error{tenancy.ErrUnavailable, context.DeadlineExceeded},
			want: "sync 7, no contact, sync 7, no contact, sync 7, in contact",
		},
		"an outage in the middle of a change": {
			log:    scriptedLog{newest: 7, pages: []any{page(update(8), update(9))}},
			change: []error{tenancy.ErrUnavailable, context.DeadlineExceeded},
			want:   "sync 7, change 8, no contact, change 8, no contact, change 8, change 9, in contact",
		},
		"an outage in the middle of a reset": {
			log:  scriptedLog{newest: 7, pages: []any{page(change(8, tenancy.ChangeReset), update(9))}},
			sync: []error{nil, tenancy.ErrUnavailable},
			want: "sync 7, sync 8, no contact, sync 8, change 9, in contact",
		},
		"a restore that the handler notices first": {
			log:    scriptedLog{newest: 7, pages: []any{page(update(8), update(9))}},
			change: []error{nil, fmt.Errorf("Load: %w", tenancy.ErrCompacted)},
			want:   "sync 7, change 8, change 9, no contact, sync 9, in contact",
		},
		"Sync fails": {
			log: scriptedLog{newest: 7}, sync: []error{broken},
			want: "sync 7", wantErr: broken,
		},
		"Change fails": {
			log: scriptedLog{newest: 7, pages: []any{page(update(8), update(9))}}, change: []error{broken},
			want: "sync 7, change 8", wantErr: broken,
		},
		"the store is closed": {
			log:  scriptedLog{newest: 7, pages: []any{page(update(8)), tenancy.ErrClosed}},
			want: "sync 7, change 8, in contact", wantErr: tenancy.ErrClosed,
		},
		"the store is closed during a wait": {
			log:  scriptedLog{newest: 7, pages: []any{page(update(8)), page(update(9))}, waits: []error{tenancy.ErrClosed}},
			want: "sync 7, change 8, in contact", wantErr: tenancy.ErrClosed,
		},
		"the store was closed": {
			log: scriptedLog{heads: []error{fmt.Errorf("%w: %w", tenancy.ErrClosed, tenancy.ErrUnavailable)}}, wantErr: tenancy.ErrClosed,
		},
		"there is no log": {
			log: scriptedLog{heads: []error{&tenancy.Error{Err: errors.ErrUnsupported}}}, wantErr: errors.ErrUnsupported,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var calls []string
				err := follow.Run(ctx, &c.log, follow.Handler{
					Sync: func(_ context.Context, at tenancy.Position) error {
						calls = append(calls, fmt.Sprint("sync ", at.Revision))
						return pop(&c.sync)
					},
					Change: func(_ context.Context, ch tenancy.Change) error {
						calls = append(calls, fmt.Sprint("change ", ch.Position.Revision))
						return pop(&c.change)
					},
					Contact: func(err error) {
						if err != nil {
							calls = append(calls, "no contact")
							return
						}
						calls = append(calls, "in contact")
						if len(c.log.pages) == 0 {
							cancel()
						}
					},
				})
				if got := strings.Join(calls, ", "); got != c.want {
					t.Errorf("calls %s\nwant  %s", got, c.want)
				}
				want := c.wantErr
				if want == nil {
					want = context.Canceled
				}
				if !errors.Is(err, want) {
					t.Errorf("ended with %v, want %v", err, want)
				}
			})
		})
	}
}

// With nothing to tell, Run says each second that it is in contact, and it needs no
// functions.
func TestRunSaysThatItIsInContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+1)
		defer cancel()
		signs := 0
		err := follow.Run(ctx, &scriptedLog{newest: 7}, follow.Handler{Contact: func(err error) {
			if signs++; err != nil {
				t.Error(err)
			}
		}})
		if !errors.Is(err, context.DeadlineExceeded) || signs != 11 {
			t.Errorf("%d signs of life in 10 s, then %v", signs, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		log := scriptedLog{pages: []any{page(change(1, tenancy.ChangeCreate)), tenancy.ErrUnavailable, page(change(2, tenancy.ChangeReset))}}
		if err := follow.Run(ctx, &log, follow.Handler{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A head that does not come is an outage, not a reason to wait for ever.
func TestRunDoesNotWaitForAHungHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := time.Now()
		var told error
		_ = follow.Run(ctx, hungLog{}, follow.Handler{Contact: func(err error) { told = err; cancel() }})
		if d := time.Since(begun); !errors.Is(told, tenancy.ErrUnavailable) || d != time.Second {
			t.Errorf("told %v after %v", told, d)
		}
	})
}

// A Wait that returns at once, for a store that mistakes the position, does not have the
// log read all the time.
func TestHastyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		log := &hastyLog{}
		_ = follow.Run(ctx, log, follow.Handler{})
		if log.reads < 100 || log.reads > 300 {
			t.Errorf("%d reads in 10 s", log.reads)
		}
	})
}

type hastyLog struct {
	tenancy.Log
	reads int
}

func (*hastyLog) Bounds(context.Context) (tenancy.Bounds, error) { return tenancy.Bounds{}, nil }

func (l *hastyLog) Changes(context.Context, tenancy.Position, int) ([]tenancy.Change, error) {
	l.reads++
	return nil, nil
}

func (*hastyLog) Wait(ctx context.Context, _ tenancy.Position) error { return ctx.Err() }

type hungLog struct{ tenancy.Log }

func (hungLog) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	<-ctx.Done()
	return tenancy.Bounds{}, ctx.Err()
}
