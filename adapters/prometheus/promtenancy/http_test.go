package promtenancy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/core/resolve"
)

func TestHTTPObserver(t *testing.T) {
	o, err := promtenancy.NewHTTPObserver()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.CollectAndLint(o); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	before, err := scrape(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, outcome := range resolve.Outcomes() {
		for _, resolver := range append(resolve.ResolverNames(), "canary of an application") {
			e := resolve.Event{Outcome: outcome, Resolver: resolver, Duration: time.Millisecond, Err: errors.New("canary")}
			if n := usualAllocs(func() { o.ObserveRequest(t.Context(), e) }); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		}
	}
	o.ObserveRequest(t.Context(), resolve.Event{Outcome: "canary"})
	after, err := scrape(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("%d series, %d before", len(after), len(before))
	}
	const calls = 202 // of each event, by usualAllocs
	for name, v := range after {
		want := float64(calls)
		switch {
		case strings.Contains(name, "resolver=other"):
			want *= 2
		case strings.Contains(name, "duration"):
			want *= float64(len(resolve.ResolverNames()) + 1)
		}
		if v != want || before[name] != 0 || strings.Contains(name, "canary") {
			t.Errorf("%s is %v after %v, want %v", name, v, before[name], want)
		}
	}
}
