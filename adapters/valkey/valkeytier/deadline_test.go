package valkeytier

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A context that the client has made from that of a call may outlive the call: its
// timer asks its parent for values then.
func TestDeadlineOutlivedByItsChildren(t *testing.T) {
	d := deadlines{after: time.Minute}
	for range 20 {
		now := time.Now()
		parent := d.begin(t.Context(), now)
		child, cancel := context.WithDeadline(parent, now.Add(time.Millisecond))
		defer cancel()
		d.begin(t.Context(), now)
		<-child.Done()
		if parent.Err() != nil {
			t.Fatal(parent.Err())
		}
	}
}

// No lookup takes longer than it may, and none much less.
func TestDeadlinesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const after = 50 * time.Millisecond
		d := deadlines{after: after}
		expiries := map[*expiry]bool{}
		for range 1000 {
			time.Sleep(time.Millisecond / 2)
			begun := time.Now()
			c := d.begin(t.Context(), begun)
			expiries[c.expiry] = true
			go func() {
				<-c.Done()
				if took := time.Since(begun); took > after || took < after*9/10 {
					t.Errorf("a lookup had %v", took)
				}
				if !errors.Is(c.Err(), context.DeadlineExceeded) {
					t.Error(c.Err())
				}
			}()
		}
		if len(expiries) > 100 {
			t.Errorf("%d timers for 500 ms of lookups", len(expiries))
		}
		time.Sleep(after)
		synctest.Wait()
	})
}

func TestDeadlineOfTheCaller(t *testing.T) {
	d := deadlines{after: time.Hour}
	parent, cancel := context.WithTimeout(t.Context(), time.Minute)
	c := d.begin(parent, time.Now())
	if at, ok := c.Deadline(); !ok || time.Until(at) > time.Minute {
		t.Errorf("Deadline is in %v, %v", time.Until(at), ok)
	}
	if cancel(); !errors.Is(c.Err(), context.Canceled) {
		t.Errorf("Err: %v", c.Err())
	}
}
