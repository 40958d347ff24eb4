package driver_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func TestReservedIdentifiers(t *testing.T) {
	reserved := driver.ReservedIdentifiers{"www", "API", "xn--*", "", "admin-*"}
	for identifier, want := range map[string]bool{
		"www": true, "ww": false, "wwww": false, "www-1": false, "api": true, "apis": false, "xn--bcher-kva": true, "xn--": true, "xn-a": false,
		"admin": false, "admin-": true, "admin-eu": true, "": true,
	} {
		if got := reserved.IsReserved(identifier); got != want {
			t.Errorf("%q: %t", identifier, got)
		}
	}
	if (driver.ReservedIdentifiers{}).IsReserved("www") || !(driver.ReservedIdentifiers{"*"}).IsReserved("anything") {
		t.Error("none, or all")
	}
}

func TestReservedInAStore(t *testing.T) {
	ctx := t.Context()
	old := memstore.New()
	kept, err := old.Create(ctx, tenancy.Tenant{ID: "kept", Identifier: "api", Name: "Kept"})
	if err != nil {
		t.Fatal(err)
	}
	s := memstore.New(memstore.WithReserved("www", "api"), memstore.WithReserved("xn--*"))
	s.Restore(old.Backup())
	for _, identifier := range []string{"www", "xn--pple-43d"} {
		_, err := s.Create(ctx, tenancy.Tenant{Identifier: identifier, Name: "n"})
		wantInvalid(t, "Create", err, "identifier")
		results, err := s.CreateBatch(ctx, []tenancy.Tenant{{Identifier: identifier, Name: "n"}, {Identifier: "free-" + identifier, Name: "n"}})
		if err != nil || results[1].Err != nil {
			t.Errorf("%v, %v", results, err)
		}
		wantInvalid(t, "CreateBatch", results[0].Err, "identifier")
		renamed := results[1].Tenant
		renamed.Identifier = identifier
		_, err = s.Update(ctx, renamed)
		wantInvalid(t, "a rename", err, "identifier")
		renamed.Revision = tenancy.AnyRevision
		_, err = s.Update(ctx, renamed)
		wantInvalid(t, "a rename of any revision", err, "identifier")
	}
	// Who has it keeps it.
	kept.Name = "Renamed for people"
	if kept, err = s.Update(ctx, kept); err != nil || kept.Identifier != "api" {
		t.Errorf("%+v, %v", kept, err)
	}
	if got, err := s.GetByIdentifier(ctx, "api"); err != nil || got != kept {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = s.Update(ctx, tenancy.Tenant{ID: "absent", Identifier: "www", Name: "n", Status: tenancy.StatusActive, Revision: tenancy.AnyRevision})
	wantError(t, "Update of nothing", err, tenancy.ErrNotFound, "Update")
}
