package driver_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func TestKeysOf(t *testing.T) {
	before := tenancy.Tenant{ID: "t1", Identifier: "old"}
	after := tenancy.Tenant{ID: "t1", Identifier: "new"}
	for _, c := range []struct {
		before, after *tenancy.Tenant
		want          []tenancy.Key
	}{
		{nil, nil, nil},
		{nil, &after, []tenancy.Key{tenancy.IDKey("t1"), tenancy.IdentifierKey("new")}},
		{&before, nil, []tenancy.Key{tenancy.IDKey("t1"), tenancy.IdentifierKey("old")}},
		{&before, &before, []tenancy.Key{tenancy.IDKey("t1"), tenancy.IdentifierKey("old")}},
		{&before, &after, []tenancy.Key{tenancy.IDKey("t1"), tenancy.IdentifierKey("old"), tenancy.IdentifierKey("new")}},
		// An ID that reads like an identifier is another key.
		{nil, &tenancy.Tenant{ID: "acme", Identifier: "acme"}, []tenancy.Key{tenancy.IDKey("acme"), tenancy.IdentifierKey("acme")}},
	} {
		got := driver.KeysOf(c.before, c.after)
		if !slices.Equal(got, c.want) {
			t.Errorf("KeysOf(%v, %v) is %v, want %v", c.before, c.after, got, c.want)
		}
		change := tenancy.Change{Kind: tenancy.ChangeUpdate, Keys: got}
		for _, k := range got {
			if !change.Touches(k) {
				t.Errorf("the change does not touch %v", k)
			}
		}
		if change.Touches(tenancy.IDKey("other")) {
			t.Error("the change touches another key")
		}
	}
	if !(tenancy.Change{Kind: tenancy.ChangeReset}).Touches(tenancy.IDKey("any")) {
		t.Error("a reset does not touch every key")
	}
}

func TestFieldsOf(t *testing.T) {
	before := valid()
	if got := driver.FieldsOf(before, before); got != nil {
		t.Errorf("nothing changed: %q", got)
	}
	after := tenancy.Tenant{
		ID: "t2", Identifier: "other", Name: "Other", Status: tenancy.StatusSuspended, Isolation: tenancy.IsolationDatabase,
		DatabaseURL: tenancy.NewSecret("postgres://db/2"), SchemaName: "other", Metadata: driver.MetadataFromStored(`{"plan":"pro"}`),
	}
	got := driver.FieldsOf(before, after)
	want := []string{"database_url", "id", "identifier", "isolation", "metadata", "name", "schema_name", "status"}
	if !slices.Equal(got, want) {
		t.Errorf("everything changed: %q, want %q", got, want)
	}
	after = before
	after.Status, after.UpdatedAt, after.Revision, after.Mark = tenancy.StatusSuspended, time.Now(), 8, 9
	if got := driver.FieldsOf(before, after); !slices.Equal(got, []string{"status"}) {
		t.Errorf("the status changed: %q", got)
	}
	if n := reflect.TypeFor[tenancy.Tenant]().NumField(); n != len(want)+4 { // CreatedAt, UpdatedAt, Revision, Mark
		t.Errorf("a Tenant has %d fields, of which FieldsOf names %d", n, len(want))
	}
}

func TestChangesLimit(t *testing.T) {
	for limit, want := range map[int]int{0: tenancy.DefaultChangesLimit, 1: 1, tenancy.MaxChangesLimit: tenancy.MaxChangesLimit} {
		if got, err := driver.ChangesLimit(limit); err != nil || got != want {
			t.Errorf("ChangesLimit(%d): %d, %v", limit, got, err)
		}
	}
	for _, limit := range []int{-1, tenancy.MaxChangesLimit + 1} {
		_, err := driver.ChangesLimit(limit)
		wantInvalid(t, "limit", err, "limit")
	}
}
