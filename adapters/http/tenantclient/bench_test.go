package tenantclient_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkGet is a lookup by identifier beside a bare round trip of net/http with the same
// bytes, in turns; x/bare is the median of their ratios.
func BenchmarkGet(b *testing.B) {
	source := memstore.New()
	t := tenancy.Tenant{Identifier: "acme", Name: "Acme Ltd.", SchemaName: "acme", DatabaseURL: tenancy.NewSecret("postgres://acme@db/acme")}
	var err error
	if t.Metadata, err = tenancy.NewMetadata(map[string]any{"plan": "gold", "seats": 12, "region": "eu-central-1"}); err != nil {
		b.Fatal(err)
	}
	if _, err := source.Create(b.Context(), t); err != nil {
		b.Fatal(err)
	}
	s := serve(b, source)
	store := s.open(b)
	defer func() { _ = store.Close() }()
	answer := fetch(b, s.http.URL+"/v1/by-identifier/acme")
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	defer bare.Close()

	const round = 100
	var ratios []float64
	var spent, total time.Duration
	timed := func(f func()) time.Duration {
		begun := time.Now()
		for range round {
			f()
		}
		return time.Since(begun)
	}
	n := 0
	for b.Loop() {
		n++
		got := timed(func() {
			if _, err := store.GetByIdentifier(b.Context(), "acme"); err != nil {
				b.Fatal(err)
			}
		})
		want := timed(func() { fetch(b, bare.URL) })
		ratios = append(ratios, float64(got)/float64(want))
		spent += got
		total += want
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x/bare")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(n*round), "ns/get")
	b.ReportMetric(float64(total.Nanoseconds())/float64(n*round), "ns/bare")
}

func fetch(b *testing.B, url string) []byte {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return body
}
