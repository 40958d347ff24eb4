package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestDomains(t *testing.T) {
	c, _ := newService(t, nil)
	id := createAcme(t, c).ID
	path, list := "/admin/tenants/"+id, "/admin/names/"+id
	other := "/admin/tenants/" + c.call(t, "POST", "/admin/tenants", `{"identifier":"globex","name":"Globex"}`).tenant(t, http.StatusCreated).ID
	whoami := func() answer { return c.call(t, "GET", "/whoami", "", "Host: shop.acme.test") }
	whoami().wantProblem(t, 404, "tenant-not-found", "")

	claim := decodeAs[tenancy.Name](t, c.call(t, "POST", path+"/domains", `{"domain":"shop.acme.test"}`), http.StatusCreated)
	if claim.Token == "" || !claim.VerifiedAt.IsZero() {
		t.Errorf("the claim is %+v", claim)
	}
	whoami().wantProblem(t, 404, "tenant-not-found", "")
	decodeAs[tenancy.Name](t, c.call(t, "POST", other+"/domains", `{"domain":"shop.acme.test"}`), http.StatusCreated) // claims are not exclusive

	c.call(t, "POST", path+"/domains/shop.acme.test/verify", "").tenant(t, 200)
	if got := whoami(); got.status != http.StatusOK {
		t.Errorf("whoami by the domain: %d %s", got.status, got.body)
	}
	c.call(t, "POST", other+"/domains/shop.acme.test/verify", "").wantProblem(t, 409, "already-exists", "domain")
	c.call(t, "PUT", path+"/primary-domain", `{"domain":"shop.acme.test"}`).tenant(t, 200)
	names := decodeAs[nameList](t, c.call(t, "GET", list, ""), 200).Names
	if len(names) != 1 || !names[0].Primary || names[0].VerifiedAt.IsZero() {
		t.Errorf("names: %+v", names)
	}
	c.call(t, "PUT", path+"/primary-domain", `{"domain":""}`).tenant(t, 200)

	if got := c.call(t, "DELETE", path+"/domains/shop.acme.test", ""); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("removed: %d %s", got.status, got.body)
	}
	whoami().wantProblem(t, 404, "tenant-not-found", "")
	if names := decodeAs[nameList](t, c.call(t, "GET", list, ""), 200).Names; names == nil || len(names) > 0 {
		t.Errorf("names: %#v, want an empty list", names)
	}

	c.call(t, "DELETE", path+"/domains/shop.acme.test", "").wantProblem(t, 404, "tenant-not-found", "")
	c.call(t, "POST", path+"/domains/shop.acme.test/verify", "").wantProblem(t, 404, "tenant-not-found", "")
	c.call(t, "PUT", path+"/primary-domain", `{"domain":"shop.acme.test"}`).wantProblem(t, 404, "tenant-not-found", "")
	c.call(t, "POST", path+"/domains", `{"domain":"Shop.acme.test"}`).wantProblem(t, 400, "invalid", "domain")
	c.call(t, "POST", path+"/domains", `{"name":"shop.acme.test"}`).wantProblem(t, 400, "invalid", "name")
	c.call(t, "GET", "/admin/names/missing", "").wantProblem(t, 404, "tenant-not-found", "")
}

// Whoever comes by the identifier before a rename is sent to the present one.
func TestFormerIdentifierIsRedirected(t *testing.T) {
	c, _ := newService(t, memstore.New(memstore.WithKeepFormer(time.Hour)))
	path := "/admin/tenants/" + createAcme(t, c).ID
	c.call(t, "POST", path+"/rename", `{"identifier":"acme-two"}`).tenant(t, 200)
	got := c.call(t, "GET", "/whoami?x=1", "", "Host: acme.localhost")
	if got.status != http.StatusPermanentRedirect || got.header.Get("Location") != "//acme-two.localhost/whoami?x=1" {
		t.Errorf("got %d to %q", got.status, got.header.Get("Location"))
	}
}
