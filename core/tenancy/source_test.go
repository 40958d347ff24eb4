package tenancy_test

import (
	"slices"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func TestKey(t *testing.T) {
	tenant := tenancy.Tenant{ID: "t1", Identifier: "acme"}
	for k, want := range map[tenancy.Key]bool{
		tenancy.IDKey("t1"): true, tenancy.IdentifierKey("acme"): true,
		tenancy.IDKey("acme"): false, tenancy.IdentifierKey("t1"): false, {Value: "t1"}: false,
	} {
		if k.Matches(tenant) != want {
			t.Errorf("%v matches: %t", k, !want)
		}
	}
	wantInvalid(t, "no kind", tenancy.Key{Value: "t1"}.Validate(), "key")
	wantInvalid(t, "an empty ID", tenancy.IDKey("").Validate(), "id")
	wantInvalid(t, "an identifier", tenancy.IdentifierKey("A").Validate(), "identifier")
}

func TestTenantIDs(t *testing.T) {
	for _, c := range []struct {
		change tenancy.Change
		want   []string
	}{
		{tenancy.Change{Kind: tenancy.ChangeReset}, nil},
		{tenancy.Change{TenantID: "a", Keys: driver.KeysOf(&tenancy.Tenant{ID: "a", Identifier: "x"}, &tenancy.Tenant{ID: "a", Identifier: "y"})}, []string{"a"}},
		{tenancy.Change{TenantID: "b", Keys: driver.KeysOf(&tenancy.Tenant{ID: "a", Identifier: "x"}, &tenancy.Tenant{ID: "b", Identifier: "x"})}, []string{"a", "b"}},
	} {
		if got := c.change.TenantIDs(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.change, got, c.want)
		}
	}
}
