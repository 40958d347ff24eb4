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

// script answers Changes step by step: a number of changes, or an error.
type script struct {
	steps []any
	after []tenancy.Revision // asked for
	next  tenancy.Revision
	waits int
}

func (s *script) changes(ctx context.Context, after tenancy.Position, _ int) ([]tenancy.Change, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("driver: %w: interrupted", tenancy.ErrUnavailable)
	}
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

// watch runs WatchLog over steps until they are used up, and writes down what it
// yields.
func watch(t *testing.T, steps []any) (log []string, s *script) {
	t.Helper()
	s = &script{steps: steps}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wait := func(ctx context.Context) error {
			s.waits++
			if len(s.steps) == 0 {
				return tenancy.ErrClosed
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		}
		for c, err := range tenancy.WatchLog(ctx, tenancy.Position{}, s.changes, wait) {
			var e *tenancy.Error
			switch {
			case err == nil:
				log = append(log, fmt.Sprint(c.Position.Revision))
			case !errors.As(err, &e) || e.Op != "Watch":
				t.Errorf("%v is no *Error of Watch", err)
			case errors.Is(err, tenancy.ErrUnavailable):
				log = append(log, "unavailable")
			case errors.Is(err, tenancy.ErrCompacted):
				log = append(log, "compacted")
			case errors.Is(err, tenancy.ErrClosed):
				log = append(log, "closed")
			default:
				log = append(log, err.Error())
			}
		}
	})
	return log, s
}

// A batch that is not full was the end of the log: WatchLog waits, and reads no second
// time to see that there is nothing. After a full one it does not wait.
func TestWatchLogReadsOncePerWait(t *testing.T) {
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

func TestWatchLog(t *testing.T) {
	for name, c := range map[string]struct {
		steps []any
		want  string
	}{
		"changes, waits, changes":       {[]any{2, 0, 0, 1}, "1 2 3 closed"},
		"an outage is only reported":    {[]any{1, tenancy.ErrUnavailable, tenancy.ErrUnavailable, 2}, "1 unavailable unavailable 2 3 closed"},
		"so is an error without reason": {[]any{1, errors.New("connection reset"), 1}, "1 unavailable 2 closed"},
		"compaction ends it":            {[]any{1, tenancy.ErrCompacted, 1}, "1 compacted"},
		"closing ends it":               {[]any{tenancy.ErrClosed, 1}, "closed"},
	} {
		log, s := watch(t, c.steps)
		if got := strings.Join(log, " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		for i, after := range s.after[1:] {
			if after < s.after[i] {
				t.Errorf("%s: asked for changes after %v", name, s.after)
			}
		}
	}
}

func TestWatchLogBreak(t *testing.T) {
	s := &script{steps: []any{3, 3}}
	n := 0
	for range tenancy.WatchLog(t.Context(), tenancy.Position{}, s.changes, func(context.Context) error { return nil }) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 || len(s.after) != 1 {
		t.Errorf("%d changes, %d calls after a break", n, len(s.after))
	}
	s = &script{steps: []any{tenancy.ErrUnavailable}}
	for range tenancy.WatchLog(t.Context(), tenancy.Position{}, s.changes, func(context.Context) error {
		t.Error("waits after a break")
		return tenancy.ErrClosed
	}) {
		break
	}
}

// The end of the context is the last thing that a watch reports, and never looks
// like an outage after which it would go on.
func TestWatchLogEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := &script{}
		var errs []error
		for _, err := range tenancy.WatchLog(ctx, tenancy.Position{}, s.changes, func(ctx context.Context) error {
			time.Sleep(7 * time.Second) // in the bubble's time: the context ends meanwhile
			return nil
		}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) || errors.Is(errs[0], tenancy.ErrUnavailable) {
			t.Errorf("errors %v", errs)
		}
	})
}
