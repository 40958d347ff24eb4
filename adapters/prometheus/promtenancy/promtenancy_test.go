package promtenancy_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// full is a stack with everything that has metrics.
type full struct {
	*promtenancy.Store
	source *faults.Source
	server *faults.Server
	l1     *measured
	l2     *guarded
	bus    *guardedBus
	shared *tier.Store
}

func newFull(tb testing.TB, opts ...promtenancy.Option) *full {
	tb.Helper()
	f := &full{source: faults.NewSource(memstore.New(), 1), server: faults.NewServer(), l1: &measured{Local: faults.NewLocal()}}
	f.l2 = &guarded{cache: f.server.Open()}
	f.bus = &guardedBus{Bus: faults.NewHub().Open()}
	f.shared = newTier(tb, f.source, tier.Shared(f.l2), tier.WithBus(f.bus), quiet)
	opts = append([]promtenancy.Option{promtenancy.WithTenantCounts(time.Second)}, opts...)
	f.Store = closing(tb, wrap(tb, newTier(tb, f.shared, tier.Local(f.l1)), opts...))
	eventually(tb, "the log was read", func() bool { return f.shared.Stats().Serving })
	return f
}

func (f *full) scrape(tb testing.TB) map[string]float64 {
	tb.Helper()
	series, err := scrape(f)
	if err != nil {
		tb.Fatal(err)
	}
	return series
}

// is checks the values of series of a scrape; the label tenancy_store is left out of their
// names.
func (f *full) is(tb testing.TB, want map[string]float64) {
	tb.Helper()
	got := f.scrape(tb)
	for name, v := range want {
		key := strings.Replace(strings.Replace(name, "{", "{store="+promtenancy.DefaultName+",", 1), ",}", "}", 1)
		found := false
		for full, value := range got {
			if sameSeries(full, key) {
				found = true
				if value != v {
					tb.Errorf("%s is %v, want %v", name, value, v)
				}
			}
		}
		if !found {
			tb.Errorf("there is no %s", name)
		}
	}
}

func sameSeries(a, b string) bool {
	split := func(s string) (string, []string) {
		name, labels, _ := strings.Cut(strings.TrimSuffix(s, "}"), "{")
		parts := strings.Split(labels, ",")
		slices.Sort(parts)
		return name, parts
	}
	nameA, labelsA := split(a)
	nameB, labelsB := split(b)
	return nameA == nameB && slices.Equal(labelsA, labelsB)
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestEveryMetricIsThereFromTheStartAndIsClean(t *testing.T) {
	f := newFull(t, promtenancy.WithName("")) // which means the default
	problems, err := testutil.CollectAndLint(f)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	names := map[string]bool{}
	for series := range f.scrape(t) {
		name, labels, _ := strings.Cut(series, "{")
		names[name] = true
		if !strings.Contains(labels, "store="+promtenancy.DefaultName) {
			t.Errorf("%s lacks the label tenancy_store", series)
		}
	}
	for _, m := range observe.Metrics() {
		name := m.PrometheusName()
		other := strings.HasPrefix(name, "tenancy_http_") || strings.HasPrefix(name, "tenancy_replica_") || strings.HasPrefix(name, "tenancy_pool_") // this stack has none
		if names[name] == other {
			t.Errorf("%s: exported by the store: %t", name, names[name])
		}
		delete(names, name)
	}
	for name := range names {
		t.Errorf("%s is not in the table", name)
	}
}

func TestCounts(t *testing.T) {
	ctx := t.Context()
	f := newFull(t)
	acme, err := f.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // miss, hit, hit
		if _, err := f.GetByIdentifier(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.GetByIdentifier(ctx, "absent"); !errors.Is(err, tenancy.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if _, err := f.GetByIdentifier(ctx, "NOT AN IDENTIFIER"); !errors.Is(err, tenancy.ErrInvalid) {
		t.Fatal(err)
	}
	if _, err := f.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); !errors.Is(err, tenancy.ErrAlreadyExists) {
		t.Fatal(err)
	}
	acme.Revision = 1
	if _, err := f.Update(ctx, acme); !errors.Is(err, tenancy.ErrConflict) {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, _ = f.List(canceled, tenancy.ListOptions{})
	late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	_, _ = f.List(late, tenancy.ListOptions{})
	if _, err := f.GetByID(ctx, acme.ID); err != nil {
		t.Fatal(err)
	}
	if ok, err := f.Exists(ctx, acme.ID); !ok || err != nil {
		t.Fatal(ok, err)
	}
	eventually(t, "the shared cache was filled, after the answers", func() bool { return f.shared.Stats().Shared.Fills == 3 })
	f.is(t, map[string]float64{
		"tenancy_operations_total{operation=get_by_identifier,outcome=ok}":        3,
		"tenancy_operations_total{operation=get_by_identifier,outcome=not_found}": 3,
		"tenancy_operations_total{operation=get_by_identifier,outcome=invalid}":   1,
		"tenancy_operations_total{operation=get_by_id,outcome=ok}":                1,
		"tenancy_operations_total{operation=exists,outcome=ok}":                   1,
		"tenancy_operations_total{operation=create,outcome=ok}":                   1,
		"tenancy_operations_total{operation=create,outcome=conflict}":             1,
		"tenancy_operations_total{operation=update,outcome=conflict}":             1,
		"tenancy_operations_total{operation=list,outcome=canceled}":               1,
		"tenancy_operations_total{operation=list,outcome=timeout}":                1,
		"tenancy_operation_duration_seconds{operation=create}":                    2,
		"tenancy_cache_lookups_total{tier=l1,result=hit}":                         3,
		"tenancy_cache_lookups_total{tier=l1,result=negative}":                    2,
		"tenancy_cache_lookups_total{tier=l1,result=miss}":                        4, // the invalid one too
		"tenancy_cache_lookups_total{tier=l2,result=miss}":                        3,
		"tenancy_cache_load_duration_seconds{}":                                   3,
		"tenancy_cache_lookup_duration_seconds{tier=l2}":                          3,
		"tenancy_cache_fills_total{tier=l1,outcome=ok}":                           3,
		"tenancy_cache_fills_total{tier=l2,outcome=ok}":                           3,
		"tenancy_invalidations_total{source=change}":                              1,
		"tenancy_log_lag_seconds{}":                                               1,
		"tenancy_log_revision{}":                                                  2,
		"tenancy_log_serving{}":                                                   1,
	})
}

func TestTrouble(t *testing.T) {
	ctx := t.Context()
	f := newFull(t)
	if _, err := f.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	f.l2.set(observe.BreakerStats{State: observe.BreakerHalfOpen, Opened: 3, HalfOpened: 2, Closed: 1, Failures: 5, Refused: 7})
	f.bus.set(observe.BreakerStats{State: observe.BreakerClosed, Closed: 1})
	f.bus.connected = true
	f.l1.mu.Lock()
	f.l1.stats = observe.CacheStats{
		Tenants:   observe.SpaceStats{Entries: 5, Used: 1, Capacity: 4, Evictions: 1, Rejections: 2, Expired: 3, Cleared: 4},
		Negatives: observe.SpaceStats{Entries: 6},
	}
	f.l1.mu.Unlock()
	f.is(t, map[string]float64{
		"tenancy_breaker_state{name=l2,state=open}":                            0,
		"tenancy_breaker_state{name=l2,state=half_open}":                       1,
		"tenancy_breaker_state{name=l2,state=closed}":                          0,
		"tenancy_breaker_transitions_total{name=l2,to=open}":                   3,
		"tenancy_breaker_transitions_total{name=l2,to=half_open}":              2,
		"tenancy_breaker_transitions_total{name=l2,to=closed}":                 1,
		"tenancy_breaker_failures_total{name=l2}":                              5,
		"tenancy_breaker_refused_total{name=l2}":                               7,
		"tenancy_breaker_state{name=bus,state=closed}":                         1,
		"tenancy_bus_connected{}":                                              1,
		"tenancy_cache_entries{tier=l1,kind=tenant}":                           5,
		"tenancy_cache_entries{tier=l1,kind=negative}":                         6,
		"tenancy_cache_fill_ratio{tier=l1,kind=tenant}":                        0.25,
		"tenancy_cache_fill_ratio{tier=l1,kind=negative}":                      0,
		"tenancy_cache_evictions_total{tier=l1,kind=tenant,reason=capacity}":   1,
		"tenancy_cache_evictions_total{tier=l1,kind=tenant,reason=rejected}":   2,
		"tenancy_cache_evictions_total{tier=l1,kind=tenant,reason=expired}":    3,
		"tenancy_cache_evictions_total{tier=l1,kind=tenant,reason=cleared}":    4,
		"tenancy_cache_evictions_total{tier=l1,kind=negative,reason=capacity}": 0,
	})
	f.server.Fail(tenancy.ErrUnavailable)
	if _, err := f.GetByIdentifier(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	f.source.FailLog(tenancy.ErrUnavailable)
	eventually(t, "stale service", func() bool {
		if _, err := f.GetByIdentifier(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		return f.scrape(t)["tenancy_cache_stale_served_total{store=tenants,tier=l1}"] > 0
	})
	_, _ = f.SetStatus(ctx, "absent", tenancy.StatusActive)
	f.is(t, map[string]float64{
		"tenancy_cache_lookups_total{tier=l2,result=error}":            1,
		"tenancy_cache_errors_total{tier=l2}":                          1,
		"tenancy_log_serving{}":                                        0,
		"tenancy_operations_total{operation=set_status,outcome=ok}":    0,
		"tenancy_operations_total{operation=set_status,outcome=error}": 0,
	})
	for _, name := range []string{
		"tenancy_log_unfollowed_writes_total{store=tenants}",
		"tenancy_bus_messages_total{direction=sent,outcome=ok,store=tenants}",
	} {
		if n := f.scrape(t)[name]; n == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	f.source.FailLog(nil)
	f.server.Fail(nil)
}

// Restored backups and trimmed logs are flushes, and so is what the caller asks for.
func TestFlushes(t *testing.T) {
	ctx := t.Context()
	db := memstore.New()
	l1 := local(t, db)
	s := closing(t, wrap(t, l1))
	create := func(identifier string) {
		if _, err := s.Create(ctx, tenancy.Tenant{Identifier: identifier, Name: identifier}); err != nil {
			t.Fatal(err)
		}
	}
	create("acme")
	backup := db.Backup()
	create("globex")
	db.Restore(backup)
	create("initech")
	if _, err := l1.InvalidateAll(ctx); err != nil {
		t.Fatal(err)
	}
	series, err := scrape(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"diverged": 1, "requested": 1, "compacted": 0} {
		if got := series["tenancy_invalidations_total{source="+name+",store=tenants}"]; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// Whatever happens, no series comes and none goes, and nothing that came from
// outside is in a label.
func TestSeriesAreFixedAndHoldNoCanary(t *testing.T) {
	ctx := t.Context()
	f := newFull(t)
	before := slices.Sorted(maps.Keys(f.scrape(t)))
	const canary = "canary"
	secret := tenancy.NewSecret("postgres://" + canary)
	made, err := f.Create(ctx, tenancy.Tenant{ID: canary, Identifier: canary, Name: canary, DatabaseURL: secret, SchemaName: canary})
	if err != nil {
		t.Fatal(err)
	}
	for range 300 { // some are measured
		_, _ = f.GetByID(ctx, canary)
		_, _ = f.GetByIdentifier(ctx, canary)
		_, _ = f.GetByIdentifier(ctx, canary+"-absent")
		_, _ = f.Exists(ctx, canary+"-absent")
		_, _ = f.GetByIdentifier(ctx, strings.ToUpper(canary))
	}
	_, _ = f.GetByIDs(ctx, []string{canary, canary + "2"})
	_, _ = f.Search(ctx, canary, tenancy.SearchOptions{})
	_, _ = f.List(ctx, tenancy.ListOptions{Cursor: canary})
	_, _ = f.Update(ctx, made)
	_, _ = f.SetStatus(ctx, canary, canary)
	_, _ = f.BulkUpdateStatus(ctx, []string{canary}, tenancy.StatusSuspended)
	f.server.Fail(errors.New(canary))
	f.source.FailLog(errors.New(canary))
	_, _ = f.GetByID(ctx, canary+"3")
	_ = f.Delete(ctx, canary)
	f.server.Fail(nil)
	f.source.FailLog(nil)

	after := slices.Sorted(maps.Keys(f.scrape(t)))
	if !slices.Equal(before, after) {
		t.Errorf("the series changed:\n%q\n%q", before, after)
	}
	for _, series := range after {
		if strings.Contains(strings.ToLower(series), canary) {
			t.Error(series)
		}
	}
	if len(after) > 700 {
		t.Errorf("%d series", len(after))
	}
	t.Logf("%d series, histograms counted once", len(after))
}

func TestTwoStoresNeedTwoNames(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(closing(t, wrap(t, memstore.New()))); err != nil {
		t.Fatal(err)
	}
	second := closing(t, wrap(t, memstore.New()))
	var duplicate prometheus.AlreadyRegisteredError
	if err := registry.Register(second); !errors.As(err, &duplicate) {
		t.Errorf("%v, want AlreadyRegisteredError", err)
	}
	if err := registry.Register(closing(t, wrap(t, memstore.New(), promtenancy.WithName("archive")))); err != nil {
		t.Error(err)
	}
}

func TestTenantCounts(t *testing.T) {
	db := memstore.New()
	for i, status := range []tenancy.Status{tenancy.StatusActive, tenancy.StatusActive, tenancy.StatusProvisioning} {
		if _, err := db.Create(t.Context(), tenancy.Tenant{Identifier: "tenant-" + string(rune('a'+i)), Name: "x", Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	source := faults.NewSource(db, 1)
	s := closing(t, wrap(t, source, promtenancy.WithTenantCounts(time.Second)))
	get := func() map[string]float64 {
		series, err := scrape(s)
		if err != nil {
			t.Fatal(err)
		}
		return series
	}
	eventually(t, "a count", func() bool { return get()["tenancy_tenants{status=active,store=tenants}"] == 2 })
	series := get()
	if series["tenancy_tenants{status=provisioning,store=tenants}"] != 1 || series["tenancy_tenants{status=suspended,store=tenants}"] != 0 ||
		series["tenancy_tenants{status=other,store=tenants}"] != 0 {
		t.Errorf("%v", series)
	}
	if at := series["tenancy_tenants_refreshed_timestamp_seconds{store=tenants}"]; time.Since(time.Unix(int64(at), 0)) > time.Minute {
		t.Errorf("counted at %v", at)
	}
	if n := series["tenancy_operations_total{operation=count,outcome=ok,store=tenants}"]; n != 0 {
		t.Errorf("the census shows as %v operations of the application", n)
	}
}

func TestScrapeAfterClose(t *testing.T) {
	s := wrap(t, local(t, memstore.New()), promtenancy.WithTenantCounts(time.Hour))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.GetByID(t.Context(), "t1"); !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if series, err := scrape(s); err != nil || series["tenancy_operations_total{operation=get_by_id,outcome=unavailable,store=tenants}"] != 1 {
		t.Errorf("%v", err)
	}
}

// Two servers that scrape one process at once must not give each other counts of before
// their last scrape: a counter that falls is taken for a restart.
func TestCountersNeverFallBetweenScrapesAtOnce(t *testing.T) {
	s := closing(t, wrap(t, local(t, memstore.New())))
	if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Series(), func(one observe.Series) bool {
		return one.Name == "tenancy.cache.lookups" && slices.Equal(one.Values, []string{"l1", "hit"})
	})
	hits := s.Series()[i]
	ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	var work sync.WaitGroup
	for range 16 {
		work.Go(func() {
			for last := 0.0; ctx.Err() == nil; {
				s.Refresh()
				runtime.Gosched() // other series are read first
				now := hits.Read()
				if now < last {
					t.Errorf("%v hits after %v", now, last)
					return
				}
				last = now
				_, _ = s.GetByIdentifier(ctx, "acme")
			}
		})
	}
	work.Wait()
}

func TestNativeHistogramsAreOptIn(t *testing.T) {
	for _, native := range []bool{false, true} {
		var opts []promtenancy.Option
		if native {
			opts = append(opts, promtenancy.WithNativeHistograms())
		}
		s := closing(t, wrap(t, memstore.New(), opts...))
		if _, err := s.Count(t.Context(), tenancy.Filter{}); err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(s)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if h := m.GetHistogram(); h != nil && (h.Schema != nil) != native || h != nil && len(h.GetBucket()) == 0 {
					t.Errorf("native %t: %s has schema %v and %d classic buckets", native, f.GetName(), h.Schema, len(h.GetBucket()))
				}
			}
		}
	}
}

func TestHitsAreSampledAndDoNotAllocate(t *testing.T) {
	ctx := t.Context()
	s := closing(t, wrap(t, local(t, memstore.New())))
	acme, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	lookup := func() {
		_, _ = s.GetByIdentifier(ctx, "acme")
		_, _ = s.GetByID(ctx, acme.ID)
		_, _ = s.Exists(ctx, acme.ID)
	}
	lookup()
	if n := usualAllocs(lookup); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	const n = 20_000
	for range n {
		_, _ = s.GetByIdentifier(ctx, "acme")
	}
	series, err := scrape(s)
	if err != nil {
		t.Fatal(err)
	}
	// 312 on average; 200 are 6 standard deviations away.
	if got := series["tenancy_operation_duration_seconds{operation=get_by_identifier,store=tenants}"]; got < 200 || got > 430 {
		t.Errorf("%v of %d calls were measured, want one in 64", got, n)
	}
}

// usualAllocs is the median of what 101 calls of f allocate: one in 64 is measured,
// by a longer way.
func usualAllocs(f func()) float64 {
	var runs [101]float64
	for i := range runs {
		runs[i] = testing.AllocsPerRun(1, f)
	}
	slices.Sort(runs[:])
	return runs[len(runs)/2]
}

// Every option with a value at the edge of its type: what is not allowed is said at
// once, and nothing panics or loops.
func TestOptionsOutOfRange(t *testing.T) {
	for name, row := range map[string]struct {
		option promtenancy.Option
		says   string // "" if it is allowed
	}{
		"no counts":       {promtenancy.WithTenantCounts(0), ""},
		"least counts":    {promtenancy.WithTenantCounts(1), ""},
		"most counts":     {promtenancy.WithTenantCounts(promtenancy.MaxTenantCounts), ""},
		"too much":        {promtenancy.WithTenantCounts(promtenancy.MaxTenantCounts + 1), "WithTenantCounts"},
		"largest counts":  {promtenancy.WithTenantCounts(math.MaxInt64), "WithTenantCounts"},
		"negative counts": {promtenancy.WithTenantCounts(-1), "WithTenantCounts"},
		"smallest counts": {promtenancy.WithTenantCounts(math.MinInt64), "WithTenantCounts"},
		"no name":         {promtenancy.WithName(""), ""},
		"name not UTF-8":  {promtenancy.WithName("\xff"), "WithName"},
		"long name":       {promtenancy.WithName(strings.Repeat("x", 1<<20)), "WithName"},
		"native":          {promtenancy.WithNativeHistograms(), ""},
		"nil":             {nil, "option 1 is nil"},
	} {
		for what, make := range map[string]func() error{
			"Wrap": func() error {
				store, err := promtenancy.Wrap(memstore.New(), row.option)
				if err == nil {
					err = errors.Join(prometheus.NewPedanticRegistry().Register(store), store.Close())
				}
				return err
			},
			"NewHTTPObserver": func() error {
				requests, err := promtenancy.NewHTTPObserver(row.option)
				if err == nil {
					err = prometheus.NewPedanticRegistry().Register(requests)
				}
				return err
			},
		} {
			err := make()
			switch {
			case row.says == "" && err != nil:
				t.Errorf("%s, %s: %v", name, what, err)
			case row.says != "" && (!errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), row.says) || len(err.Error()) > 400):
				t.Errorf("%s, %s: got %.500v, want ErrInvalid that says %s", name, what, err, row.says)
			}
		}
	}
}
