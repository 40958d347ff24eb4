package storetest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// A decorator that forwards everything, with all the knobs that a store in
// memory can offer.
func TestDecorator(t *testing.T) {
	h := faultyHarness(nil)
	h.Edit = nil // see edit
	storetest.Run(t, h)
}

func TestHarnessNeedsOpen(t *testing.T) {
	got := recorder.Record(t, func(tb testing.TB) { storetest.Rules()[0].Check(tb, storetest.Harness{}) })
	if !strings.Contains(got.Text(), "Harness.Open") {
		t.Errorf("a harness without Open: got %q, want a failure that names the field", got.Text())
	}
}

// With nothing but Open, a rule is checked or says which field it lacks.
func TestSkipsNameTheField(t *testing.T) {
	h := storetest.Harness{Open: func(testing.TB) tenancy.Store { return newMinimalStore(newMinimalDisk()) }}
	skipped := 0
	for _, r := range storetest.Rules() {
		got := recorder.Record(t, func(tb testing.TB) { r.Check(tb, h) })
		if got.Failed() {
			t.Errorf("rule %s: %s", r.Name, got.Text())
		}
		if got.Skipped != "" {
			skipped++
			if !strings.Contains(got.Skipped, "Harness.") {
				t.Errorf("rule %s was skipped without a reason: %q", r.Name, got.Skipped)
			}
		}
	}
	if skipped == 0 || skipped > len(storetest.Rules())/2 {
		t.Errorf("%d of %d rules were skipped", skipped, len(storetest.Rules()))
	}
}

// A store that has a log must not hide it behind a harness that does not say so.
func TestUndeclaredSourceIsRejected(t *testing.T) {
	h := storetest.Harness{Open: func(testing.TB) tenancy.Store { return memstore.New() }}
	for _, r := range storetest.Rules() {
		if r.Name == "source-as-declared" {
			if got := recorder.Record(t, func(tb testing.TB) { r.Check(tb, h) }); !got.Failed() {
				t.Error("the rule accepts a Source that is not declared")
			}
		}
	}
}

// A database may do what it has received when the caller has gone, even after the
// caller's next write: that keeps the contract.
func TestLateWritesKeepTheContract(t *testing.T) {
	lateWrites := 0
	h := faultyHarness(func(f *faulty) {
		var late func()
		f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
			if late == nil && ctx.Err() != nil {
				late = func() { _, _ = f.Store.BulkUpdateStatus(context.WithoutCancel(ctx), ids, s) }
				return nil, driver.ErrorIn("BulkUpdateStatus", tenancy.Key{}, ctx.Err())
			}
			ts, err := f.Store.BulkUpdateStatus(ctx, ids, s)
			if err == nil && late != nil {
				late()
				late = nil
				lateWrites++
			}
			return ts, err
		}
	})
	for _, r := range storetest.Rules() {
		if r.Name == "cancelled-writes-are-whole" {
			r.Check(t, h)
		}
	}
	if lateWrites == 0 {
		t.Error("no write came late")
	}
}
