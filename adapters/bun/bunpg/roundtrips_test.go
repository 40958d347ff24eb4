package bunpg_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Every operation costs one round trip, a batch whatever its size, once its
// statement is prepared. Only a rename, which is rare, takes three: the statement
// for all other updates finds nothing to do, a second one tells why. So does a patch
// that the application checks, within a transaction.
func TestRoundTrips(t *testing.T) {
	const batch = 1000
	r := newRelay(t, newDatabase(t))
	s, err := bunpg.Open(t.Context(), r.url, bunpg.WithoutListen(), bunpg.WithPool(bunpg.Pool{Size: 1}),
		bunpg.WithStore(bunstore.WithRetention(0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	checked, err := bunpg.Open(t.Context(), r.url, bunpg.WithoutListen(), bunpg.WithPool(bunpg.Pool{Size: 1}),
		bunpg.WithStore(bunstore.WithMetadataCheck(func(tenancy.Metadata) error { return nil })))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checked.Close() }()
	ctx := t.Context()
	made := make([]tenancy.Tenant, 0, 3*batch)
	create := func() error {
		given := make([]tenancy.Tenant, batch)
		for i := range given {
			given[i] = tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", len(made)+i), Name: "Name"}
		}
		results, err := s.CreateBatch(ctx, given)
		for _, r := range results {
			err = errors.Join(err, r.Err)
			made = append(made, r.Tenant)
		}
		return err
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, batch)
	lookups := make([]tenancy.Lookup, batch)
	for i := range ids {
		ids[i], lookups[i] = made[i].ID, tenancy.Lookup{Key: tenancy.IDKey(made[i].ID)}
	}
	patch, err := tenancy.NewMetadata(map[string]int{"n": 1})
	if err != nil {
		t.Fatal(err)
	}
	id, n := made[0].ID, 0
	update := func(identifier string) error {
		_, err := s.Update(ctx, tenancy.Tenant{
			ID: id, Identifier: identifier, Name: "Other", Status: tenancy.StatusActive, Revision: tenancy.AnyRevision,
		})
		return err
	}
	change := func(s tenancy.Store) error {
		n++
		patch, err := patch.With("n", n)
		if err == nil {
			_, err = s.UpdateMetadata(ctx, id, patch)
		}
		return err
	}
	for _, c := range []struct {
		name string
		want int64
		do   func() error
	}{
		{"GetByID", 1, func() error { _, err := s.GetByID(ctx, id); return err }},
		{"GetByIdentifier", 1, func() error { _, err := s.GetByIdentifier(ctx, made[1].Identifier); return err }},
		{"GetByIDs of 1000", 1, func() error { _, err := s.GetByIDs(ctx, ids); return err }},
		{"Exists", 1, func() error { _, err := s.Exists(ctx, id); return err }},
		{"List", 1, func() error { _, err := s.List(ctx, tenancy.ListOptions{}); return err }},
		{"Count", 1, func() error { _, err := s.Count(ctx, tenancy.Filter{}); return err }},
		{"Search", 1, func() error { _, err := s.Search(ctx, "t-9", tenancy.SearchOptions{}); return err }},
		{"Create", 1, func() error {
			n++
			_, err := s.Create(ctx, tenancy.Tenant{Identifier: fmt.Sprintf("one-%d", n), Name: "One"})
			return err
		}},
		{"CreateBatch of 1000", 1, create},
		{"Update", 1, func() error { return update(made[0].Identifier) }},
		{"Update with a rename", 3, func() error {
			n++
			return update(fmt.Sprintf("renamed-%d", n))
		}},
		{"SetStatus", 1, func() error { _, err := s.SetStatus(ctx, id, tenancy.StatusSuspended); return err }},
		{"BulkUpdateStatus of 1000", 1, func() error { _, err := s.BulkUpdateStatus(ctx, ids, tenancy.StatusActive); return err }},
		{"UpdateMetadata", 1, func() error { return change(s) }},
		{"UpdateMetadata with a check", 3, func() error { return change(checked) }},
		{"UpdateMetadata that changes nothing", 2, func() error { _, err := s.UpdateMetadata(ctx, id, patch); return err }},
		{"Delete", 1, func() error { n++; return s.Delete(ctx, ids[n]) }},
		{"Head", 1, func() error { _, err := s.Bounds(ctx); return err }},
		{"Load", 1, func() error { _, err := s.Load(ctx, lookups[:1]); return err }},
		{"Load of 1000", 1, func() error { _, err := s.Load(ctx, lookups); return err }},
		{"Changes", 1, func() error { _, err := s.Changes(ctx, tenancy.Position{}, 0); return err }},
	} {
		// The first prepares, and on a slow machine a connection is asked now and then
		// whether it is still there.
		var trips int64
		for n := 0; n < 3 || n < 10 && trips > c.want; n++ {
			before := r.trips.Load()
			if err := c.do(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			trips = r.trips.Load() - before
		}
		if trips != c.want {
			t.Errorf("%s makes %d round trips, want %d", c.name, trips, c.want)
		}
	}
}
