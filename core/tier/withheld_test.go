package tier_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// keyless is a database that cannot open the secret of one tenant.
type keyless struct {
	*database
	id string
}

func (d *keyless) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	out, err := d.database.Load(ctx, want)
	for i := range out {
		if out[i].Tenant.ID == d.id {
			out[i].Tenant.DatabaseURL = driver.WithheldSecret("sealed by a key that is gone")
		}
	}
	return out, err
}

// A tenant whose secret this process cannot open is served, kept in this process, and
// not handed to others: they may have the key.
func TestWithheldSecretIsNotShared(t *testing.T) {
	maps := map[string]*sharedMap{"one by one": newSharedMap(), "in batches": newSharedMap()}
	for name, cache := range map[string]tier.Cache{"one by one": maps["one by one"], "in batches": batchMap{maps["in batches"]}} {
		t.Run(name, func(t *testing.T) {
			db := &keyless{database: newDatabase()}
			sealed, bolt := create(t, db, "sealed"), create(t, db, "bolt")
			db.id = sealed.ID
			shared := newTier(t, db, cache)
			local := newTier(t, shared, newLocalMap())
			for range 2 {
				got := get(t, local, "sealed")
				if !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
					t.Errorf("%+v", got)
				}
				if ts, err := local.GetByIDs(t.Context(), []string{sealed.ID, bolt.ID}); err != nil || len(ts) != 2 {
					t.Errorf("%v, %v", ts, err)
				}
			}
			if n := db.Loads(); n != 2 {
				t.Errorf("%d loads, want 2: the local cache may keep it", n)
			}
			for key, slot := range maps[name].slots {
				if slot.entry == nil || key.Matches(sealed) {
					t.Errorf("the shared cache has %+v under %v", slot, key)
				}
			}
			if st := shared.Stats(); st.Uncacheable != 2 || st.Fills != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}
