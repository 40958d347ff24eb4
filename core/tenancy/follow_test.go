package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// scriptedLog is a log whose every Watch yields a line of the script, and then a sign
// of life each second.
type scriptedLog struct {
	tenancy.Log
	newest  tenancy.Revision
	heads   []error // of the first calls of Head
	watches [][]any // changes, and errors
	after   []tenancy.Revision
}

func (l *scriptedLog) Bounds(context.Context) (tenancy.Bounds, error) {
	if len(l.heads) > 0 {
		err := l.heads[0]
		l.heads = l.heads[1:]
		if err != nil {
			return tenancy.Bounds{}, err
		}
	}
	return tenancy.Bounds{Newest: tenancy.Position{Revision: l.newest}}, nil
}

func (l *scriptedLog) Watch(ctx context.Context, after tenancy.Position) iter.Seq2[tenancy.Change, error] {
	return func(yield func(tenancy.Change, error) bool) {
		l.after = append(l.after, after.Revision)
		var line []any
		if len(l.watches) > 0 {
			line, l.watches = l.watches[0], l.watches[1:]
		}
		for _, step := range line {
			switch step := step.(type) {
			case tenancy.Change:
				l.newest = step.Position.Revision
				if !yield(step, nil) {
					return
				}
			case error:
				if step == errStop { //nolint:errorlint // the value itself is the sign
					return
				}
				if !yield(tenancy.Change{}, step) || !errors.Is(step, tenancy.ErrUnavailable) {
					return
				}
			}
		}
		driver.WatchLog(ctx, tenancy.Position{Revision: l.newest}, func(context.Context, tenancy.Position, int) ([]tenancy.Change, error) {
			return nil, nil
		}, func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		})(yield)
	}
}

func change(revision tenancy.Revision, op tenancy.ChangeKind) tenancy.Change {
	return tenancy.Change{Position: tenancy.Position{Revision: revision}, Kind: op}
}

func TestFollow(t *testing.T) {
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
			log:  scriptedLog{newest: 7, watches: [][]any{{update(8), update(9)}}},
			want: "sync 7, change 8, change 9, in contact",
		},
		"a report is passed on, and nothing is lost": {
			log:  scriptedLog{newest: 7, watches: [][]any{{update(8), tenancy.ErrUnavailable, tenancy.ErrUnavailable, update(9)}}},
			want: "sync 7, change 8, no contact, no contact, change 9, in contact",
		},
		"what was lost is looked up": {
			log:  scriptedLog{newest: 7, watches: [][]any{{update(8), tenancy.ErrCompacted}, {update(9)}}},
			want: "sync 7, change 8, no contact, sync 8, change 9, in contact",
		},
		"so is everything after a reset": {
			log:  scriptedLog{newest: 7, watches: [][]any{{update(8), change(9, tenancy.ChangeReset), update(10)}}},
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
			log:    scriptedLog{newest: 7, watches: [][]any{{update(8), update(9)}}},
			change: []error{tenancy.ErrUnavailable, context.DeadlineExceeded},
			want:   "sync 7, change 8, no contact, change 8, no contact, change 8, change 9, in contact",
		},
		"an outage in the middle of a reset": {
			log:  scriptedLog{newest: 7, watches: [][]any{{change(8, tenancy.ChangeReset), update(9)}}},
			sync: []error{nil, tenancy.ErrUnavailable},
			want: "sync 7, sync 8, no contact, sync 8, change 9, in contact",
		},
		"a restore that the handler notices first": {
			log:    scriptedLog{newest: 7, watches: [][]any{{update(8), update(9)}}},
			change: []error{nil, fmt.Errorf("Load: %w", tenancy.ErrCompacted)},
			want:   "sync 7, change 8, change 9, no contact, sync 9, in contact",
		},
		"a watch that ends without an error": {
			log:  scriptedLog{newest: 7, watches: [][]any{{update(8), errStop}}},
			want: "sync 7, change 8, no contact, sync 8, in contact",
		},
		"Sync fails": {
			log: scriptedLog{newest: 7}, sync: []error{broken},
			want: "sync 7", wantErr: broken,
		},
		"Change fails": {
			log: scriptedLog{newest: 7, watches: [][]any{{update(8), update(9)}}}, change: []error{broken},
			want: "sync 7, change 8", wantErr: broken,
		},
		"the store is closed": {
			log:  scriptedLog{newest: 7, watches: [][]any{{update(8), tenancy.ErrClosed}}},
			want: "sync 7, change 8", wantErr: tenancy.ErrClosed,
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
				next := func(errs *[]error) error {
					if len(*errs) == 0 {
						return nil
					}
					err := (*errs)[0]
					*errs = (*errs)[1:]
					return err
				}
				err := tenancy.Follow(ctx, &c.log, tenancy.ChangeHandler{
					Sync: func(_ context.Context, at tenancy.Position) error {
						calls = append(calls, fmt.Sprint("sync ", at.Revision))
						return next(&c.sync)
					},
					Change: func(_ context.Context, ch tenancy.Change) error {
						calls = append(calls, fmt.Sprint("change ", ch.Position.Revision))
						return next(&c.change)
					},
					Contact: func(err error) {
						if err != nil {
							calls = append(calls, "no contact")
							return
						}
						calls = append(calls, "in contact")
						cancel()
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

// errStop ends a scripted watch as no watch should end. The script has no more lines.
var errStop = errors.New("not yielded")

// With nothing to tell, Follow says each second that it is in contact, and it needs no
// functions.
func TestFollowSaysThatItIsInContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+1)
		defer cancel()
		signs := 0
		err := tenancy.Follow(ctx, &scriptedLog{newest: 7}, tenancy.ChangeHandler{Contact: func(err error) {
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
		log := scriptedLog{watches: [][]any{{change(1, tenancy.ChangeCreate), tenancy.ErrUnavailable, change(2, tenancy.ChangeReset)}}}
		if err := tenancy.Follow(ctx, &log, tenancy.ChangeHandler{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A head that does not come is an outage, not a reason to wait for ever.
func TestFollowDoesNotWaitForAHungHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := time.Now()
		var told error
		_ = tenancy.Follow(ctx, hungLog{}, tenancy.ChangeHandler{Contact: func(err error) { told = err; cancel() }})
		if d := time.Since(begun); !errors.Is(told, tenancy.ErrUnavailable) || d != time.Second {
			t.Errorf("told %v after %v", told, d)
		}
	})
}

type hungLog struct{ tenancy.Log }

func (hungLog) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	<-ctx.Done()
	return tenancy.Bounds{}, ctx.Err()
}

func TestTenantIDs(t *testing.T) {
	for _, c := range []struct {
		change tenancy.Change
		want   []string
	}{
		{tenancy.Change{Kind: tenancy.ChangeReset}, nil},
		{tenancy.Change{TenantID: "a", Keys: driver.KeysOf(&tenancy.Tenant{ID: "a", Identifier: "x"}, &tenancy.Tenant{ID: "a", Identifier: "y"})}, []string{"a"}},
		{tenancy.Change{TenantID: "b", Keys: driver.KeysOf(&tenancy.Tenant{ID: "a", Identifier: "x"}, &tenancy.Tenant{ID: "b", Identifier: "x"})}, []string{"a", "b"}},
	} {
		if got := c.change.TenantIDs(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.change, got, c.want)
		}
	}
}
