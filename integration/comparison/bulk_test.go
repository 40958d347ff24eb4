//go:build unix

package comparison

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkReplicaBulk suspends 100,000 tenants at once by another process, and reports how
// long a hit of a replica takes meanwhile, beside one before that, and when all is seen.
func BenchmarkReplicaBulk(b *testing.B) {
	const n = 100_000
	f := newFloor(b)
	tenants := f.seed(b, "bulk", n)
	writer, err := bunpg.Open(b.Context(), f.dsn, bunpg.WithLogger(nil))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	reader, err := bunpg.Open(b.Context(), f.dsn, bunpg.WithLogger(nil))
	if err != nil {
		b.Fatal(err)
	}
	r := replicaOf(b, reader)
	defer func() { _ = r.Close() }()
	ids, status := make([]string, n), tenancy.StatusSuspended
	for i, t := range tenants {
		ids[i] = t.id
	}
	for b.Loop() {
		over := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(over) })
		b.ReportMetric(hitsUntil(b, r, tenants, over), "p99-before-ns")
		below, began, seen := r.Stats().Below, time.Now(), make(chan struct{})
		go func() {
			defer close(seen)
			changed, err := writer.BulkUpdateStatus(context.Background(), ids, status)
			if err == nil && len(changed) == n {
				err = r.Await(context.Background(), changed[n-1].Position())
			}
			if err != nil || len(changed) != n {
				b.Errorf("%d tenants, %v", len(changed), err)
			}
		}()
		b.ReportMetric(hitsUntil(b, r, tenants, seen), "p99-meanwhile-ns")
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "seen-ms")
		if waited := r.Stats().Below - below; waited != 0 {
			b.Errorf("%d reads went to the database", waited)
		}
		status = tenancy.StatusActive
	}
}

// hitsUntil reads until over is closed, and returns the 99th percentile of what a read
// takes, in nanoseconds.
func hitsUntil(b *testing.B, r *replica.Store, tenants []tenant, over <-chan struct{}) float64 {
	b.Helper()
	var took []time.Duration
	for i := 0; ; i++ {
		began := time.Now()
		_, err := r.GetByIdentifier(context.Background(), tenants[i%len(tenants)].slug)
		if took = append(took, time.Since(began)); err != nil {
			b.Fatal(err)
		}
		if i%100 > 0 {
			continue
		}
		select {
		case <-over:
			slices.Sort(took)
			return float64(took[len(took)*99/100])
		default:
		}
	}
}
