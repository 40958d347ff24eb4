package tenantserver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestShared: calls that ask the same share a read, which begins after each of them has come.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := shared[int]{base: ctx}
		committed, reads := 0, 0
		gate := make(chan struct{})
		load := func(context.Context) (int, error) {
			reads++
			seen := committed
			<-gate
			return seen, nil
		}
		results := make(chan int)
		ask := func(key string) {
			n, err := s.do(t.Context(), key, load)
			if err != nil {
				t.Error(err)
			}
			results <- n
		}
		go ask("a")
		synctest.Wait() // it reads
		committed = 1
		for range 100 {
			go ask("a")
		}
		synctest.Wait()
		gate <- struct{}{}
		if n := <-results; n != 0 {
			t.Errorf("the first one got %d", n)
		}
		synctest.Wait()
		gate <- struct{}{}
		for range 100 {
			if n := <-results; n != 1 {
				t.Fatalf("a call that came after the write got %d", n)
			}
		}
		if reads != 2 {
			t.Errorf("%d reads", reads)
		}

		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := s.do(gone, "b", load); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that has gone got %v", err)
		}
		gate <- struct{}{}
		cancel()
		s.wait()
		if _, err := s.do(t.Context(), "c", load); !errors.Is(err, tenancy.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}
