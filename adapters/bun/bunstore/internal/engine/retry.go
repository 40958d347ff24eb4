package engine

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// retry calls f until it no longer loses against another session: until ctx
// ends, or timeout is over. In between it waits for a random time that grows up
// to backoff. It does not wait if a statement was outdated.
func retry(ctx context.Context, timeout, backoff time.Duration, f func() error) error {
	var deadline time.Time
	for attempt := 0; ; attempt++ {
		err := f()
		if err != nil && KindOf(err) == Outdated && attempt < Attempts {
			continue // each connection may have one
		}
		if err == nil || KindOf(err) != Contended {
			return err
		}
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(timeout)
		}
		if now.After(deadline) {
			return err
		}
		timer := time.NewTimer(rand.N(min(time.Millisecond<<min(attempt, 10), backoff)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return &Failure{Kind: Interrupted, Reason: ctx.Err(), Cause: err}
		case <-timer.C:
		}
	}
}

// attempts bounds how often a write begins anew because rows came or went
// between two of its statements.
const Attempts = 16

// Repeat calls f as long as it says so.
func Repeat(f func() (again bool, err error)) error {
	for range Attempts {
		if again, err := f(); !again {
			return err
		}
	}
	return &Failure{Reason: tenancy.ErrUnavailable, Cause: tenancy.ErrConflict, NotApplied: true,
		Text: "the tenant is there, but the statement does not change it: a trigger or rule of the table skips it, or it comes and goes too fast"}
}
