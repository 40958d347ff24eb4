package replica_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
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

// live returns how much memory is in use, by collecting what is not. What was allocated
// since does not count.
func live() int64 {
	runtime.GC()
	used := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(used)
	return int64(used[0].Value.Uint64())
}

// held starts a replica of n tenants, and returns how much memory it used at most while it
// started, and how much afterwards.
func held(tb testing.TB, n int, db *database, ready func(*replica.Store) <-chan struct{}, opts ...replica.Option) (peak, steady int64) {
	tb.Helper()
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
	r := start(tb, db, opts...)
	<-ready(r)
	close(done)
	sampler.Wait()
	steady = live() - before
	if got := r.State().Tenants; got != n {
		tb.Fatalf("%d tenants, want %d", got, n)
	}
	stop(tb, r)
	return peak, steady
}

// made is a database whose pages are made when they are asked for, as those of a database
// are, and that has n tenants.
type made struct {
	*memstore.Store
	tb testing.TB
	n  int
}

func (m made) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	page, err := m.Store.List(ctx, tenancy.ListOptions{}) // is empty, and as of a position
	first := 0
	if opts.Cursor != "" {
		first, err = strconv.Atoi(opts.Cursor)
	}
	last := min(first+opts.Limit, m.n)
	page.Tenants = make([]tenancy.Tenant, 0, opts.Limit)
	for i := first; i < last; i++ {
		page.Tenants = append(page.Tenants, numbered(m.tb, m.n-i))
	}
	if last < m.n {
		page.Next = strconv.Itoa(last)
	}
	return page, err
}

func TestAStartNeedsNoMoreMemoryThanAfterwards(t *testing.T) {
	const n = 50_000 // so that what else the process does counts for little
	for name, start := range map[string]func() (peak, steady int64){
		"from a file": func() (peak, steady int64) {
			store := memstore.New()
			file, db := fileOf(t, store, n), newDatabase(store)
			db.down.Store(true)
			return held(t, n, db, (*replica.Store).Ready, file)
		},
		"from the database": func() (peak, steady int64) {
			return held(t, n, newDatabase(made{memstore.New(), t, n}), (*replica.Store).Synced)
		},
	} {
		t.Run(name, func(t *testing.T) {
			peak, steady := start()
			t.Logf("%d tenants: %d B each at most, %d B afterwards: %.2f times", n, peak/int64(n), steady/int64(n), float64(peak)/float64(steady))
			if peak > steady*5/4 {
				t.Errorf("a start needs %d bytes, and afterwards %d are in use", peak, steady)
			}
		})
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
