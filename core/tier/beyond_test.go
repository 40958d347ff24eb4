package tier_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A Min that the log never reached is ErrCompacted, by every path to the store
// below.
func TestLoadBeyondTheLogIsCompacted(t *testing.T) {
	for name, cache := range map[string]func() any{
		"local":  func() any { return newLocalMap() },
		"shared": func() any { return newSharedMap() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTier(t, newDatabase(), cache())
			acme := create(t, s, "acme")
			beyond := tenancy.Lookup{Key: tenancy.IDKey(acme.ID), Min: acme.Revision + 1}
			within := tenancy.Lookup{Key: tenancy.IdentifierKey("acme")}
			for _, want := range [][]tenancy.Lookup{{beyond}, {within, beyond}, {beyond}, {within, beyond}} {
				if _, err := s.Load(t.Context(), want); !errors.Is(err, tenancy.ErrCompacted) {
					t.Errorf("Load(%v): got %v, want ErrCompacted", want, err)
				}
			}
		})
	}
}

// The reader that finds out about a restore, because the floor of its key is above
// the whole log, gets what was restored.
func TestFloorOfALostHistoryFailsNoRead(t *testing.T) {
	for name, cache := range map[string]func() any{
		"local":  func() any { return newLocalMap() },
		"shared": func() any { return newSharedMap() },
	} {
		t.Run(name, func(t *testing.T) {
			mem := memstore.New()
			db := &database{Store: mem}
			s := newTier(t, &quiet{database: db}, cache())
			acme := create(t, s, "acme")
			backup := mem.Backup()
			suspend(t, s, acme.ID)
			mem.Restore(backup)
			if got := get(t, s, "acme"); got.Status != tenancy.StatusActive {
				t.Errorf("got %s, want what the backup holds", got.Status)
			}
		})
	}
}

// A batch, too, shows nothing of a restored database from before the floors until
// the follower has noticed the restore: a hit after it would go back.
func TestBatchAfterARestoreDoesNotGoBack(t *testing.T) {
	for name, cache := range map[string]func() any{
		"local":  func() any { return newLocalMap() },
		"shared": func() any { return newSharedMap() },
	} {
		t.Run(name, func(t *testing.T) {
			mem := memstore.New()
			db := &database{Store: mem}
			s := newTier(t, &quiet{database: db}, cache())
			acme, other := create(t, s, "acme"), create(t, s, "other")
			backup := mem.Backup()
			suspend(t, s, acme.ID)
			suspend(t, s, other.ID)
			get(t, s, "other") // which is cached now
			mem.Restore(backup)
			ts, err := s.GetByIDs(t.Context(), []string{acme.ID, other.ID})
			if err != nil {
				t.Fatal(err)
			}
			if ts[0].Status != tenancy.StatusActive {
				t.Fatalf("got %s, want what the backup holds", ts[0].Status)
			}
			if got := get(t, s, "other"); got.Status != tenancy.StatusActive {
				t.Error("a read after it showed the lost history again")
			}
		})
	}
}

// Rule 9: who asks for more than the log holds neither fails nor delays who does not.
func TestLoadBeyondTheLogFailsNobodyElse(t *testing.T) {
	db := newDatabase()
	acme := create(t, db, "acme")
	s := newTier(t, db, newLocalMap())
	if _, err := s.GetByIdentifier(t.Context(), "acme"); err != nil { // the start is over
		t.Fatal(err)
	}
	loading, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	db.set(func(d *database) {
		d.onLoad = func(after bool) {
			if !after && !first.Swap(true) {
				close(loading)
				<-goOn
			}
		}
	})
	var ahead sync.WaitGroup
	ahead.Go(func() {
		_, err := s.Load(t.Context(), []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID), Min: 1 << 40}})
		if !errors.Is(err, tenancy.ErrCompacted) {
			t.Errorf("Load: %v, want ErrCompacted", err)
		}
	})
	<-loading
	if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
		t.Errorf("GetByID: %v, %v", got, err)
	}
	close(goOn)
	ahead.Wait()
}
