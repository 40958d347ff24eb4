package observe_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/resolve"
)

// Everything is made ahead, and what has no name that is known counts as other.
func TestNewRequests(t *testing.T) {
	var seen []string
	made := 0
	o := observe.NewRequests(
		func(resolver string, outcome resolve.Outcome) func(context.Context) {
			made++
			return func(context.Context) { seen = append(seen, fmt.Sprintf("%s %s", resolver, outcome)) }
		},
		func(outcome resolve.Outcome) observe.Record {
			made++
			return func(_ context.Context, took time.Duration, err error) {
				seen = append(seen, fmt.Sprintf("%s took %v, %v", outcome, took, err))
			}
		})
	if want := len(resolve.Outcomes()) * (len(resolve.ResolverNames()) + 1); made != want {
		t.Errorf("%d things are made ahead, want %d", made, want)
	}
	for _, e := range []resolve.Event{
		{Outcome: resolve.OutcomeUnknown, Resolver: resolve.NameHeader, Duration: time.Second},
		{Outcome: resolve.OutcomeUnknown, Resolver: "port", Duration: time.Minute},
		{Outcome: "canary", Resolver: resolve.NameHeader},
	} {
		o.ObserveRequest(t.Context(), e)
	}
	want := []string{"header unknown", "unknown took 1s, <nil>", "other unknown", "unknown took 1m0s, <nil>"}
	if !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
}
