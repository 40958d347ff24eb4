package bunstore_test

import (
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/uptrace/bun"
)

func TestReservedIdentifiers(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		kept, err := newStore(t, db).Create(t.Context(), tenancy.Tenant{Identifier: "www", Name: "From before"})
		if err != nil {
			t.Fatal(err)
		}
		s := newStore(t, db, bunstore.WithReserved("www", "xn--*"))
		if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "xn--pple-43d", Name: "n"}); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("Create: %v", err)
		}
		other, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "other", Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		other.Identifier = "xn--other"
		if _, err := s.Update(t.Context(), other); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("a rename: %v", err)
		}
		kept.Name = "Still there"
		if got, err := s.Update(t.Context(), kept); err != nil || got.Identifier != "www" {
			t.Errorf("who has it: %+v, %v", got, err)
		}
	})
}
