package tier_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// own makes the tenant the owner of a domain, without the cache of anybody.
func own(tb testing.TB, s tenancy.Names, id, domain string) {
	tb.Helper()
	if _, err := s.AddDomain(context.Background(), id, domain); err != nil {
		tb.Fatal(err)
	}
	if _, err := s.VerifyDomain(context.Background(), id, domain); err != nil {
		tb.Fatal(err)
	}
}

// A domain is a key like any other: it is loaded once, and what another node does to the
// domain or to its tenant ends that.
func TestDomainIsCachedAndCoherent(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	acme, globex := create(t, s, "acme"), create(t, s, "globex")
	own(t, s, acme.ID, "shop.test")
	owner := func() string {
		got, err := s.GetByDomain(t.Context(), "shop.test")
		if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			t.Fatal(err)
		}
		return got.Identifier + " " + string(got.Status)
	}
	if got := owner(); got != "acme active" {
		t.Fatalf("the domain finds %q", got)
	}
	misses := s.Stats().Local.Misses
	if allocs := testing.AllocsPerRun(100, func() { _, _ = s.GetByDomain(t.Context(), "shop.test") }); allocs > 0 {
		t.Errorf("a hit allocates %v times", allocs)
	}
	if got := s.Stats().Local.Misses; got != misses {
		t.Errorf("%d lookups of a domain that is cached were misses", got-misses)
	}
	suspend(t, db, acme.ID)
	eventually(t, "the tenant of the domain is suspended", func() bool { return owner() == "acme suspended" })
	if _, err := db.RemoveDomain(t.Context(), acme.ID, "shop.test"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the domain was removed", func() bool { return owner() == " " })
	own(t, db, globex.ID, "shop.test")
	eventually(t, "the domain is another's", func() bool { return owner() == "globex active" })
}

// Takeover: a load that was begun before a domain was removed is not for a reader who
// comes after that.
func TestRemovedDomainInAStampede(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	acme := create(t, s, "acme")
	own(t, s, acme.ID, "shop.test")

	loaded, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	db.set(func(d *database) {
		d.onLoad = func(after bool) {
			if after {
				once.Do(func() { close(loaded); <-goOn }) // the first load has its value, and is late
			}
		}
	})
	var early sync.WaitGroup
	early.Go(func() { _, _ = s.GetByDomain(t.Context(), "shop.test") }) // either answer: it began before the removal
	<-loaded
	if _, err := s.RemoveDomain(t.Context(), acme.ID, "shop.test"); err != nil {
		t.Fatal(err)
	}
	late := make(chan error)
	go func() {
		_, err := s.GetByDomain(t.Context(), "shop.test") // joins the load, which is too old for it
		late <- err
	}()
	eventually(t, "the late reader waits for the load", func() bool { return s.Stats().Coalesced == 1 })
	close(goOn)
	early.Wait()
	if err := <-late; !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("a reader who came after the removal got %v", err)
	}
}
