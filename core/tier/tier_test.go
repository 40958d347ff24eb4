package tier_test

import (
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestSecondReadIsAHit(t *testing.T) {
	db := newDatabase()
	made := create(t, db, "acme")
	s := newTier(t, db, newLocalMap())
	for range 3 {
		if got := get(t, s, "acme"); got != made {
			t.Fatalf("got %+v, want %+v", got, made)
		}
	}
	if db.Loads() != 1 {
		t.Errorf("%d loads for three reads, want 1", db.Loads())
	}
	if st := s.Stats(); st.Local.Hits != 2 || st.Local.Misses != 1 || st.Local.Fills != 1 {
		t.Errorf("Stats = %+v", st)
	}
}

func TestWritersNodeReadsItsWrites(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	acme := create(t, s, "acme")
	get(t, s, "acme")
	if got := suspend(t, s, acme.ID); got != get(t, s, "acme") {
		t.Error("the suspension is not visible to the node that made it")
	}
	acme = get(t, s, "acme")
	acme.Identifier = "acme-inc"
	if _, err := s.Update(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("old identifier after the rename: %v, want ErrNotFound", err)
	}
	other := create(t, s, "acme") // the slug is reused
	if got := get(t, s, "acme"); got.ID != other.ID {
		t.Error("the reused identifier leads to the old tenant")
	}
	if err := s.Delete(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetByID(t.Context(), other.ID); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("deleted tenant: %v, want ErrNotFound", err)
	}
}

func TestOtherNodesFollow(t *testing.T) {
	db := newDatabase()
	a, b := newTier(t, db, newLocalMap()), newTier(t, db, newLocalMap())
	acme := create(t, a, "acme")
	get(t, b, "acme")
	suspend(t, a, acme.ID)
	eventually(t, "b sees the suspension", func() bool { return get(t, b, "acme").Status == tenancy.StatusSuspended })
}

func TestAStackIsOneStore(t *testing.T) {
	db := newDatabase()
	bus := &manualBus{}
	l2 := newTier(t, db, newSharedMap(), tier.WithBus(bus))
	s := newTier(t, l2, newLocalMap())
	if s != l2 {
		t.Error("the stack has two Stores")
	}
	acme := create(t, s, "acme")
	if bus.messages != 1 {
		t.Errorf("one write sent %d messages", bus.messages)
	}
	get(t, s, "acme")
	get(t, s, "acme")
	if st := s.Stats(); st.Local.Hits != 1 || st.Local.Misses != 1 || st.Shared.Misses != 1 || st.Loads != 1 {
		t.Errorf("%+v", st)
	}
	suspend(t, db, acme.ID) // behind the stack
	eventually(t, "it sees the edit", func() bool { return get(t, s, "acme").Status == tenancy.StatusSuspended })
}

// audited is a decorator of an application, which embeds what it decorates.
type audited struct{ *tier.Store }

// careful has a method Below besides.
type careful struct{ audited }

func (c careful) Below() tenancy.Store { return c.Store }

func TestOfFindsTheStack(t *testing.T) {
	s := newTier(t, newDatabase(), newLocalMap())
	for _, store := range []tenancy.Store{s, audited{s}, careful{audited{s}}, tenancy.Decorator{Next: careful{audited{s}}}} {
		if got, ok := tier.Of(store); !ok || got != s {
			t.Errorf("Of(%T) = %v, %v", store, got, ok)
		}
	}
	for _, store := range []tenancy.Store{nil, newDatabase(), tenancy.Decorator{Next: newDatabase()}} {
		if got, ok := tier.Of(store); ok || got != nil {
			t.Errorf("Of(%T) = %v, %v", store, got, ok)
		}
	}
}

// Rule 1: that there is no tenant is an entry, which a change outdates like any other.
func TestNegativeEntries(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	for range 3 {
		if _, err := s.GetByIdentifier(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Local.Negatives != 2 || db.Loads() != 1 {
		t.Errorf("%+v, %d loads", st, db.Loads())
	}
	made := create(t, s, "nobody")
	if got := get(t, s, "nobody"); got != made {
		t.Error("the negative entry hides the new tenant")
	}
}

func TestRestoredDatabase(t *testing.T) {
	mem := memstore.New()
	db := &database{Store: mem}
	s := newTier(t, db, newLocalMap())
	acme := create(t, s, "acme")
	backup := mem.Backup()
	suspend(t, s, acme.ID)
	if get(t, s, "acme").Status != tenancy.StatusSuspended {
		t.Fatal("not suspended")
	}
	mem.Restore(backup)
	eventually(t, "the restored value is served", func() bool { return get(t, s, "acme").Status == tenancy.StatusActive })
	if st := s.Stats(); st.Diverged != 1 {
		t.Errorf("Diverged = %d, want 1", st.Diverged)
	}
}
