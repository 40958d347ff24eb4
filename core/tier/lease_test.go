package tier_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// remoteMap is a shared cache that gives a lease back in time only, and in some.
type remoteMap struct {
	*sharedMap
	takes time.Duration
}

func (c *remoteMap) Release(ctx context.Context, key tenancy.Key, token tier.Token) error {
	select {
	case <-ctx.Done():
	case <-time.After(c.takes):
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.sharedMap.Release(ctx, key, token)
}

// Rule 6: whatever way a load fails, its leases are released.
func TestEveryFailureReleasesTheLeases(t *testing.T) {
	batch := func(s *tier.Store) error { return second(s.GetByIDs(t.Context(), []string{"a", "b", "c"})) }
	single := func(s *tier.Store) error { return second(s.GetByIdentifier(t.Context(), "acme")) }
	for name, c := range map[string]struct {
		panics bool
		read   func(*tier.Store) error
		opts   []tier.Option
	}{
		"one":                            {read: single},
		"one, no wait for others":        {read: single, opts: []tier.Option{tier.WithLeaseWait(0)}},
		"one that panics":                {panics: true, read: single},
		"a batch":                        {read: batch},
		"a batch, no wait for others":    {read: batch, opts: []tier.Option{tier.WithLeaseWait(0)}},
		"a batch that panics":            {panics: true, read: batch},
		"a batch of one, of the newest":  {read: func(s *tier.Store) error { return second(tenancy.Fresh(s).GetByID(t.Context(), "a")) }},
		"a batch whose log is not there": {read: func(s *tier.Store) error { return second(s.GetByIDs(t.Context(), []string{"a", "b", "ahead"})) }},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase()
			shared := &remoteMap{sharedMap: newSharedMap()}
			s := newTier(t, db, shared, c.opts...)
			if _, err := s.GetByID(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) { // the start is over
				t.Fatal(err)
			}
			eventually(t, "the fill, after the answer", func() bool { return shared.entry(tenancy.IDKey("nobody")) != nil })
			ahead := tenancy.IDKey("ahead")
			shared.set(ahead, slot{entry: &tier.Entry{Key: ahead, Versioned: tenancy.Versioned{AsOf: tenancy.Position{Revision: 1 << 40}}}})
			before := shared.size()
			db.set(func(d *database) {
				d.logErr, d.loadErr = errDown, errDown
				if c.panics {
					d.loadErr, d.onLoad = nil, func(bool) { panic("boom") }
				}
			})
			func() {
				defer func() { _ = recover() }()
				if err := c.read(s); err == nil {
					t.Error("no error")
				}
			}()
			if n := shared.size() - before; n != 0 {
				t.Errorf("%d leases are left", n)
			}
		})
	}
}

// Giving back the leases of a large batch keeps nobody waiting for long.
func TestManyLeasesAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		shared := &remoteMap{sharedMap: newSharedMap(), takes: time.Millisecond}
		s := newTier(t, db, shared)
		if _, err := s.GetByID(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
			t.Fatal(err)
		}
		db.set(func(d *database) { d.loadErr = errDown })
		ids := make([]string, 10_000)
		for i := range ids {
			ids[i] = fmt.Sprint("t-", i)
		}
		start := time.Now()
		if _, err := s.GetByIDs(t.Context(), ids); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Error(err)
		}
		if d := time.Since(start); d > 200*time.Millisecond {
			t.Errorf("it took %v", d)
		}
	})
}

// Close waits until the loads that it ends have given their leases back: the cache is not
// called after its Close.
func TestCloseWaitsForTheLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newHanging()
		shared := &remoteMap{sharedMap: newSharedMap(), takes: 20 * time.Millisecond}
		s := newTier(t, db, shared)
		if _, err := s.GetByID(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
			t.Fatal(err)
		}
		before := shared.size()
		db.stop()
		for _, read := range []func() error{
			func() error { return second(s.GetByID(t.Context(), "a")) },
			func() error { return second(s.GetByIDs(t.Context(), []string{"b", "c"})) },
		} {
			go func() {
				if err := read(); !errors.Is(err, tenancy.ErrClosed) {
					t.Errorf("%v, want ErrClosed", err)
				}
			}()
		}
		synctest.Wait()
		if n := shared.size() - before; n != 3 {
			t.Fatalf("%d leases, want 3", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := shared.size() - before; n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// clumsy is a shared cache that panics when it is given a lease back.
type clumsy struct{ *sharedMap }

func (clumsy) Release(context.Context, tenancy.Key, tier.Token) error { panic("boom") }

// Rule 11: a load in the background outlives a cache that panics.
func TestPanicOfACacheInTheBackground(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, clumsy{newSharedMap()})
	if _, err := s.GetByID(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Fatal(err)
	}
	db.set(func(d *database) { d.loadErr = errDown })
	if _, err := s.GetByID(t.Context(), "a"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

// noSecrets returns a shared cache that must not hold a tenant with a DatabaseURL.
func noSecrets() *sharedMap {
	c := newSharedMap()
	c.noSecrets = true
	return c
}

// Rule 14: what must not be put into a cache is counted, in batches too.
func TestUncacheableIsCounted(t *testing.T) {
	db := newDatabase()
	ids := []string{create(t, db, "acme").ID, "nobody"}
	secret, err := db.Create(t.Context(), tenancy.Tenant{Identifier: "bolt", Name: "Bolt", DatabaseURL: tenancy.NewSecret("postgres://bolt:s3cret@db/bolt")})
	if err != nil {
		t.Fatal(err)
	}
	s := newTier(t, db, noSecrets())
	if _, err := s.GetByIDs(t.Context(), append(ids, secret.ID)); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Shared.Fills != 2 || st.Shared.Uncacheable != 1 || st.Shared.Unfilled != 0 {
		t.Errorf("%+v, want 2 fills and 1 uncacheable", st)
	}
}
