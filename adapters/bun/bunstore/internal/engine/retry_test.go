package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var errLost = &Failure{Kind: Contended, Reason: tenancy.ErrUnavailable, Cause: errors.New("busy")}

func TestRetryUntilItWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := retry(t.Context(), time.Second, 50*time.Millisecond, func() error {
			if calls++; calls < 5 {
				return errLost
			}
			return nil
		})
		if err != nil || calls != 5 {
			t.Errorf("err = %v after %d calls", err, calls)
		}
	})
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := retry(t.Context(), 10*time.Second, 50*time.Millisecond, func() error { return errLost })
		if !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(start); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestRetryEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := retry(ctx, time.Hour, 50*time.Millisecond, func() error { return errLost })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("err = %v after %v", err, time.Since(start))
		}
	})
}

func TestRetryOnlyWhatLost(t *testing.T) {
	for _, err := range []error{nil, tenancy.ErrNotFound, &Failure{Kind: Unavailable, Reason: tenancy.ErrUnavailable, Cause: errors.New("reset")}} {
		calls := 0
		got := retry(t.Context(), time.Hour, 50*time.Millisecond, func() error { calls++; return err })
		if calls != 1 || got != err { //nolint:errorlint // the very same
			t.Errorf("%v: %d calls, got %v", err, calls, got)
		}
	}
}

func TestAgainGivesUp(t *testing.T) {
	calls := 0
	err := Repeat(func() (bool, error) { calls++; return true, nil })
	if calls != Attempts || !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("err = %v after %d calls", err, calls)
	}
}
