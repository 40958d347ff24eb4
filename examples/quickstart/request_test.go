package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestBadBodies(t *testing.T) {
	c, _ := newService(t, nil)
	post := func(body string, header ...string) answer {
		return c.call(t, "POST", "/admin/tenants", body, header...)
	}
	for _, body := range []string{
		"", " ", "x", "null", "[]", `"acme"`, `{`, `{"identifier":"acme"}{}`, `{"identifier":"acme"} x`, "{\"name\":\"\xff\"}",
	} {
		post(body, "Content-Type: application/json").wantProblem(t, 400, "bad-json", "")
	}
	for body, field := range map[string]string{
		`{"identifier":"acme"}`:                                                          "name",
		`{"name":"Acme"}`:                                                                "identifier",
		`{"identifier":"acme","name":"Acme","plan":"x"}`:                                 "plan",
		`{"identifier":"acme","name":"Acme","a\"b\u00fc":"x"}`:                           `a"bü`,
		`{"identifier":"acme","name":"Acme","` + big(1024) + `":"x"}`:                    "",
		`{"identifier":"acme","name":"Acme","id":"mine"}`:                                "id",
		`{"identifier":"acme","name":"Acme","revision":1}`:                               "revision",
		`{"identifier":"acme","name":"Acme","name":"Acme"}`:                              "name",
		`{"name":"Acme","identifier":"acme","n\u0061me":"B"}`:                            "name",
		`{"identifier":"acme","name":"Acme","Name":"Acme"}`:                              "Name",
		`{"identifier":"acme","NAME":"Acme"}`:                                            "NAME",
		`{"identifier":"acme","name":"Acme","\u017ftatus":"suspended"}`:                  "ſtatus",
		`{"identifier":"acme","name":"Acme","metadata":{"a":1,"a":2}}`:                   "a",
		`{"identifier":"acme","name":"Acme","metadata":{"a":[{"b":{"c":1e999,"c":2}}]}}`: "c",
		`{"identifier":"acme","name":7}`:                                                 "name",
		`{"identifier":"acme","name":"Acme","status":"odd"}`:                             "status",
		`{"identifier":"acme","name":"Acme","isolation":"odd"}`:                          "isolation",
		`{"identifier":"acme","name":"Acme","database_url":"***"}`:                       "database_url",
		`{"identifier":"acme","name":"Acme","metadata":[]}`:                              "metadata",
		`{"identifier":"acme","name":"Acme","metadata":{"n":1e999}}`:                     "metadata",
		`{"identifier":"acme","name":"Acme\u0000"}`:                                      "name",
		`{"identifier":"Acme","name":"Acme"}`:                                            "identifier",
		`{"identifier":"acme\n","name":"Acme"}`:                                          "identifier",
		`{"identifier":"acme","name":"` + strings.Repeat("é", 256) + `"}`:                "name",
		`{"identifier":"acme","name":"Acme","metadata":{"k":"` + big(256) + `"}}`:        "metadata",
	} {
		post(body).wantProblem(t, 400, "invalid", field)
	}
	post(`{"name":"`+big(2048)+`"}`).wantProblem(t, 413, "too-large", "")
	for _, coding := range []string{"gzip", "identity, gzip", "br", "x"} {
		got := post(maskless(acme), "Content-Encoding: "+coding)
		got.wantProblem(t, 415, "unsupported-encoding", "")
		if got.header.Get("Accept-Encoding") != "identity" {
			t.Errorf("Accept-Encoding %q", got.header["Accept-Encoding"])
		}
	}
	for _, contentType := range []string{"application/json; charset=utf-16", "text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json", ";", ""} {
		post(maskless(acme), "Content-Type: "+contentType).wantProblem(t, 415, "unsupported-media-type", "")
	}
	post(maskless(acme), "Content-Type: Application/JSON; charset=utf-8").tenant(t, http.StatusCreated)
}

// big returns so many KiB of text.
func big(kib int) string { return strings.Repeat("0123456789abcdef", kib<<6) }

func TestLargestMetadata(t *testing.T) {
	c, _ := newService(t, nil)
	body := `{"identifier":"acme","name":"Acme","metadata":{"k":"` + strings.Repeat(`\u0061`, 256<<10-len(`{"k":""}`)) + `"}}`
	if got := c.call(t, "POST", "/admin/tenants", body); got.status != http.StatusCreated {
		t.Errorf("got %d %.200s", got.status, got.body)
	}
}

func TestBadRequestsOfEveryEndpoint(t *testing.T) {
	c, _ := newService(t, nil)
	created := createAcme(t, c)
	c.call(t, "POST", "/admin/tenants", `{"identifier":"taken","name":"T"}`).tenant(t, http.StatusCreated)
	path := "/admin/tenants/" + created.ID
	missing := "/admin/tenants/missing"

	for _, action := range []string{"/suspend", "/activate"} {
		c.call(t, "POST", missing+action, "").wantProblem(t, 404, "tenant-not-found", "")
		c.call(t, "POST", path+action, "{}").wantProblem(t, 400, "unexpected-body", "")
	}
	c.call(t, "POST", missing+"/rename", `{"identifier":"x-x"}`).wantProblem(t, 404, "tenant-not-found", "")
	c.call(t, "POST", path+"/rename", `{"identifier":"taken"}`).wantProblem(t, 409, "already-exists", "identifier")
	c.call(t, "POST", path+"/rename", `{"identifier":"No"}`).wantProblem(t, 400, "invalid", "identifier")
	c.call(t, "POST", path+"/rename", `{}`).wantProblem(t, 400, "invalid", "identifier")
	c.call(t, "POST", path+"/rename", `{"slug":"x-x"}`).wantProblem(t, 400, "invalid", "slug")
	c.call(t, "POST", path+"/rename", "").wantProblem(t, 415, "unsupported-media-type", "")
	c.call(t, "PUT", path, `{"name":7}`).wantProblem(t, 400, "invalid", "name")
	c.call(t, "PUT", path, `{"revision":"7"}`).wantProblem(t, 400, "invalid", "revision")
	c.call(t, "PUT", path, `{"slug":"x"}`).wantProblem(t, 400, "invalid", "slug")
	c.call(t, "PATCH", missing+"/metadata", `{}`).wantProblem(t, 404, "tenant-not-found", "")
	c.call(t, "PATCH", path+"/metadata", `[]`).wantProblem(t, 400, "bad-json", "")
	c.call(t, "PATCH", path+"/metadata", `{"Plan":"a","Plan":"b"}`).wantProblem(t, 400, "invalid", "Plan")
	c.call(t, "PUT", path, `{"revision":1,"Revision":2}`).wantProblem(t, 400, "invalid", "Revision")
	c.call(t, "PUT", path, `{"revision":1}`).wantProblem(t, 400, "invalid", "mark")
	c.call(t, "PUT", path, `{"mark":"00c0ffee00c0ffee"}`).wantProblem(t, 400, "invalid", "mark")
	c.call(t, "PUT", path, `{"revision":1,"mark":"c0ffee"}`).wantProblem(t, 400, "invalid", "mark")
	c.call(t, "PUT", path, `{"revision":1,"mark":7}`).wantProblem(t, 400, "invalid", "mark")
	c.call(t, "PUT", path, `{"revision":-1,"mark":"00c0ffee00c0ffee"}`).wantProblem(t, 400, "invalid", "mark")
	c.call(t, "PATCH", path+"/metadata", `{"n":1e999}`).wantProblem(t, 400, "invalid", "metadata")
	c.call(t, "GET", "/admin/tenants/by-identifier/unknown", "").wantProblem(t, 404, "tenant-not-found", "")
	c.call(t, "GET", "/admin/tenants/by-identifier/No", "").wantProblem(t, 400, "invalid", "identifier")
	c.call(t, "GET", "/admin/tenants/"+strings.Repeat("x", 256), "").wantProblem(t, 400, "invalid", "id")

	// A condition that would not be checked is refused, not ignored.
	for _, request := range []string{"DELETE ", "POST /suspend", "POST /activate", "POST /rename", "PATCH /metadata"} {
		method, action, _ := strings.Cut(request, " ")
		for _, condition := range []string{`If-Match: "1"`, "If-None-Match: *", "If-Unmodified-Since: Mon, 30 Nov 2026 09:41:45 GMT"} {
			c.call(t, method, path+action, "", condition).wantProblem(t, 400, "not-conditional", "")
		}
	}
	c.call(t, "POST", "/admin/tenants", `{"identifier":"not-made","name":"N"}`, "If-None-Match: *").wantProblem(t, 400, "not-conditional", "")
	c.call(t, "PUT", path, `{"identifier":"acme","name":"N","status":"active"}`, "If-Match: *", `If-None-Match: "1"`).wantProblem(t, 400, "not-conditional", "")
	if got := c.call(t, "GET", path, "").tenant(t, 200); got != created {
		t.Errorf("a refused request changed the tenant: %+v", got)
	}
}

func TestUnmatchedRoutes(t *testing.T) {
	c, _ := newService(t, nil)
	for _, path := range []string{"/", "/admin", "/admin/", "/admin/tenants/", "/admin/tenants/x/explode", "/whoami/x", "/healthz/"} {
		c.call(t, "GET", path, "").wantProblem(t, 404, "no-such-endpoint", "")
	}
	for request, allow := range map[string]string{
		"POST /whoami":                           "GET, HEAD",
		"DELETE /healthz":                        "GET, HEAD",
		"POST /readyz":                           "GET, HEAD",
		"PUT /admin/tenants":                     "GET, HEAD, POST",
		"POST /admin/tenants/x":                  "DELETE, GET, HEAD, PUT",
		"GET /admin/tenants/x/suspend":           "POST",
		"GET /admin/tenants/x/activate":          "POST",
		"GET /admin/tenants/x/rename":            "POST",
		"PUT /admin/tenants/x/metadata":          "PATCH",
		"DELETE /admin/tenants/by-identifier/xy": "GET, HEAD",
		"OPTIONS /admin/tenants":                 "GET, HEAD, POST",
	} {
		method, path, _ := strings.Cut(request, " ")
		got := c.call(t, method, path, "")
		got.wantProblem(t, 405, "method-not-allowed", "")
		if got.header.Get("Allow") != allow {
			t.Errorf("%s: Allow is %q, want %q", request, got.header.Get("Allow"), allow)
		}
	}
}

// An admin API without authentication must not be reachable from a web page
// that happens to be open on the same machine.
func TestAdminAccess(t *testing.T) {
	c, _ := newService(t, nil)
	created := createAcme(t, c)
	suspend := "/admin/tenants/" + created.ID + "/suspend"

	for _, host := range []string{"acme.localhost", "rebound.example.com", "acme.localhost:8080"} {
		c.call(t, "GET", "/admin/tenants", "", "Host: "+host).wantProblem(t, 421, "not-an-admin-host", "")
	}
	// Names that an attacker in the network, or its DNS, could make point here.
	for _, host := range []string{"rebound", "re_bound:8080", "a_b.example.com"} {
		c.call(t, "GET", "/admin/tenants", "", "Host: "+host).wantProblem(t, 421, "not-an-admin-host", "")
	}
	c.call(t, "GET", "/admin/tenants", "", "Host: a..b").wantProblem(t, 400, "bad-host", "")
	for _, host := range []string{"localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080", "192.0.2.7"} {
		c.call(t, "GET", "/admin/tenants", "", "Host: "+host).list(t)
	}
	c.call(t, "POST", suspend, "", "Sec-Fetch-Site: cross-site").wantProblem(t, 403, "cross-origin", "")
	c.call(t, "POST", suspend, "", "Sec-Fetch-Site: same-site").wantProblem(t, 403, "cross-origin", "")
	c.call(t, "POST", suspend, "", "Origin: http://acme.localhost:8080").wantProblem(t, 403, "cross-origin", "")
	c.call(t, "POST", suspend, "", "Sec-Fetch-Site: same-origin").tenant(t, 200)
}
