package observe

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A writer whose clock is ahead makes no negative lag.
func TestObeyedFromTheFuture(t *testing.T) {
	var lags []time.Duration
	one := &observedStack{lag: func(_ context.Context, took time.Duration, _ error) { lags = append(lags, took) }}
	one.Obeyed(tenancy.Change{At: time.Now().Add(time.Hour)})
	one.Obeyed(tenancy.Change{At: time.Now().Add(-time.Hour)})
	if one.skewed.Load() != 1 || len(lags) != 2 || lags[0] != 0 || lags[1] < time.Hour {
		t.Errorf("lags %v, %d from the future; want 0, an hour, and 1", lags, one.skewed.Load())
	}
	if longest := slices.Max(metricLogLag.Buckets()); longest < 60 {
		t.Errorf("the longest bucket of a lag is %v s", longest)
	}
}
