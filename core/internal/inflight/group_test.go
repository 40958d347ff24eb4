package inflight_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
)

var errClosed = errors.New("closed")

func TestEndEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, outer := inflight.New(errClosed), inflight.New(errors.New("not this one"))
		var waiting sync.WaitGroup
		for _, wait := range []func(ctx context.Context){
			func(ctx context.Context) { <-ctx.Done() },
			func(ctx context.Context) {
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				<-ctx.Done()
			},
			func(ctx context.Context) { // a call that another group has begun
				call, err := outer.Enter(ctx)
				defer call.Leave(&err)
				<-call.Done()
			},
			func(ctx context.Context) { // a call within a call
				call, err := g.Enter(ctx)
				defer call.Leave(&err)
				<-call.Done()
			},
		} {
			waiting.Go(func() {
				call, err := g.Enter(context.Background())
				if err != nil {
					t.Error(err)
				}
				wait(call)
				if cause := context.Cause(call); !errors.Is(cause, errClosed) || call.Err() == nil {
					t.Errorf("the call's context ended with %v, because of %v", call.Err(), cause)
				}
				err = call.Err()
				call.Leave(&err)
				if !errors.Is(err, errClosed) {
					t.Errorf("the call failed with %v", err)
				}
			})
		}
		synctest.Wait()
		if !g.End() || g.End() {
			t.Error("only the first End is the first")
		}
		if n := g.Wait(time.Minute); n != 0 {
			t.Errorf("%d calls are left", n)
		}
		waiting.Wait()
		if call, err := g.Enter(context.Background()); !errors.Is(err, errClosed) || call != nil {
			t.Errorf("a call after End: %v", err)
		}
	})
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := inflight.New(errClosed)
		call, err := g.Enter(context.Background())
		g.End()
		start := time.Now()
		if n := g.Wait(time.Second); n != 1 || time.Since(start) != time.Second {
			t.Errorf("%d calls left after %v", n, time.Since(start))
		}
		if call.Err() == nil || call.Done() == nil {
			t.Error("the context of a call has not ended, though nobody waited for it")
		}
		<-call.Done()
		call.Leave(&err)
		if n := g.Wait(time.Second); n != 0 || err != nil {
			t.Errorf("%d calls left; the one that succeeded failed with %v", n, err)
		}
	})
}

func TestCallersContextCounts(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, 1), time.Hour)
	defer cancel()
	g := inflight.New(errClosed)
	for _, early := range []bool{true, false} { // asked for before the caller's context ends, or after
		call, err := g.Enter(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if early {
			call.Done()
		}
		if at, ok := call.Deadline(); !ok || time.Until(at) < time.Minute || call.Value(key{}) != 1 {
			t.Error("deadline or values are not the caller's")
		}
		cancel()
		<-call.Done()
		err = call.Err()
		g.End()
		call.Leave(&err)
		if !errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
			t.Errorf("%v, want context.Canceled alone", err)
		}
		g = inflight.New(errClosed)
	}
}

// Somebody may keep the context for longer than the call: it has ended, and is not kept
// by the group.
func TestContextAfterLeave(t *testing.T) {
	type key struct{}
	g := inflight.New(errClosed)
	for _, early := range []bool{true, false} { // asked for before the end of the call too, or not
		call, err := g.Enter(context.WithValue(t.Context(), key{}, 1))
		if early {
			call.Done()
		}
		call.Leave(&err)
		if call.Err() == nil {
			t.Error("the context of a call that has ended has not")
		}
		select {
		case <-call.Done():
		default:
			t.Error("the context of a call that has ended can be waited for")
		}
		child, cancel := context.WithCancel(call)
		if err != nil || !errors.Is(child.Err(), context.Canceled) || !errors.Is(context.Cause(call), context.Canceled) || child.Value(key{}) != 1 {
			t.Errorf("%v: a context of it has %v, because of %v", err, child.Err(), context.Cause(call))
		}
		cancel()
	}
	if n := g.Waited(); n != 0 {
		t.Errorf("the group keeps %d calls that have ended", n)
	}
}

// Calls begin and leave while the group ends: none is forgotten, and none begins later.
func TestEndAmongCalls(t *testing.T) {
	for range 200 {
		g := inflight.New(errClosed)
		var work sync.WaitGroup
		for i := range 4 {
			work.Go(func() {
				for {
					call, err := g.Enter(context.Background())
					if err != nil {
						return
					}
					if i%2 == 0 {
						call.Done()
					}
					call.Leave(&err)
				}
			})
		}
		g.End()
		if n := g.Wait(time.Minute); n != 0 {
			t.Fatalf("%d calls are left", n)
		}
		work.Wait()
	}
}
