package tier_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// plain hides that a store is a Source.
type plain struct{ tenancy.Store }

func TestNewRefusesWhatItCannotKeepCoherent(t *testing.T) {
	db := memstore.New()
	for name, make := range map[string]func() (*tier.Store, error){
		"no source":                        func() (*tier.Store, error) { return tier.New(plain{db}, newLocalMap()) },
		"shared, no source":                func() (*tier.Store, error) { return tier.New(plain{db}, newSharedMap()) },
		"shared, no source, uncoordinated": func() (*tier.Store, error) { return tier.New(plain{db}, newSharedMap(), tier.WithUncoordinated()) },
		"a tier over an uncoordinated tier": func() (*tier.Store, error) {
			return tier.New(newTier(t, plain{db}, newLocalMap(), tier.WithUncoordinated()), newLocalMap())
		},
	} {
		if s, err := make(); !errors.Is(err, errors.ErrUnsupported) || s != nil {
			t.Errorf("%s: %v, want ErrUnsupported with the reason", name, err)
		}
	}
}

func TestUncoordinated(t *testing.T) {
	db := memstore.New()
	inner := newTier(t, plain{db}, newLocalMap(), tier.WithUncoordinated())
	for name, s := range map[string]*tier.Store{
		"one tier": inner, "two tiers": newTier(t, inner, newLocalMap(), tier.WithUncoordinated()),
	} {
		t.Run(name, func(t *testing.T) {
			acme := create(t, s, "acme")
			get(t, s, "acme")
			hits := s.Stats().Hits
			if get(t, s, "acme"); s.Stats().Hits != hits+1 {
				t.Error("no hit")
			}
			suspend(t, s, acme.ID)
			if get(t, s, "acme").Status != tenancy.StatusSuspended {
				t.Error("this process does not read its own write")
			}
			if _, ok := tenancy.SourceOf(s); ok {
				t.Error("SourceOf says yes")
			}
			for _, err := range []error{
				second(s.Bounds(t.Context())), second(s.Changes(t.Context(), tenancy.Position{}, 0)), second(s.Load(t.Context(), nil)),
			} {
				if !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("%v, want ErrUnsupported", err)
				}
			}
			if err := s.Delete(t.Context(), acme.ID); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Writes of many at once are no trouble with the log.
func TestUncoordinatedWritesAreNoTrouble(t *testing.T) {
	var log journal
	s := newTier(t, plain{memstore.New()}, newLocalMap(), tier.WithUncoordinated(), tier.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	acme := create(t, s, "acme")
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 100 {
				if _, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusActive); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if st, n := s.Stats(), log.count("level=WARN"); st.Changes < 800 || st.Compacted != 0 || st.Diverged != 0 || n != 0 {
		t.Errorf("%+v, %d warnings; want one change for each write", st, n)
	}
}

// hidden is a decorator that hides the Source below it, but not the tier.
type hidden struct{ plain }

func (h hidden) Below() tenancy.Store { return h.Store }

// An uncoordinated tier does not go by the log of a tier below that has one.
func TestUncoordinatedOverACoordinatedTier(t *testing.T) {
	below := newTier(t, newDatabase(), newLocalMap())
	s := newTier(t, hidden{plain{below}}, newLocalMap(), tier.WithUncoordinated())
	top := newTier(t, s, newLocalMap(), tier.WithUncoordinated())
	acme := create(t, top, "acme")
	for _, status := range []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive} {
		for _, at := range []*tier.Store{top, s, below} {
			get(t, at, "acme")
		}
		if _, err := top.SetStatus(t.Context(), acme.ID, status); err != nil {
			t.Fatal(err)
		}
		for _, at := range []*tier.Store{top, s, below} {
			if got := get(t, at, "acme"); got.Status != status {
				t.Errorf("reads %s after %s was written", got.Status, status)
			}
		}
	}
	hits := top.Stats().Hits
	if get(t, top, "acme"); top.Stats().Hits != hits+1 {
		t.Error("no hit")
	}
}

func second[T any](_ T, err error) error { return err }

// Rule 16: any order is correct.
func TestEveryOrderOfTiers(t *testing.T) {
	for name, stack := range map[string]func(tenancy.Store) *tier.Store{
		"local over shared":  func(db tenancy.Store) *tier.Store { return newTier(t, newTier(t, db, newSharedMap()), newLocalMap()) },
		"shared over local":  func(db tenancy.Store) *tier.Store { return newTier(t, newTier(t, db, newLocalMap()), newSharedMap()) },
		"shared over shared": func(db tenancy.Store) *tier.Store { return newTier(t, newTier(t, db, newSharedMap()), newSharedMap()) },
		"local over local over local": func(db tenancy.Store) *tier.Store {
			return newTier(t, newTier(t, newTier(t, db, newLocalMap()), newLocalMap()), newLocalMap())
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase()
			s := stack(db)
			acme := create(t, s, "acme")
			for _, status := range []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive, tenancy.StatusDeleted} {
				get(t, s, "acme")
				if _, err := s.SetStatus(t.Context(), acme.ID, status); err != nil {
					t.Fatal(err)
				}
				if got := get(t, s, "acme"); got.Status != status {
					t.Fatalf("reads %s after %s was written", got.Status, status)
				}
				got, err := tenancy.Fresh(s).GetByID(t.Context(), acme.ID)
				if err != nil || got.Status != status {
					t.Fatalf("Fresh reads %s, %v after %s was written", got.Status, err, status)
				}
			}
		})
	}
}

func TestFreshPassesEveryTier(t *testing.T) {
	db := newDatabase()
	s := newTier(t, newTier(t, db, newSharedMap()), newLocalMap())
	create(t, s, "acme")
	get(t, s, "acme")
	for range 3 {
		before := db.Loads()
		if _, err := tenancy.Fresh(s).GetByIdentifier(t.Context(), "acme"); err != nil || db.Loads() != before+1 {
			t.Fatalf("%d loads, %v; want 1", db.Loads()-before, err)
		}
	}
}

func TestWatchYieldsWhatTheTierObeys(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	acme := create(t, s, "acme")
	get(t, s, "acme")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	head, err := s.Bounds(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if _, err := db.SetStatus(ctx, acme.ID, tenancy.StatusSuspended); err != nil {
			t.Error(err)
		}
	}()
	for c, err := range tenancy.Watch(ctx, s, head.Newest) {
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "acme"); got.Revision < c.Position.Revision {
			t.Errorf("change %v was yielded, and revision %d served after it", c.Position, got.Revision)
		}
		break
	}
}

func TestClose(t *testing.T) {
	db := memstore.New()
	s, err := tier.New(db, newLocalMap())
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, "acme")
	get(t, s, "acme")
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for {
				if _, err := s.GetByIdentifier(context.Background(), "acme"); err != nil {
					if !errors.Is(err, tenancy.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	readers.Wait()
	if _, err := db.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("the store below: %v, want ErrClosed", err)
	}
	if _, err := s.Create(t.Context(), tenancy.Tenant{}); !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("Create: %v, want ErrClosed", err)
	}
}

func TestHitsDoNotAllocate(t *testing.T) {
	s := newTier(t, newDatabase(), newLocalMap())
	acme := create(t, s, "acme")
	for name, read := range map[string]func() error{
		"GetByID":         func() error { return second(s.GetByID(t.Context(), acme.ID)) },
		"GetByIdentifier": func() error { return second(s.GetByIdentifier(t.Context(), "acme")) },
		"Exists":          func() error { return second(s.Exists(t.Context(), acme.ID)) },
	} {
		if err := read(); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if err := read(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkHit(b *testing.B) {
	cache := newLocalMap()
	s := newTier(b, newDatabase(), cache)
	create(b, s, "acme")
	get(b, s, "acme")
	key := tenancy.IdentifierKey("acme")
	b.Run("baseline=cache", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if r, err := cache.Get(b.Context(), key); err != nil || r.Entry == nil {
				b.Fatal("miss")
			}
		}
	})
	b.Run("tier", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.GetByIdentifier(b.Context(), "acme"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
