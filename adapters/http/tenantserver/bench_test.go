package tenantserver_test

import (
	"bufio"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkFanOut is a change that reaches a thousand watchers of one server, all in this
// process: from before the write until the last one has the line, and until 99 of 100 have.
func BenchmarkFanOut(b *testing.B) {
	const watchers = 1000
	store := memstore.New()
	t, err := store.Create(b.Context(), tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme"})
	if err != nil {
		b.Fatal(err)
	}
	s := serve(b, store, tenantserver.Full)
	transport := &http.Transport{MaxConnsPerHost: 0}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	lines := make(chan string, watchers)
	var watching, reading sync.WaitGroup
	for range watchers {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.url+"/v1/watch", nil)
		if err != nil {
			b.Fatal(err)
		}
		watching.Add(1)
		reading.Go(func() {
			response, err := transport.RoundTrip(r)
			if err != nil {
				b.Error(err)
				watching.Done()
				return
			}
			defer func() { _ = response.Body.Close() }()
			for in := bufio.NewScanner(response.Body); in.Scan(); {
				switch line := in.Text(); {
				case strings.HasPrefix(line, `{"type":"change"`):
					lines <- line
				case strings.HasPrefix(line, `{"type":"bookmark"`):
					watching.Done()
				}
			}
		})
	}
	watching.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	var p99s []time.Duration
	for b.Loop() {
		begun := time.Now()
		next := tenancy.StatusSuspended
		if t.Status == next {
			next = tenancy.StatusActive
		}
		if t, err = store.SetStatus(b.Context(), t.ID, next); err != nil {
			b.Fatal(err)
		}
		for i := range watchers {
			<-lines
			if i == watchers*99/100 {
				p99s = append(p99s, time.Since(begun))
			}
		}
	}
	slices.Sort(p99s)
	b.ReportMetric(float64(p99s[len(p99s)/2].Microseconds())/1000, "ms/99%")
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/watchers/1024, "KiB/watcher+client")
	_ = s.handler.Close()
	transport.CloseIdleConnections()
	reading.Wait()
}
