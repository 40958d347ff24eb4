package tier_test

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, opt := range map[string]tier.Option{
		"TTL":            tier.WithTTL(-time.Second),
		"negative TTL":   tier.WithNegativeTTL(0),
		"refresh never":  tier.WithRefreshAhead(0),
		"refresh beyond": tier.WithRefreshAhead(1.5),
		"MaxStale":       tier.WithMaxStale(0),
		"poll interval":  tier.WithPollInterval(0),
		"follow timeout": tier.WithFollowTimeout(0),
		"load timeout":   tier.WithLoadTimeout(-time.Second),
		"lease wait":     tier.WithLeaseWait(-time.Second),
		"loads":          tier.WithMaxLoads(0),
	} {
		s, err := tier.New(memstore.New(), newLocalMap(), opt)
		if !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
		if s != nil {
			_ = s.Close()
		}
	}
}

// An option that is nil, as a variable that was never set, changes nothing.
func TestNilOption(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	s := newTier(t, db, newLocalMap(), nil)
	get(t, s, "acme")
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
		s := newTier(t, db, newLocalMap(), tier.WithTTL(forEver), tier.WithNegativeTTL(forEver), tier.WithMaxStale(forEver),
			tier.WithPollInterval(forEver), tier.WithFollowTimeout(forEver), tier.WithLoadTimeout(forEver), tier.WithLeaseWait(forEver))
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
