package tier_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// plain hides that a store is a Source.
type plain struct{ tenancy.Store }

func TestNewRefusesWhatItCannotKeepCoherent(t *testing.T) {
	db := memstore.New()
	for name, make := range map[string]func() (*tier.Store, error){
		"no source":                        func() (*tier.Store, error) { return tier.New(plain{db}, in(newLocalMap())) },
		"shared, no source":                func() (*tier.Store, error) { return tier.New(plain{db}, in(newSharedMap())) },
		"shared, no source, uncoordinated": func() (*tier.Store, error) { return tier.New(plain{db}, in(newSharedMap()), tier.WithUncoordinated()) },
	} {
		if s, err := make(); !errors.Is(err, errors.ErrUnsupported) || s != nil {
			t.Errorf("%s: %v, want ErrUnsupported with the reason", name, err)
		}
	}
}

// Rule 16: what is no stack is refused, with the reason, and leaves the stack as it was.
func TestNewRefusesWhatIsNoStack(t *testing.T) {
	for name, c := range map[string]struct {
		next   func(shared, local *tier.Store) tenancy.Store
		cache  any
		opts   []tier.Option
		reason string
	}{
		"a decorator between":         {func(shared, _ *tier.Store) tenancy.Store { return tenancy.Decorator{Next: shared} }, newLocalMap(), nil, "around the outermost"},
		"a decorator that embeds it":  {func(shared, _ *tier.Store) tenancy.Store { return audited{shared} }, newLocalMap(), nil, "around the outermost"},
		"one that hides the source":   {func(shared, _ *tier.Store) tenancy.Store { return hidden{plain{shared}} }, newLocalMap(), []tier.Option{tier.WithUncoordinated()}, "around the outermost"},
		"shared over local":           {func(_, local *tier.Store) tenancy.Store { return local }, newSharedMap(), nil, "below the local one"},
		"shared over shared":          {func(shared, _ *tier.Store) tenancy.Store { return shared }, newSharedMap(), nil, "one at most"},
		"local over local":            {func(_, local *tier.Store) tenancy.Store { return local }, newLocalMap(), nil, "has a local cache already"},
		"an option of the stack":      {func(shared, _ *tier.Store) tenancy.Store { return shared }, newLocalMap(), []tier.Option{tier.WithTTL(time.Hour), tier.WithMaxStale(time.Hour)}, "WithMaxStale is an option of the stack"},
		"an option given twice":       {func(_, _ *tier.Store) tenancy.Store { return memstore.New() }, newLocalMap(), []tier.Option{tier.WithMaxLoads(1), tier.WithMaxLoads(1)}, "WithMaxLoads is given twice"},
		"an option of a shared cache": {func(_, _ *tier.Store) tenancy.Store { return memstore.New() }, newLocalMap(), []tier.Option{tier.WithLeaseWait(1)}, "WithLeaseWait is for a shared cache"},
		"an option of a local cache":  {func(_, _ *tier.Store) tenancy.Store { return memstore.New() }, newSharedMap(), []tier.Option{tier.WithRefreshAhead(1)}, "WithRefreshAhead is for a local cache"},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase()
			shared, local := newTier(t, db, newSharedMap()), newTier(t, db, newLocalMap())
			s, err := tier.New(c.next(shared, local), in(c.cache), c.opts...)
			if s != nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%v, %v, want ErrInvalid that says %q", s, err, c.reason)
			}
			if both := newTier(t, shared, newLocalMap()); both != shared {
				t.Error("the stack is not what it was")
			}
			create(t, shared, "acme")
			get(t, shared, "acme")
		})
	}
}

// hidden is a decorator that hides the Source below it, but not the stack.
type hidden struct{ plain }

func (h hidden) Below() tenancy.Store { return h.Store }

// A local cache may join a stack that is in use.
func TestLocalCacheJoinsAStackInUse(t *testing.T) {
	db := newDatabase()
	acme := create(t, db, "acme")
	s := newTier(t, db, newSharedMap())
	var readers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if got, err := s.GetByIdentifier(t.Context(), "acme"); err != nil || got != acme {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	newTier(t, s, newLocalMap())
	eventually(t, "hits of the local cache", func() bool { return s.Stats().Local.Hits > 10 })
	stop()
	readers.Wait()
}

func TestUncoordinated(t *testing.T) {
	s := newTier(t, plain{memstore.New()}, newLocalMap(), tier.WithUncoordinated())
	acme := create(t, s, "acme")
	get(t, s, "acme")
	hits := s.Stats().Local.Hits
	if get(t, s, "acme"); s.Stats().Local.Hits != hits+1 {
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
}

// A read is answered, though each of its loads is overtaken by a write of this process, and
// though others join the load that come after the write.
func TestUncoordinatedReadDuringWrites(t *testing.T) {
	db := &busy{plain: plain{memstore.New()}}
	s := newTier(t, db, newLocalMap(), tier.WithUncoordinated())
	acme, bolt := create(t, s, "acme"), create(t, s, "bolt")
	var late sync.WaitGroup
	db.meanwhile = func() {
		suspend(t, s, bolt.ID)
		late.Go(func() {
			if got := get(t, s, "bolt"); got.Status != tenancy.StatusSuspended {
				t.Errorf("bolt is %s after the write", got.Status)
			}
		})
	}
	for range 3 {
		if got := get(t, s, "acme"); got != acme {
			t.Errorf("%+v, want %+v", got, acme)
		}
	}
	late.Wait()
	if n := db.reads.Load(); n > 10 {
		t.Errorf("%d loads for 6 reads", n)
	}
}

// busy is a store in which something happens during each read of acme.
type busy struct {
	plain
	meanwhile func()
	reads     atomic.Int64
}

func (b *busy) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	b.reads.Add(1)
	t, err := b.plain.GetByIdentifier(ctx, identifier)
	if identifier == "acme" {
		b.meanwhile()
	}
	return t, err
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

func second[T any](_ T, err error) error { return err }

// Rule 7: every stack reads its own writes.
func TestEveryStackReadsItsWrites(t *testing.T) {
	for name, stack := range map[string]func(tenancy.Store) *tier.Store{
		"local":             func(db tenancy.Store) *tier.Store { return newTier(t, db, newLocalMap()) },
		"shared":            func(db tenancy.Store) *tier.Store { return newTier(t, db, newSharedMap()) },
		"local over shared": func(db tenancy.Store) *tier.Store { return newStack(t, db, newLocalMap(), newSharedMap()) },
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
	s := newStack(t, db, newLocalMap(), newSharedMap())
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
	s, err := tier.New(db, in(newLocalMap()))
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
			if cache.Get(key) == nil {
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
