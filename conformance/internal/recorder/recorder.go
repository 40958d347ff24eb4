// Package recorder runs a check and records its failures, so that suites can be
// tested with what they must reject.
package recorder

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Outcome is what became of a check.
type Outcome struct {
	Failures []string
	Skipped  string // why, if it was
}

// Failed reports whether there was a failure.
func (o Outcome) Failed() bool { return len(o.Failures) > 0 }

// Text returns the failures, a line each.
func (o Outcome) Text() string { return strings.Join(o.Failures, "\n") }

// Record runs check as a test of its own, and waits for it and its cleanups.
func Record(tb testing.TB, check func(tb testing.TB)) Outcome {
	ctx, cancel := context.WithCancel(tb.Context())
	r := &recorder{TB: tb, ctx: ctx}
	done := make(chan struct{})
	go func() { // FailNow and SkipNow end the goroutine
		defer close(done)
		defer r.cleanUp(cancel)
		check(r)
	}()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcome
}

// recorder is a testing.TB that records failures instead of failing.
type recorder struct {
	testing.TB // for what is not recorded: TempDir and the like

	ctx      context.Context
	mu       sync.Mutex
	outcome  Outcome
	cleanups []func()
}

func (r *recorder) cleanUp(cancel func()) {
	cancel()
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		f := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		f()
	}
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }

func (r *recorder) fail(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome.Failures = append(r.outcome.Failures, text)
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcome.Failed()
}

func (r *recorder) Error(args ...any)                 { r.fail(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }

func (r *recorder) Skip(args ...any) {
	r.mu.Lock()
	r.outcome.Skipped = fmt.Sprint(args...)
	r.mu.Unlock()
	runtime.Goexit()
}
