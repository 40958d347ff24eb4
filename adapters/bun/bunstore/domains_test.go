package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// twoProcesses opens two stores on the same tenants, each with its own connections, on each
// database.
func twoProcesses(t *testing.T, test func(t *testing.T, stores [2]*bunstore.Store), opts ...bunstore.Option) {
	run := func(t *testing.T, open func() (*bunstore.Store, error)) {
		var stores [2]*bunstore.Store
		for i := range stores {
			s, err := open()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			stores[i] = s
		}
		test(t, stores)
	}
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tenants.db")
		run(t, func() (*bunstore.Store, error) {
			return bunsqlite.Open(t.Context(), path, bunsqlite.WithSynchronous(bunsqlite.Normal), bunsqlite.WithStore(opts...))
		})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := newPostgres(t)
		run(t, func() (*bunstore.Store, error) { return bunpg.Open(t.Context(), dsn, bunpg.WithStore(opts...)) })
	})
}

func createTwo(t *testing.T, s tenancy.Store) (ts [2]tenancy.Tenant) {
	t.Helper()
	for i := range ts {
		var err error
		if ts[i], err = s.Create(t.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%d", i), Name: "Tenant"}); err != nil {
			t.Fatal(err)
		}
	}
	return ts
}

// Two processes verify one domain, each for another tenant, at the same time.
func TestTwoProcessesVerifyOneDomain(t *testing.T) {
	twoProcesses(t, func(t *testing.T, stores [2]*bunstore.Store) {
		ts := createTwo(t, stores[0])
		for round := range 64 {
			domain := fmt.Sprintf("race-%d.test", round)
			for i, s := range stores {
				if _, err := s.AddDomain(t.Context(), ts[i].ID, domain); err != nil {
					t.Fatal(err)
				}
			}
			var errs [2]error
			var group sync.WaitGroup
			for i, s := range stores {
				group.Go(func() { _, errs[i] = s.VerifyDomain(t.Context(), ts[i].ID, domain) })
			}
			group.Wait()
			winner := slices.Index(errs[:], nil)
			if winner < 0 {
				t.Fatalf("nobody has verified %s: %v", domain, errs)
			}
			var failed *tenancy.Error
			if err := errs[1-winner]; !errors.Is(err, tenancy.ErrAlreadyExists) || !errors.As(err, &failed) || failed.Field != "domain" {
				t.Fatalf("the second one: %v, want ErrAlreadyExists of the domain", err)
			}
			for _, s := range stores {
				if got, err := s.GetByDomain(t.Context(), domain); err != nil || got.ID != ts[winner].ID {
					t.Fatalf("%s finds %+v, %v, want %s", domain, got, err, ts[winner].ID)
				}
			}
			if round%2 == 0 { // so that neither has too many
				for i, s := range stores {
					if _, err := s.RemoveDomain(t.Context(), ts[i].ID, domain); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

func TestNamesAreReadByOneStatement(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		var seen recorder
		s := newStore(t, db, bunstore.WithKeepFormer(time.Hour), bunstore.WithQueryHook(&seen))
		ts := createTwo(t, s)
		ctx := t.Context()
		_, err := s.AddDomain(ctx, ts[0].ID, "acme.test")
		if err == nil {
			ts[0], err = s.VerifyDomain(ctx, ts[0].ID, "acme.test")
		}
		if err == nil {
			ts[0].Identifier = "renamed"
			ts[0], err = s.Update(ctx, ts[0])
		}
		if err != nil {
			t.Fatal(err)
		}
		domain, former := tenancy.Key{Kind: tenancy.KindDomain, Value: "acme.test"}, tenancy.Key{Kind: tenancy.KindFormer, Value: "tenant-0"}
		lookups := func(keys ...tenancy.Key) func() error {
			return func() error {
				want := make([]tenancy.Lookup, len(keys))
				for i, k := range keys {
					want[i].Key = k
				}
				loaded, err := s.Load(ctx, want)
				for i, v := range loaded {
					if !v.Found || v.Tenant.ID != ts[min(i/4, 1)].ID {
						err = errors.Join(err, fmt.Errorf("%v found %+v", keys[i], v))
					}
				}
				return err
			}
		}
		for what, read := range map[string]func() error{
			"GetByDomain": func() error { _, err := s.GetByDomain(ctx, "acme.test"); return err },
			"FormerOwner": func() error { _, err := s.FormerOwner(ctx, "tenant-0"); return err },
			"NamesOf":     func() error { _, err := s.NamesOf(ctx, ts[0].ID); return err },
			"ListNames":   func() error { _, err := s.ListNames(ctx, tenancy.TenantName{}, 0); return err },
			"Load of one": lookups(domain),
			"Load of all": lookups(domain, former, tenancy.IDKey(ts[0].ID), tenancy.IdentifierKey("renamed"), tenancy.IDKey(ts[1].ID), tenancy.IdentifierKey("tenant-1")),
		} {
			least := math.MaxInt // of several times: a check of the triggers may run beside one
			for range 5 {
				before := seen.count()
				if err := read(); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				least = min(least, seen.count()-before)
			}
			if least != 1 {
				t.Errorf("%s: %d statements, want 1", what, least)
			}
		}
	})
}

// count returns how many statements there were.
func (r *recorder) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, times := range r.texts {
		n += times
	}
	return n
}

// A former identifier ends in the log although nobody asks for it.
func TestFormerIdentifiersEndByThemselves(t *testing.T) {
	twoProcesses(t, func(t *testing.T, stores [2]*bunstore.Store) {
		ts := createTwo(t, stores[0])
		ts[0].Identifier = "renamed"
		renamed, err := stores[0].Update(t.Context(), ts[0])
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			changes, err := stores[1].Changes(t.Context(), renamed.Position(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) > 0 {
				if c := changes[0]; len(changes) > 1 || c.TenantID != renamed.ID || !c.Touches(tenancy.Key{Kind: tenancy.KindFormer, Value: "tenant-0"}) {
					t.Errorf("logged %+v", changes)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the former identifier has not ended")
			}
		}
	}, bunstore.WithKeepFormer(50*time.Millisecond))
}

// A transaction that renames, and is rolled back, keeps nothing.
func TestRenameInATransaction(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db, bunstore.WithKeepFormer(time.Hour))
		ts := createTwo(t, s)
		abandon := errors.New("abandon")
		rename := func(result error) error {
			return s.RunInTx(t.Context(), nil, func(ctx context.Context, _ bun.Tx, in tenancy.Store) error {
				renamed := ts[0]
				renamed.Identifier = "renamed"
				if _, err := in.Update(ctx, renamed); err != nil {
					return err
				}
				if got, err := in.FormerOwner(ctx, "tenant-0"); err != nil || got.ID != ts[0].ID {
					t.Errorf("within: %+v, %v", got, err)
				}
				return result
			})
		}
		if err := rename(abandon); !errors.Is(err, abandon) {
			t.Fatal(err)
		}
		if _, err := s.FormerOwner(t.Context(), "tenant-0"); !errors.Is(err, tenancy.ErrNotFound) {
			t.Errorf("after a rollback: %v", err)
		}
		if names, err := s.NamesOf(t.Context(), ts[0].ID); err != nil || len(names) > 0 {
			t.Errorf("after a rollback: %+v, %v", names, err)
		}
		if err := rename(nil); err != nil {
			t.Fatal(err)
		}
		if got, err := s.FormerOwner(t.Context(), "tenant-0"); err != nil || got.Identifier != "renamed" {
			t.Errorf("after a commit: %+v, %v", got, err)
		}
	})
}
