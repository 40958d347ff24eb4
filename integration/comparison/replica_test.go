//go:build unix

package comparison

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// many returns a store in memory with n tenants, and their identifiers.
func many(tb testing.TB, n int) (*memstore.Store, []string) {
	tb.Helper()
	store, identifiers := memstore.New(memstore.WithLogRetention(1000)), make([]string, n)
	batch := make([]tenancy.Tenant, 0, 1000)
	metadata, err := tenancy.ParseMetadata([]byte(`{"plan":"pro","country":"DE","seats":250}`))
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		identifiers[i] = fmt.Sprintf("tenant-%07d", i)
		batch = append(batch, tenancy.Tenant{Identifier: identifiers[i], Name: fmt.Sprintf("Tenant Number %d", i), SchemaName: fmt.Sprintf("tenant_%d", i), Metadata: metadata})
		if len(batch) == cap(batch) || i == n-1 {
			if _, err := store.CreateBatch(context.Background(), batch); err != nil {
				tb.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	return store, identifiers
}

func replicaOf(tb testing.TB, source tenancy.Source) *replica.Store {
	tb.Helper()
	r, err := replica.New(source, replica.WithFollowTimeout(time.Minute), replica.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		tb.Fatal(err)
	}
	<-r.Synced()
	return r
}

// processorTime returns what this process has used of the processors: what other processes
// do meanwhile does not count, and what collects garbage does.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// inTurns calls f of each contender, b.N times in all, in turns, and reports the processor
// time of each, in nanoseconds and as a multiple of the first.
func inTurns(b *testing.B, names []string, f map[string]func(i int)) {
	b.Helper()
	const rounds = 20
	times := map[string][]float64{}
	each := max(1, b.N/(rounds*len(names)))
	b.ResetTimer()
	for range rounds {
		for _, name := range names {
			start := processorTime(b)
			for i := range each {
				f[name](i)
			}
			times[name] = append(times[name], float64(processorTime(b)-start)/float64(each))
		}
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op") // the mean of all says nothing
	for _, name := range names {
		ns, ratio := against(times[name], times[names[0]])
		b.ReportMetric(ns, name+"-ns")
		b.ReportMetric(ratio, name+"-ratio")
	}
}

var sink int64 // so that no read is left out

// BenchmarkReplicaHit compares a hit of a replica with that of otter, which returns a
// pointer, and of ristrettotier; all of them then read ID, Status and Revision. "unknown" is a
// name that does not exist.
func BenchmarkReplicaHit(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			store, identifiers := many(b, n)
			order, ctx := zipf(n), context.Background()
			cache := otter.Must(&otter.Options[string, *tenancy.Tenant]{MaximumSize: 2 * n})
			r := replicaOf(b, store)
			defer func() { _ = r.Close() }()
			use := func(t *tenancy.Tenant) { sink += int64(len(t.ID)) + int64(len(t.Status)) + int64(t.Revision) }
			get := func(s tenancy.Store) func(i int) {
				return func(i int) {
					t, err := s.GetByIdentifier(ctx, identifiers[order[i&(len(order)-1)]])
					if err != nil {
						b.Error(err)
					}
					use(&t)
				}
			}
			names := []string{"otter", "replica", "unknown"}
			f := map[string]func(int){
				"otter": func(i int) {
					t, ok := cache.GetIfPresent(identifiers[order[i&(len(order)-1)]])
					if !ok {
						b.Error("no hit")
						return
					}
					use(t)
				},
				"replica": get(r),
				"unknown": func(i int) {
					if _, err := r.GetByIdentifier(ctx, unknown[i&(len(unknown)-1)]); err == nil {
						b.Error("a hit")
					}
				},
			}
			for t := range r.All() {
				cache.Set(t.Identifier, &t)
			}
			if n <= 100_000 {
				local, err := ristrettotier.New(store, ristrettotier.WithMaxEntries(4*n))
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = local.Close() }()
				names, f["ristrettotier"] = append(names, "ristrettotier"), get(local)
				for i := range len(order) {
					f["ristrettotier"](i)
				}
			}
			runtime.GC()
			inTurns(b, names, f)
			if allocs := testing.AllocsPerRun(1000, func() { f["replica"](1) }); allocs != 0 {
				b.Errorf("a hit allocates %v times", allocs)
			}
		})
	}
}

// unknown are well-formed names that no tenant has.
var unknown = func() []string {
	all := make([]string, 1<<12)
	for i := range all {
		all[i] = fmt.Sprintf("unknown-%d", i)
	}
	return all
}()

// BenchmarkReplicaMemory reports the bytes that a tenant takes in a replica, with both keys
// and the indexes, besides its texts.
func BenchmarkReplicaMemory(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := copying{Source: func() tenancy.Source { s, _ := many(b, n); return s }()}
			before := heap()
			for b.Loop() {
				r := replicaOf(b, f)
				held := heap() - before
				texts := 0
				for t := range r.All() {
					texts += len(t.ID) + len(t.Identifier) + len(t.Name) + len(t.SchemaName) + len(t.Metadata.String()) + len(t.Status)
				}
				b.ReportMetric(float64(held-texts)/float64(n), "bytes/tenant")
				b.ReportMetric(float64(texts)/float64(n), "text-bytes/tenant")
				runtime.KeepAlive(f)
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReplicaBootstrap compares reading all tenants into a replica with one SELECT of
// the same rows, scanned by hand.
func BenchmarkReplicaBootstrap(b *testing.B) {
	f := newFloor(b)
	const n = 100_000
	f.seed(b, "all", n)
	for b.Loop() {
		var hand, ours []float64
		for range 3 {
			start := time.Now()
			if got := f.selectAll(b); got != n {
				b.Fatal(got)
			}
			hand = append(hand, float64(time.Since(start)))
			store, err := bunpg.Open(b.Context(), f.dsn)
			if err != nil {
				b.Fatal(err)
			}
			start = time.Now()
			r := replicaOf(b, store)
			ours = append(ours, float64(time.Since(start)))
			if got := r.State().Tenants; got != n {
				b.Fatal(got)
			}
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
		median, ratio := against(ours, hand)
		b.ReportMetric(median/1e6, "replica-ms")
		b.ReportMetric(middle(hand)/1e6, "select-ms")
		b.ReportMetric(ratio, "ratio")
	}
}

// selectAll reads every column of all tenants, as one would by hand, and keeps them.
func (f *floor) selectAll(tb testing.TB) int {
	tb.Helper()
	rows, err := f.db.QueryContext(tb.Context(), `SELECT id, identifier, name, status, isolation, database_url, schema_name, metadata,
		created_at, updated_at, revision FROM tenants`)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has it
	all := map[string]*row{}
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.identifier, &r.name, &r.status, &r.isolation, &r.databaseURL, &r.schemaName, &r.metadata,
			&r.createdAt, &r.updatedAt, &r.revision); err != nil {
			tb.Fatal(err)
		}
		all[r.identifier] = &r
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return len(all)
}

type row struct {
	id, identifier, name, status                 string
	isolation, databaseURL, schemaName, metadata sql.NullString
	createdAt, updatedAt                         time.Time
	revision                                     int64
}

// copying is a source whose pages do not share their texts with it, as those of a database
// do not.
type copying struct{ tenancy.Source }

func (c copying) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	page, err := c.Source.List(ctx, opts)
	for i := range page.Tenants {
		t := &page.Tenants[i]
		t.ID, t.Identifier, t.Name, t.SchemaName = strings.Clone(t.ID), strings.Clone(t.Identifier), strings.Clone(t.Name), strings.Clone(t.SchemaName)
		t.Status = tenancy.Status(strings.Clone(string(t.Status)))
		if t.Metadata, err = tenancy.ParseMetadata([]byte(t.Metadata.String())); err != nil {
			return page, err
		}
	}
	return page, err
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
