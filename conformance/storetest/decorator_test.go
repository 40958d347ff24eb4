package storetest_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// piecemeal takes batches apart, which no result shows.
type piecemeal struct{ tenancy.Decorator }

func (p piecemeal) CreateBatch(ctx context.Context, ts []tenancy.Tenant) (results []tenancy.CreateResult, err error) {
	for _, t := range ts {
		created, err := p.Create(ctx, t)
		results = append(results, tenancy.CreateResult{Tenant: created, Err: err})
	}
	return results, nil
}

func TestDecoratorThatTakesBatchesApartIsRejected(t *testing.T) {
	got := recorder.Record(t, func(tb testing.TB) {
		storetest.ForwardsBatches(tb, func(s tenancy.Store) tenancy.Store {
			return piecemeal{tenancy.Decorator{Next: s}}
		})
	})
	if !got.Failed() {
		t.Error("a decorator that takes batches apart is accepted")
	}
}

// The decorator that every other one is made of.
func TestThirdPartyDecorator(t *testing.T) {
	storetest.RunDecorator(t, func(s tenancy.Store) tenancy.Store { return &counting{Decorator: tenancy.Decorator{Next: s}} })
}

// counting is a decorator of ten lines, as a third party writes it.
type counting struct {
	tenancy.Decorator
	reads atomic.Int64
}

func (c *counting) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	c.reads.Add(1)
	return c.Next.GetByID(ctx, id)
}

func TestRunDecorator(t *testing.T) {
	storetest.RunDecorator(t, func(s tenancy.Store) tenancy.Store {
		observed, err := observe.Wrap(s, observe.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return observed
	})
}
