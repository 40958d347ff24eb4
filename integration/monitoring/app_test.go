//go:build unix

package monitoring_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valkey-io/valkey-go"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// app is an application with both decorators, small caches, a database that can be made
// to fail, and a replica of another one. It does what the quickstart cannot be made to do.
type app struct {
	*promtenancy.Store
	db       *memstore.Store
	source   *faults.Source
	metrics  *httptest.Server // GET /metrics, /otel
	handlers []http.Handler   // of requests, each behind another middleware
}

// noPurge lacks a capability, so that a call of it fails.
type noPurge struct{ tenancy.Decorator }

func (noPurge) Purge(context.Context, string) error {
	return &tenancy.Error{Op: "Purge", Err: errors.ErrUnsupported}
}

func newApp(t *testing.T, valkeyAddr string) *app {
	t.Helper()
	a := &app{db: memstore.New(memstore.WithKeepFormer(time.Hour))}
	a.source = faults.NewSource(a.db, 1)
	quiet := slog.New(slog.DiscardHandler)
	shared, err := valkeytier.New(noPurge{tenancy.Decorator{Next: a.source}}, valkey.ClientOption{InitAddress: []string{valkeyAddr}},
		valkeytier.WithBus(), valkeytier.WithKeyPrefix("app:"), valkeytier.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	local, err := ristrettotier.New(shared, ristrettotier.WithMaxEntries(50), ristrettotier.WithMaxNegatives(5),
		ristrettotier.WithTier(tier.WithTTL(2*time.Second), tier.WithRefreshAhead(0.1)))
	if err != nil {
		t.Fatal(err)
	}
	otelRegistry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(otelRegistry))
	if err != nil {
		t.Fatal(err)
	}
	meters := oteltenancy.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)))
	a.Store = must(promtenancy.Wrap(must(oteltenancy.Wrap(local, meters, oteltenancy.WithTenantCounts(time.Second))), promtenancy.WithTenantCounts(time.Second)))
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	replicated := must(replica.New(memstore.New(), replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snapshot"), time.Hour), replica.WithLogger(quiet)))
	inMemory := must(promtenancy.Wrap(must(oteltenancy.Wrap(replicated, meters, oteltenancy.WithName("replica"))), promtenancy.WithName("replica")))
	t.Cleanup(func() {
		if err := inMemory.Close(); err != nil {
			t.Error(err)
		}
	})
	pool := newPool(t, meters)
	requests := must(promtenancy.NewHTTPObserver())
	registry := prometheus.NewRegistry()
	registry.MustRegister(a.Store, inMemory, requests, pool)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /otel", promhttp.HandlerFor(otelRegistry, promhttp.HandlerOpts{}))
	a.metrics = httptest.NewServer(mux)
	t.Cleanup(a.metrics.Close)

	for _, o := range []resolve.Observer{requests, must(oteltenancy.NewHTTPObserver(meters))} {
		hosts := tenancyhttp.Subdomain("example.com")
		claims := tenancyhttp.Claims(func(r *http.Request) (string, error) {
			switch r.Header.Get("Authorization") {
			case "":
				return "", resolve.ErrUnauthenticated
			case "nobody":
				return "", nil
			}
			return r.Header.Get("Authorization"), nil
		})
		ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		for _, resolver := range []tenancyhttp.Resolver{
			hosts, claims, tenancyhttp.Agree(claims, hosts), tenancyhttp.Header("X-Tenant-ID"),
		} {
			a.handlers = append(a.handlers, must(tenancyhttp.NewMiddleware(a.Store, resolver,
				tenancyhttp.WithObserver(o), tenancyhttp.WithLogger(quiet), tenancyhttp.WithSkipPaths("/healthz"), tenancyhttp.WithRedirectFormer(a.Store)))(ok))
		}
	}
	return a
}

// newPool returns the observer of a pool, which oteltenancy exports too.
func newPool(t *testing.T, meters oteltenancy.Option) *promtenancy.PoolObserver {
	t.Helper()
	store := memstore.New()
	pool := must(tenantpool.New(store, func(context.Context, tenancy.Tenant) (int, error) { return 0, nil }, nil, tenantpool.WithLogger(nil)))
	observed := must(oteltenancy.NewPoolObserver(pool, meters))
	t.Cleanup(func() {
		for _, c := range []io.Closer{observed, pool, store} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return must(promtenancy.NewPoolObserver(pool))
}

// request sends a request through every middleware.
func (a *app) request(ctx context.Context, target, authorization string) {
	for _, h := range a.handlers {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// work does all that an application does, once.
func (a *app) work(ctx context.Context, t *testing.T) {
	for _, target := range []string{
		"http://acme.example.com/", "http://suspended.example.com/", "http://provisioning.example.com/", "http://deleted.example.com/",
		"http://absent.example.com/", "http://was.example.com/", "http://example.com/", "http://a_b.example.com/", "http://acme.elsewhere.org/", "http://acme.example.com/healthz",
	} {
		a.request(ctx, target, "")
		a.request(ctx, target, "acme")
		a.request(ctx, target, "nobody")
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	a.request(gone, "http://never-"+tenancy.NewID()[24:]+".example.com/", "")
	late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	_, _ = a.Count(late, tenancy.Filter{})
	_, _ = a.Count(gone, tenancy.Filter{})
	page, err := a.List(ctx, tenancy.ListOptions{})
	if err != nil {
		return // in an outage
	}
	var ids []string
	for _, tenant := range page.Tenants {
		ids = append(ids, tenant.ID)
		_, _ = a.GetByID(ctx, tenant.ID)
		_, _ = a.Exists(ctx, tenant.ID)
	}
	_, _ = a.GetByIDs(ctx, ids)
	_, _ = a.Search(ctx, "a", tenancy.SearchOptions{})
	acme, err := a.GetByIdentifier(ctx, "acme")
	if err != nil {
		return
	}
	for range 70 { // one of which is measured, nearly always
		_, _ = a.GetByIdentifier(ctx, "acme")
	}
	_, _ = a.AddDomain(ctx, acme.ID, "acme.test")
	_, _ = a.VerifyDomain(ctx, acme.ID, "acme.test")
	_, _ = a.SetPrimaryDomain(ctx, acme.ID, "acme.test")
	_, _ = a.NamesOf(ctx, acme.ID)
	_, _ = a.ListNames(ctx, tenancy.TenantName{}, 0)
	for range 70 {
		_, _ = a.GetByDomain(ctx, "acme.test")
		_, _ = a.FormerOwner(ctx, "was")
	}
	_, _ = a.RemoveDomain(ctx, acme.ID, "acme.test")
	for range 8 { // wait for the same load
		go func() { _, _ = a.GetByIdentifier(context.WithoutCancel(ctx), "herd") }()
	}
	_, _ = a.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	_, _ = a.UpdateMetadata(ctx, acme.ID, tenancy.Metadata{})
	_, _ = a.BulkUpdateStatus(ctx, ids[:1], tenancy.StatusActive)
	_, _ = a.SetStatus(ctx, acme.ID, "nonsense")
	_, _ = a.Update(ctx, acme) // a conflict: UpdateMetadata was first
	_, _ = a.CreateBatch(ctx, []tenancy.Tenant{{Identifier: "b-" + tenancy.NewID()[24:], Name: "b"}})
	if made, err := a.Create(ctx, tenancy.Tenant{Identifier: "c-" + tenancy.NewID()[24:], Name: "c"}); err == nil {
		_ = a.Delete(ctx, made.ID)
	}
	if err := a.Purge(ctx, acme.ID); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Purge: %v", err)
	}
	_, _ = a.Bounds(ctx)
	_, _ = a.Changes(ctx, tenancy.Position{}, 1)
	_, _ = a.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID)}})
}

// seed creates the tenants.
func (a *app) seed(ctx context.Context, t *testing.T) {
	t.Helper()
	tenants := []tenancy.Tenant{
		{ID: "acme", Identifier: "acme", Name: "Acme"}, {Identifier: "herd", Name: "Herd"}, {Identifier: "often", Name: "Often"},
		{Identifier: "secret", Name: "Secret", DatabaseURL: tenancy.NewSecret("postgres://secret")},
	}
	for _, status := range tenancy.Statuses() {
		if status != tenancy.StatusActive {
			tenants = append(tenants, tenancy.Tenant{Identifier: string(status), Name: "x", Status: status})
		}
	}
	for range 40 {
		tenants = append(tenants, tenancy.Tenant{Identifier: "t-" + tenancy.NewID()[24:], Name: "x"})
	}
	for _, tenant := range tenants {
		if _, err := a.Create(ctx, tenant); err != nil {
			t.Fatal(err)
		}
	}
	renamed, err := a.Create(ctx, tenancy.Tenant{Identifier: "was", Name: "Renamed"})
	if err != nil {
		t.Fatal(err)
	}
	renamed.Identifier = "is-now"
	if _, err := a.Update(ctx, renamed); err != nil {
		t.Fatal(err)
	}
}

// loseHistory restores a backup, and trims the log behind the follower's back.
func (a *app) loseHistory(ctx context.Context, t *testing.T) {
	t.Helper()
	backup := a.db.Backup()
	if _, err := a.Create(ctx, tenancy.Tenant{Identifier: "lost", Name: "Lost"}); err != nil {
		t.Fatal(err)
	}
	a.db.Restore(backup)
	stack, _ := tier.Of(a)
	stats := stack.Stats
	eventually(t, "another history is noticed", func() bool { return stats().Diverged > 0 })
	a.source.FailLog(errors.New("cut off"))
	var last tenancy.Tenant
	for range 3 {
		var err error
		if last, err = a.db.Create(ctx, tenancy.Tenant{Identifier: "d-" + tenancy.NewID()[24:], Name: "d"}); err != nil {
			t.Fatal(err)
		}
	}
	a.db.Compact(last.Revision)
	a.source.FailLog(nil)
	eventually(t, "a trimmed log is noticed", func() bool { return stats().Compacted > 0 })
	// On a busy machine Valkey may seem to be down for a moment.
	eventually(t, "the caches are emptied", func() bool {
		_, err := stack.InvalidateAll(ctx)
		return err == nil
	})
}

// must is for arguments that are right.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
