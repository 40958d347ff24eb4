package replica_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// fileOf writes a file of n tenants, of an empty store.
func fileOf(tb testing.TB, store *memstore.Store, n int) replica.Option {
	tb.Helper()
	bounds, err := store.Bounds(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	h := snapshot.Header{At: bounds.Newest, Current: time.Now(), Rows: n}
	path := filepath.Join(tb.TempDir(), "tenants.snap")
	err = snapshot.Write(context.Background(), path, nil, h, func(yield func(tenancy.Tenant) bool) {
		for i := range n {
			if !yield(numbered(tb, i)) {
				return
			}
		}
	}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return replica.WithSnapshotFile(path, time.Hour)
}

func numbered(tb testing.TB, i int) tenancy.Tenant {
	metadata, err := tenancy.NewMetadata(map[string]any{"plan": "enterprise", "region": "eu-central-1", "seats": i})
	if err != nil {
		tb.Fatal(err)
	}
	at := time.Unix(1_700_000_000+int64(i), 0).UTC()
	return tenancy.Tenant{
		ID: fmt.Sprintf("0198c0de-0000-7000-8000-%012d", i), Identifier: fmt.Sprintf("tenant-%d", i), Name: fmt.Sprintf("Tenant %d", i),
		Status: tenancy.StatusActive, Metadata: metadata, CreatedAt: at, UpdatedAt: at, Revision: 1, Mark: 1,
	}
}

// live returns how much memory is in use, by collecting what is not.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// startFromFile starts a replica without a database, and returns how much memory it used at
// most while it started, and how much afterwards.
func startFromFile(tb testing.TB, n int) (peak, steady int64) {
	tb.Helper()
	store := memstore.New()
	file := fileOf(tb, store, n)
	db := newDatabase(store)
	db.down.Store(true)
	before := live()
	done := make(chan struct{})
	var sampler sync.WaitGroup
	sampler.Go(func() {
		for {
			peak = max(peak, live()-before)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	r := start(tb, db, file)
	waitRestored(tb, r)
	close(done)
	sampler.Wait()
	steady = live() - before
	if got := r.State().Tenants; got != n {
		tb.Fatalf("%d tenants, want %d", got, n)
	}
	stop(tb, r)
	return peak, steady
}

func TestAStartFromAFileNeedsNoMoreMemoryThanAfterwards(t *testing.T) {
	const n = 20_000 // so that what else the process does counts for little
	peak, steady := startFromFile(t, n)
	t.Logf("%d tenants: %d B each at most, %d B afterwards", n, peak/int64(n), steady/int64(n))
	if peak > steady*5/4 {
		t.Errorf("a start needs %d bytes, and afterwards %d are in use", peak, steady)
	}
}

// BenchmarkStart starts a replica of 100,000 tenants until all are served, from a file
// and from a source in the same process, which is faster than any database.
func BenchmarkStart(b *testing.B) {
	const n = 100_000
	store := memstore.New()
	file := fileOf(b, store, n)
	full := memstore.New()
	for first := 0; first < n; first += 1000 {
		var batch []tenancy.Tenant
		for i := range 1000 {
			batch = append(batch, numbered(b, first+i))
		}
		if _, err := full.CreateBatch(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		source tenancy.Source
		opts   []replica.Option
	}{"file": {store, []replica.Option{file}}, "scan": {full, nil}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := start(b, newDatabase(c.source), c.opts...)
				for !r.State().Serving {
					time.Sleep(time.Millisecond)
				}
				b.StopTimer()
				stop(b, r)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/tenant")
		})
	}
}
