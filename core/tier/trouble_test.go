package tier_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// sickCache is a shared cache of which every call fails.
type sickCache struct {
	*sharedMap
	calls atomic.Int64
}

var errSick = errors.New("the cache is in trouble")

func (c *sickCache) Get(context.Context, []tenancy.Key) ([]tier.Result, error) {
	c.calls.Add(1)
	return nil, errSick
}

func (c *sickCache) Put(context.Context, []tier.Fill) (int, error) {
	c.calls.Add(1)
	return 0, errSick
}

// A cache that hangs costs a read its deadline once: what was loaded because it
// failed is not put into it.
func TestTroubleIsNotWaitedForTwice(t *testing.T) {
	db := memstore.New()
	acme, err := db.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	cache := &sickCache{sharedMap: newSharedMap()}
	s, err := tier.New(db, in(cache))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, read := range map[string]func() error{
		"one": func() error { _, err := s.GetByID(t.Context(), acme.ID); return err },
		"batch": func() error {
			_, err := s.GetByIDs(t.Context(), []string{acme.ID, "another"})
			return err
		},
	} {
		before := cache.calls.Load()
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := cache.calls.Load() - before; n != 1 {
			t.Errorf("%s: %d calls of the cache, want 1", name, n)
		}
	}
}
