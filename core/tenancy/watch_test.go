package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// script is a log that answers Changes step by step: a number of changes, or an error.
// When the steps are used up, it is closed.
type script struct {
	tenancy.Log
	steps []any
	after []tenancy.Revision // asked for
	next  tenancy.Revision
	waits int
}

func (s *script) Changes(_ context.Context, after tenancy.Position, _ int) ([]tenancy.Change, error) {
	s.after = append(s.after, after.Revision)
	if len(s.steps) == 0 {
		return nil, nil
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	if err, ok := step.(error); ok {
		return nil, err
	}
	var batch []tenancy.Change
	for range step.(int) {
		s.next++
		batch = append(batch, tenancy.Change{Position: tenancy.Position{Revision: s.next}})
	}
	return batch, nil
}

func (s *script) Wait(ctx context.Context, _ tenancy.Position) error {
	s.waits++
	if len(s.steps) == 0 {
		return tenancy.ErrClosed
	}
	return ctx.Err()
}

// watch watches a log of steps, and writes down what that yields.
func watch(t *testing.T, steps []any) (yielded []string, s *script) {
	t.Helper()
	s = &script{steps: steps}
	for c, err := range tenancy.Watch(t.Context(), s, tenancy.Position{}) {
		var e *tenancy.Error
		switch {
		case err == nil:
			yielded = append(yielded, fmt.Sprint(c.Position.Revision))
		case !errors.As(err, &e) || e.Op != "Watch":
			t.Errorf("%v is no *Error of Watch", err)
		case errors.Is(err, tenancy.ErrUnavailable):
			yielded = append(yielded, "unavailable")
		case errors.Is(err, tenancy.ErrCompacted):
			yielded = append(yielded, "compacted")
		case errors.Is(err, tenancy.ErrClosed):
			yielded = append(yielded, "closed")
		default:
			yielded = append(yielded, err.Error())
		}
	}
	return yielded, s
}

// A batch that is not full was the end of the log: Watch waits, and reads no second
// time to see that there is nothing. After a full one it does not wait.
func TestWatchReadsOncePerWait(t *testing.T) {
	for _, c := range []struct {
		steps        []any
		reads, waits int
	}{
		{[]any{1, 2, 1}, 3, 3},
		{[]any{tenancy.DefaultChangesLimit, 2, 1}, 3, 2},
		{[]any{tenancy.DefaultChangesLimit, tenancy.DefaultChangesLimit, 0}, 3, 1},
	} {
		_, s := watch(t, c.steps)
		if len(s.after) != c.reads || s.waits != c.waits {
			t.Errorf("%v: %d reads and %d waits, want %d and %d", c.steps, len(s.after), s.waits, c.reads, c.waits)
		}
	}
}

func TestWatch(t *testing.T) {
	for name, c := range map[string]struct {
		steps []any
		want  string
	}{
		"changes, waits, changes":      {[]any{2, 0, 0, 1}, "1 2 3 closed"},
		"an outage ends it":            {[]any{1, tenancy.ErrUnavailable, 2}, "1 unavailable"},
		"so does one without a reason": {[]any{1, errors.New("connection reset"), 1}, "1 unavailable"},
		"compaction ends it":           {[]any{1, tenancy.ErrCompacted, 1}, "1 compacted"},
		"closing ends it":              {[]any{tenancy.ErrClosed, 1}, "closed"},
	} {
		yielded, s := watch(t, c.steps)
		if got := strings.Join(yielded, " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		for i, after := range s.after[1:] {
			if after < s.after[i] {
				t.Errorf("%s: asked for changes after %v", name, s.after)
			}
		}
	}
}

// A watch that was left reads no more, and begins at its start when it is ranged over again.
func TestWatchIsLeft(t *testing.T) {
	s := &script{steps: []any{3, 3}}
	seq := tenancy.Watch(t.Context(), s, tenancy.Position{Revision: 7})
	for reads := 1; reads <= 2; reads++ {
		n := 0
		for range seq {
			if n++; n == 2 {
				break
			}
		}
		if n != 2 || len(s.after) != reads || s.after[reads-1] != 7 || s.waits != 0 {
			t.Errorf("%d changes, %d waits, asked for changes after %v", n, s.waits, s.after)
		}
	}
}

// The end of the context is told as such, and never looks like an outage.
func TestWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, log := range []tenancy.Log{slowLog{takes: 700 * time.Millisecond}, slowLog{waits: 7 * time.Second}} {
			var errs []error
			for _, err := range tenancy.Watch(ctx, log, tenancy.Position{}) {
				if err != nil {
					errs = append(errs, err)
				}
			}
			if len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) || errors.Is(errs[0], tenancy.ErrUnavailable) {
				t.Errorf("errors %v", errs)
			}
		}
	})
}

// A read that hangs is told of after a second.
func TestWatchDoesNotWaitForAHungRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var errs []error
		for _, err := range tenancy.Watch(t.Context(), slowLog{takes: time.Hour}, tenancy.Position{}) {
			errs = append(errs, err)
		}
		if d := time.Since(begun); len(errs) != 1 || !errors.Is(errs[0], tenancy.ErrUnavailable) || d != time.Second {
			t.Errorf("%v after %v, want ErrUnavailable after 1s", errs, d)
		}
	})
}

// slowLog takes its time for each read, which brings one change, and each wait. When the
// context ends, it says that the database is unavailable.
type slowLog struct {
	tenancy.Log
	takes, waits time.Duration
}

func (l slowLog) Changes(ctx context.Context, after tenancy.Position, _ int) ([]tenancy.Change, error) {
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("driver: %w: interrupted", tenancy.ErrUnavailable)
	case <-time.After(l.takes):
		return []tenancy.Change{{Position: tenancy.Position{Revision: after.Revision + 1}}}, nil
	}
}

func (l slowLog) Wait(context.Context, tenancy.Position) error {
	time.Sleep(l.waits) // in the bubble's time: the context may end meanwhile
	return nil
}
