package bunstore_test

import (
	"errors"
	"testing"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Create refuses such IDs; a tenant that has one by hand is one like any other.
func TestOddIDsThatAreStored(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		ctx, s := t.Context(), newStore(t, db)
		for i, id := range []string{"..", "a/../b", "two\nlines", "\u202eturned", " spaces "} {
			if _, err := s.Create(ctx, tenancy.Tenant{ID: id, Identifier: "acme", Name: "n"}); !errors.Is(err, tenancy.ErrInvalid) {
				t.Errorf("Create with the ID %q: %v", id, err)
			}
			made, err := s.Create(ctx, tenancy.Tenant{ID: "plain", Identifier: "tenant-" + string(rune('a'+i)), Name: "n"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(ctx, "UPDATE tenants SET id = ? WHERE id = 'plain'", id); err != nil {
				t.Fatal(err)
			}
			got, err := s.GetByIdentifier(ctx, made.Identifier)
			if err != nil || got.ID != id {
				t.Fatalf("%q: %+v, %v", id, got, err)
			}
			if got, err = s.SetStatus(ctx, id, tenancy.StatusSuspended); err != nil {
				t.Fatalf("%q: SetStatus: %v", id, err)
			}
			got.Name = "Renamed"
			if _, err = s.Update(ctx, got); err != nil {
				t.Errorf("%q: Update: %v", id, err)
			}
		}
		n := 0
		for _, err := range tenancy.All(ctx, s, tenancy.ListOptions{Limit: 1}) {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n != 5 {
			t.Errorf("%d tenants are listed", n)
		}
	})
}
