package tier_test

import (
	"errors"
	"go/parser"
	"go/token"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Every option that takes a number or a duration says what is wrong with one that makes
// no sense, and works with the largest that it takes.
func TestNumericOptions(t *testing.T) {
	const longest = time.Duration(math.MaxInt64)
	durations := func(with func(time.Duration) tier.Option, wrong ...time.Duration) (good, bad []tier.Option) {
		for _, d := range wrong {
			bad = append(bad, with(d))
		}
		return []tier.Option{with(time.Minute), with(longest)}, bad
	}
	options := map[string]func() (good, bad []tier.Option){
		"WithTTL":           func() (good, bad []tier.Option) { return durations(tier.WithTTL, 0, -1, -longest) },
		"WithNegativeTTL":   func() (good, bad []tier.Option) { return durations(tier.WithNegativeTTL, 0, -1, -longest) },
		"WithMaxStale":      func() (good, bad []tier.Option) { return durations(tier.WithMaxStale, 0) },
		"WithFollowTimeout": func() (good, bad []tier.Option) { return durations(tier.WithFollowTimeout, 0, -1, -longest) },
		"WithLoadTimeout":   func() (good, bad []tier.Option) { return durations(tier.WithLoadTimeout, 0, -1, -longest) },
		"WithLeaseWait":     func() (good, bad []tier.Option) { return durations(tier.WithLeaseWait, -1, -longest) },
		"WithRefreshAhead": func() (good, bad []tier.Option) {
			for _, part := range []float64{0, -1, 1.5, math.NaN(), math.Inf(1), math.Inf(-1)} {
				bad = append(bad, tier.WithRefreshAhead(part))
			}
			return []tier.Option{tier.WithRefreshAhead(math.SmallestNonzeroFloat64), tier.WithRefreshAhead(1)}, bad
		},
		"WithMaxLoads": func() (good, bad []tier.Option) {
			for _, n := range []int{0, -1, math.MinInt, 1<<20 + 1, math.MaxInt} {
				bad = append(bad, tier.WithMaxLoads(n))
			}
			return []tier.Option{tier.WithMaxLoads(1), tier.WithMaxLoads(1 << 20)}, bad
		},
		"WithBus": nil, "WithUncoordinated": nil, "WithLogger": nil, // take no number
	}
	file, err := parser.ParseFile(token.NewFileSet(), "option.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name := range file.Scope.Objects {
		if _, known := options[name]; strings.HasPrefix(name, "With") && !known {
			t.Errorf("%s is not tested", name)
		}
	}
	for name, cases := range options {
		if cases == nil {
			continue
		}
		good, bad := cases()
		for _, opt := range bad {
			if s, err := tier.New(memstore.New(), fitting(name), opt); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), name) || s != nil {
				t.Errorf("%v, want ErrInvalid that names %s", err, name)
			}
		}
		for _, opt := range good {
			db := newDatabase()
			create(t, db, "acme")
			s, err := tier.New(db, fitting(name), opt)
			if err != nil {
				t.Fatal(err)
			}
			get(t, s, "acme")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// fitting returns a cache that an option is for.
func fitting(option string) tier.Cache {
	if option == "WithLeaseWait" {
		return in(newSharedMap())
	}
	return in(newLocalMap())
}

// What is nil, as a variable that was never set, is refused at once.
func TestNilArguments(t *testing.T) {
	for name, try := range map[string]func() (*tier.Store, error){
		"option 2 is nil": func() (*tier.Store, error) {
			return tier.New(newDatabase(), in(newLocalMap()), tier.WithTTL(time.Hour), nil)
		},
		"a store and a cache": func() (*tier.Store, error) { return tier.New(nil, in(newLocalMap())) },
		"one of them is nil":  func() (*tier.Store, error) { return tier.New(newDatabase(), tier.Local(nil)) },
		"a store and a cache, and": func() (*tier.Store, error) {
			return tier.New((*memstore.Store)(nil), in(newLocalMap()))
		},
		"and one of them is nil": func() (*tier.Store, error) { return tier.New(newDatabase(), tier.Shared((*sharedMap)(nil))) },
		"the bus is nil": func() (*tier.Store, error) {
			return tier.New(newDatabase(), in(newLocalMap()), tier.WithBus((*manualBus)(nil)))
		},
	} {
		if s, err := try(); s != nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want ErrInvalid that says %q", err, name)
		}
	}
}

// A logger that is nil logs nothing, in an outage too.
func TestNilLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap(), tier.WithLogger(nil))
		get(t, s, "acme")
		db.set(func(d *database) { d.logErr = errDown })
		time.Sleep(time.Second)
		get(t, s, "acme")
	})
}

// Rule 10: the MaxStale of a stack is that of a local cache which joins it later, too.
func TestMaxStaleOfAStack(t *testing.T) {
	for name, c := range map[string]struct {
		opts []tier.Option
		want time.Duration
	}{
		"default": {nil, 5 * time.Minute},
		"shorter": {[]tier.Option{tier.WithMaxStale(time.Minute)}, time.Minute},
		"longer":  {[]tier.Option{tier.WithMaxStale(10 * time.Minute)}, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newDatabase()
				create(t, db, "acme")
				s := newTier(t, db, newSharedMap(), c.opts...)
				get(t, s, "acme")
				synctest.Wait() // it is in the shared cache
				db.set(func(d *database) { d.logErr, d.loadErr = errDown, errDown })
				time.Sleep(50 * time.Second)
				newTier(t, s, newLocalMap())
				get(t, s, "acme")
				time.Sleep(c.want - 52*time.Second)
				get(t, s, "acme")
				if st := s.Stats().Local; st.Hits == 0 || st.ServedStale != st.Hits {
					t.Errorf("%+v, want hits of an outage", st)
				}
				time.Sleep(4 * time.Second)
				if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
					t.Errorf("after %v: %v, want ErrUnavailable", c.want, err)
				}
			})
		})
	}
}

// A duration that is as long as one can be, for "for ever", is that, and not one that
// is over already.
func TestLongestDurations(t *testing.T) {
	const forEver = time.Duration(math.MaxInt64)
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap(), tier.WithTTL(forEver), tier.WithNegativeTTL(forEver), tier.WithMaxStale(forEver), tier.WithFollowTimeout(forEver), tier.WithLoadTimeout(forEver))
		get(t, s, "acme")
		time.Sleep(10 * time.Minute)
		get(t, s, "acme")
		for range 2 {
			if _, err := s.GetByIdentifier(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Local.Hits != 1 || st.Local.Negatives != 1 {
			t.Errorf("%d hits and %d negative ones, want 1 and 1", st.Local.Hits, st.Local.Negatives)
		}
	})
}
