package tier_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
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
	db := &keyless{database: newDatabase()}
	sealed, bolt := create(t, db, "sealed"), create(t, db, "bolt")
	db.id = sealed.ID
	shared := newSharedMap()
	s := newStack(t, db, newLocalMap(), shared)
	for range 2 {
		got := get(t, s, "sealed")
		if !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
			t.Errorf("%+v", got)
		}
		if ts, err := s.GetByIDs(t.Context(), []string{sealed.ID, bolt.ID}); err != nil || len(ts) != 2 {
			t.Errorf("%v, %v", ts, err)
		}
	}
	if n := db.Loads(); n != 2 {
		t.Errorf("%d loads, want 2: the local cache may keep it", n)
	}
	eventually(t, "no more leases", func() bool { return shared.size() == 1 })
	if e := shared.entry(tenancy.IDKey(bolt.ID)); e == nil {
		t.Error("the other tenant is not in the shared cache")
	}
	if st := s.Stats(); st.Shared.Uncacheable != 2 || st.Shared.Fills != 1 {
		t.Errorf("%+v", st)
	}
}
