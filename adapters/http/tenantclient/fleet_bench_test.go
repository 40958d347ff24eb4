package tenantclient_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// counted is a store that counts its reads, each of which takes as long as one of a database
// nearby.
type counted struct {
	*memstore.Store
	changes, loads atomic.Int64
}

const nearby = 500 * time.Microsecond

func (c *counted) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	c.changes.Add(1)
	time.Sleep(nearby)
	return c.Store.Changes(ctx, after, limit)
}

func (c *counted) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	c.loads.Add(1)
	time.Sleep(nearby)
	return c.Store.Load(ctx, want)
}

// BenchmarkFleet is a change that reaches 200 replicas, each over a client of its own of one
// server: how long it takes, and how many reads of the store it costs.
func BenchmarkFleet(b *testing.B) {
	source := &counted{Store: memstore.New()}
	t, err := source.Create(b.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		b.Fatal(err)
	}
	s := serve(b, source)
	fleet := make([]*replica.Store, 200)
	for i := range fleet {
		if fleet[i], err = replica.New(s.open(b), replica.WithLogger(quiet)); err != nil {
			b.Fatal(err)
		}
		<-fleet[i].Synced()
	}
	source.changes.Store(0)
	source.loads.Store(0)
	n := 0.0
	for b.Loop() {
		n++
		next := tenancy.StatusSuspended
		if t.Status == next {
			next = tenancy.StatusActive
		}
		if t, err = source.SetStatus(b.Context(), t.ID, next); err != nil {
			b.Fatal(err)
		}
		for _, r := range fleet {
			for got := (tenancy.Tenant{}); got.Revision < t.Revision; time.Sleep(time.Millisecond) {
				if got, err = r.GetByID(b.Context(), t.ID); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ReportMetric(float64(source.changes.Load())/n, "changes/op")
	b.ReportMetric(float64(source.loads.Load())/n, "loads/op")
	for _, r := range fleet {
		_ = r.Close()
	}
}
