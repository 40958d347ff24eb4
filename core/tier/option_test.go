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
			if s, err := tier.New(memstore.New(), newLocalMap(), opt); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), name) || s != nil {
				t.Errorf("%v, want ErrInvalid that names %s", err, name)
			}
		}
		for _, opt := range good {
			db := newDatabase()
			create(t, db, "acme")
			s := newTier(t, db, newLocalMap(), opt)
			get(t, s, "acme")
		}
	}
}

// What is nil, as a variable that was never set, is refused at once.
func TestNilArguments(t *testing.T) {
	for name, try := range map[string]func() (*tier.Store, error){
		"option 2 is nil": func() (*tier.Store, error) {
			return tier.New(newDatabase(), newLocalMap(), tier.WithTTL(time.Hour), nil)
		},
		"a store and a cache": func() (*tier.Store, error) { return tier.New(nil, newLocalMap()) },
		"one of them is nil":  func() (*tier.Store, error) { return tier.New(newDatabase(), nil) },
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

// A stack has one MaxStale: the shortest that any of its tiers was given, wherever
// that stands.
func TestMaxStaleOfAStack(t *testing.T) {
	given := func(d time.Duration) []tier.Option { return []tier.Option{tier.WithMaxStale(d)} }
	for name, c := range map[string]struct {
		inner, outer []tier.Option
		want         time.Duration
	}{
		"default":      {nil, nil, 5 * time.Minute},
		"inner":        {given(time.Minute), nil, time.Minute},
		"outer":        {nil, given(time.Minute), time.Minute},
		"longer":       {nil, given(10 * time.Minute), 10 * time.Minute},
		"inner of two": {given(time.Minute), given(10 * time.Minute), time.Minute},
		"outer of two": {given(-1), given(time.Minute), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newDatabase()
				create(t, db, "acme")
				inner := newTier(t, db, newSharedMap(), c.inner...)
				get(t, inner, "acme")
				s := newTier(t, inner, newLocalMap(), c.outer...)
				get(t, s, "acme")
				if name == "longer" { // begins with the next contact
					time.Sleep(time.Second)
				}
				db.set(func(d *database) { d.logErr, d.loadErr = errDown, errDown })
				time.Sleep(c.want - 2*time.Second)
				get(t, s, "acme")
				time.Sleep(4 * time.Second)
				if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
					t.Errorf("after %v: %v, want ErrUnavailable", c.want, err)
				}
			})
		})
	}
}

// The MaxStale of a tier counts from the last contact with the log, even if there was
// none since the tier was made.
func TestMaxStaleOfALateTier(t *testing.T) {
	for name, c := range map[string]struct {
		given  time.Duration
		serves bool
	}{
		"longer":  {time.Hour, true},
		"shorter": {time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newDatabase()
				create(t, db, "acme")
				inner := newTier(t, db, newSharedMap())
				get(t, inner, "acme")
				db.set(func(d *database) { d.logErr, d.loadErr = errDown, errDown })
				time.Sleep(50 * time.Second)
				s := newTier(t, inner, newLocalMap(), tier.WithMaxStale(c.given))
				get(t, s, "acme")
				after := 20 * time.Second
				if c.serves {
					after = 10 * time.Minute
				}
				time.Sleep(after)
				if _, err := s.GetByIdentifier(t.Context(), "acme"); (err == nil) != c.serves {
					t.Errorf("%s after the last contact: %v", 50*time.Second+after, err)
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
		s := newTier(t, db, newLocalMap(), tier.WithTTL(forEver), tier.WithNegativeTTL(forEver), tier.WithMaxStale(forEver), tier.WithFollowTimeout(forEver), tier.WithLoadTimeout(forEver), tier.WithLeaseWait(forEver))
		get(t, s, "acme")
		time.Sleep(10 * time.Minute)
		get(t, s, "acme")
		for range 2 {
			if _, err := s.GetByIdentifier(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Hits != 1 || st.Negatives != 1 {
			t.Errorf("%d hits and %d negative ones, want 1 and 1", st.Hits, st.Negatives)
		}
	})
}
