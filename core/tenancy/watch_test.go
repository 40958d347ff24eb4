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
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
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
		for c, err := range driver.WatchLog(ctx, tenancy.Position{}, s.changes, wait) {
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
	for range driver.WatchLog(t.Context(), tenancy.Position{}, s.changes, func(context.Context) error { return nil }) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 || len(s.after) != 1 {
		t.Errorf("%d changes, %d calls after a break", n, len(s.after))
	}
	s = &script{steps: []any{tenancy.ErrUnavailable}}
	for range driver.WatchLog(t.Context(), tenancy.Position{}, s.changes, func(context.Context) error {
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
		for _, err := range driver.WatchLog(ctx, tenancy.Position{}, s.changes, func(ctx context.Context) error {
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

// A read that hangs is reported after a second, and then less often; one that is only
// slow gets the time that it needs.
func TestWatchLogDoesNotWaitForAHungRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			takes time.Duration
			want  string
		}{
			"hung": {time.Hour, "1s: report, 3s: report, 7s: report, 15s: report, 23s: report, 31s: report"},
			"slow": {3 * time.Second, "1s: report, 3s: report, 6s: change 1, 8s: report, 11s: change 2, 13s: report"},
			"well": {0, "0s: change 1, 0s: change 2, 0s: change 3, 0s: change 4, 0s: change 5, 0s: change 6"},
		} {
			begun := time.Now()
			var log []string
			for ch, err := range driver.WatchLog(t.Context(), tenancy.Position{}, func(ctx context.Context, after tenancy.Position, _ int) ([]tenancy.Change, error) {
				select {
				case <-ctx.Done():
					return nil, ctx.Err()
				case <-time.After(c.takes):
					return []tenancy.Change{{Position: tenancy.Position{Revision: after.Revision + 1}}}, nil
				}
			}, func(context.Context) error { return nil }) {
				what := fmt.Sprint("change ", ch.Position.Revision)
				if errors.Is(err, tenancy.ErrUnavailable) {
					what = "report"
				} else if err != nil {
					what = err.Error()
				}
				log = append(log, fmt.Sprintf("%v: %s", time.Since(begun), what))
				if len(log) == 6 {
					break
				}
			}
			if got := strings.Join(log, ", "); got != c.want {
				t.Errorf("%s: %s\nwant %s", name, got, c.want)
			}
		}
	})
}

// Who asks is told each time that the log was read to its end, and nobody else.
func TestWatchLogNotifiesOfProgress(t *testing.T) {
	for name, c := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"asked":     {tenancy.WithProgressNotify(t.Context()), "1000 1002 progress 1002 progress 1002 report report progress 1002"},
		"not asked": {t.Context(), "1000 1002 report report"},
	} {
		s := &script{steps: []any{tenancy.DefaultChangesLimit, 2, 0, tenancy.ErrUnavailable, tenancy.ErrUnavailable}}
		var log []string
		for ch, err := range driver.WatchLog(c.ctx, tenancy.Position{}, s.changes, func(context.Context) error {
			if s.waits++; s.waits > 4 {
				return tenancy.ErrClosed
			}
			return nil
		}) {
			switch {
			case errors.Is(err, tenancy.ErrUnavailable):
				log = append(log, "report")
			case err != nil:
			case ch.Kind == tenancy.ChangeProgress:
				log = append(log, fmt.Sprint("progress ", ch.Position.Revision))
			case ch.Position.Revision%1000 < 3 && ch.Position.Revision != 1001 && ch.Position.Revision > 2:
				log = append(log, fmt.Sprint(ch.Position.Revision))
			}
		}
		if got := strings.Join(log, " "); got != c.want {
			t.Errorf("%s: %s\nwant %s", name, got, c.want)
		}
	}
}
