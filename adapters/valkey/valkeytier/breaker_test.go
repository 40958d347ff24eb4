package valkeytier

import (
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/observe"
)

func TestBreakerOpensAtFiveFailuresOfSixtyFour(t *testing.T) {
	for name, c := range map[string]struct {
		successes int // between two failures
		opens     bool
	}{"in a row": {0, true}, "one of 15": {14, true}, "one of 20": {19, false}} {
		b := newBreaker(observe.BreakerClosed)
		opened := false
		for range 100 {
			opened = b.failed() || opened
			for range c.successes {
				b.succeeded()
			}
		}
		if opened != c.opens || (b.current() == observe.BreakerOpen) != c.opens {
			t.Errorf("%s: opened %v, %v", name, opened, b.current())
		}
	}
}

func TestBreakerOpensOnce(t *testing.T) {
	b := newBreaker(observe.BreakerClosed)
	for round := range 3 {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 20 {
					b.failed()
				}
			})
		}
		all.Wait()
		if n := b.opened.Load(); n != int64(round)+1 || len(b.trips) != 1 {
			t.Fatalf("opened %d times, %d trips to tell", n, len(b.trips))
		}
		<-b.trips
		b.probing()
		if b.current() != observe.BreakerHalfOpen || b.failed() {
			t.Error("a late failure opened a half-open breaker")
		}
		b.close()
		if b.current() != observe.BreakerClosed || b.failed() {
			t.Error("one failure opened a breaker that had just closed")
		}
		b.close()
	}
}

func TestStateStrings(t *testing.T) {
	for s, want := range map[observe.BreakerState]string{observe.BreakerOpen: "open", observe.BreakerHalfOpen: "half-open", observe.BreakerClosed: "closed", 9: "unknown"} {
		if got := s.String(); got != want {
			t.Errorf("%d is %q, want %q", s, got, want)
		}
	}
}

// Whoever mends the breaker may have seen that it is open before it looked for a
// trip; a caller does not wait for that.
func TestTripThatNobodyTook(t *testing.T) {
	b := newBreaker(observe.BreakerClosed)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 {
			for range maxFailures {
				b.failed()
			}
			b.close()
		}
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Minute):
		t.Fatal("a failed call waits for the probe")
	}
}
