package tenancy_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// contested is a store in which somebody else writes before each of the first
// updates.
type contested struct {
	tenancy.Store
	rivals  int // writes still to come; negative: always
	updates int
}

func (c *contested) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	c.updates++
	if c.rivals != 0 {
		c.rivals--
		if _, err := c.SetStatus(ctx, t.ID, tenancy.StatusSuspended); err != nil {
			return tenancy.Tenant{}, err
		}
	}
	return c.Store.Update(ctx, t)
}

func rename(name string) func(*tenancy.Tenant) error {
	return func(t *tenancy.Tenant) error { t.Name = name; return nil }
}

func TestModifyRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := seeded(t, 1)
		s := &contested{Store: store, rivals: 3}
		got, err := tenancy.Modify(t.Context(), s, "t0", rename("new"))
		if err != nil || got.Name != "new" || got.Status != tenancy.StatusSuspended {
			t.Errorf("%+v, %v: the rival's write must be kept", got, err)
		}
		if s.updates != 4 {
			t.Errorf("%d updates, want 4", s.updates)
		}
	})
}

func TestModifyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := seeded(t, 1)
		s := &contested{Store: store, rivals: -1}
		start := time.Now()
		_, err := tenancy.Modify(t.Context(), s, "t0", rename("new"))
		if !errors.Is(err, tenancy.ErrConflict) || s.updates != 64 {
			t.Errorf("%v after %d updates, want ErrConflict after 64", err, s.updates)
		}
		if took := time.Since(start); took > 64*50*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestModifyEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := seeded(t, 1)
		s := &contested{Store: store, rivals: -1}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := tenancy.Modify(ctx, s, "t0", rename("new"))
		var e *tenancy.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.ID != "t0" {
			t.Errorf("error %v", err)
		}
	})
}

func TestModifyWritesNothing(t *testing.T) {
	store := seeded(t, 1)
	ctx := t.Context()
	before, err := store.GetByID(ctx, "t0")
	if err != nil {
		t.Fatal(err)
	}
	store.took()
	got, err := tenancy.Modify(ctx, store, "t0", func(t *tenancy.Tenant) error {
		t.ID, t.Revision, t.Mark, t.CreatedAt, t.UpdatedAt = "other", 99, 99, time.Now(), time.Now()
		return nil
	})
	if err != nil || got != before {
		t.Errorf("a change of what cannot change: %+v, %v", got, err)
	}
	mine := errors.New("mine")
	if _, err := tenancy.Modify(ctx, store, "t0", func(t *tenancy.Tenant) error { t.Name = "x"; return mine }); err != mine { //nolint:errorlint // itself
		t.Errorf("an error of change: %v", err)
	}
	if _, err := tenancy.Modify(ctx, store, "absent", rename("x")); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("an absent tenant: %v", err)
	}
	for _, call := range store.took() {
		if call == "Update" {
			t.Error("something was written")
		}
	}
	_, err = tenancy.Modify(ctx, store, "t0", rename(""))
	wantInvalid(t, "an invalid change", err, "name")
}

// Modify must not trust a cache: one that never learns of the rival's write
// would make every attempt a conflict.
func TestModifyReadsPastCaches(t *testing.T) {
	s := stale{seeded(t, 1)}
	got, err := tenancy.Modify(t.Context(), s, "t0", rename("new"))
	if err != nil || got.Name != "new" {
		t.Errorf("%+v, %v", got, err)
	}
}

// stale is a Source whose cache holds an old value.
type stale struct{ *noted }

var cached = tenancy.Tenant{ID: "t0", Identifier: "acme", Name: "stale", Status: tenancy.StatusActive, Revision: 1}

func (stale) GetByID(context.Context, string) (tenancy.Tenant, error) { return cached, nil }

func (s stale) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	found, err := s.noted.Load(ctx, want)
	for i := range found {
		if want[i].Min != tenancy.Latest {
			found[i].Tenant, found[i].Found = cached, true
		}
	}
	return found, err
}

func TestFresh(t *testing.T) {
	b := seeded(t, 2)
	ctx := t.Context()
	s := tenancy.Fresh(stale{b})
	if got, err := s.GetByID(ctx, "t0"); err != nil || got.Name != "Firma 0" {
		t.Errorf("GetByID: %+v, %v", got, err)
	}
	if got, err := s.GetByIdentifier(ctx, "acme-1"); err != nil || got.Name != "Firma 1" {
		t.Errorf("GetByIdentifier: %+v, %v", got, err)
	}
	if got, err := s.GetByIDs(ctx, []string{"t1", "x", "t0", "t1"}); err != nil || ids(got) != "t1 t0" {
		t.Errorf("GetByIDs: %s, %v", ids(got), err)
	}
	if found, err := s.Exists(ctx, "t1"); !found || err != nil {
		t.Errorf("Exists: %t, %v", found, err)
	}
	if found, err := s.Exists(ctx, "x"); found || err != nil {
		t.Errorf("Exists of an absent one: %t, %v", found, err)
	}
	for _, call := range b.took() {
		if call != "Load" {
			t.Errorf("a read by %s, not by Load", call)
		}
	}
	_, err := s.GetByID(ctx, "x")
	wantError(t, "GetByID", err, tenancy.ErrNotFound, "GetByID")
	_, err = s.GetByIdentifier(ctx, "xxx")
	wantError(t, "GetByIdentifier", err, tenancy.ErrNotFound, "GetByIdentifier")
	wantInvalid(t, "GetByID", second(s.GetByID(ctx, "")), "id")
	wantInvalid(t, "GetByIDs", second(s.GetByIDs(ctx, []string{""})), "id")
	b.fail = tenancy.ErrUnavailable
	_, err = s.Exists(ctx, "t1")
	wantError(t, "Exists in an outage", err, tenancy.ErrUnavailable, "Exists")
	_, err = s.GetByIDs(ctx, []string{"t1"})
	wantError(t, "GetByIDs in an outage", err, tenancy.ErrUnavailable, "GetByIDs")
	if _, ok := tenancy.SourceOf(s); !ok {
		t.Error("Fresh lost the log")
	}
}
