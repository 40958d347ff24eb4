// Package suite is what the suites of this module have in common: how a rule says that
// it is broken.
package suite

import (
	"fmt"
	"testing"
	"time"
)

// T is the test of one rule, which every failure names.
type T struct {
	testing.TB
	Name string // of the rule
	Says string // the rule in one sentence
}

// Errorf implements [testing.TB].
func (t T) Errorf(format string, args ...any) {
	t.Helper()
	t.TB.Errorf("rule %s: %s\n\t%s", t.Name, t.Says, fmt.Sprintf(format, args...))
}

// Fatalf implements [testing.TB].
func (t T) Fatalf(format string, args ...any) {
	t.Helper()
	t.TB.Fatalf("rule %s: %s\n\t%s", t.Name, t.Says, fmt.Sprintf(format, args...))
}

// OK ends the test if err is not nil.
func (t T) OK(err error, doing string, args ...any) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: unexpected error: %v", fmt.Sprintf(doing, args...), err)
	}
}

// Returns ends the test if call does not return within patience.
func (t T) Returns(patience time.Duration, what string, call func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	t.Closes(patience, what, done)
}

// Closes ends the test if done is not closed within patience.
func (t T) Closes(patience time.Duration, what string, done <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("%s: not within %v", what, patience)
	}
}
