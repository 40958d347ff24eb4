package storetest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A decorator without CreateBatch has every other capability.
func TestDecoratorWithoutBatchesIsRejected(t *testing.T) {
	got := recorder.Record(t, func(tb testing.TB) {
		storetest.ForwardsBatches(tb, func(s tenancy.Store) tenancy.Store { return struct{ tenancy.Source }{s.(tenancy.Source)} })
	})
	if !got.Failed() {
		t.Error("a decorator that takes batches apart is accepted")
	}
}

func TestRunDecorator(t *testing.T) {
	storetest.RunDecorator(t, func(s tenancy.Store) tenancy.Store { return observe.Wrap(s, observe.Config{}) })
}
