package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const acme = `{"identifier":"acme","name":"Acme Ltd","database_url":"postgres://u:canary@db/acme","metadata":{"plan":"free","limits":{"seats":3}}}`

// createAcme creates the tenant of most tests.
func createAcme(t *testing.T, c *client) tenancy.Tenant {
	t.Helper()
	return c.call(t, "POST", "/admin/tenants", maskless(acme)).tenant(t, http.StatusCreated)
}

// maskless leaves the secret out, so that the answer can be decoded.
func maskless(body string) string {
	return strings.Replace(body, `"database_url":"postgres://u:canary@db/acme",`, "", 1)
}

func TestLifeCycle(t *testing.T) {
	c, _ := newService(t, nil)

	got := c.call(t, "POST", "/admin/tenants", maskless(acme))
	created := got.tenant(t, http.StatusCreated)
	path := "/admin/tenants/" + created.ID
	if got.header.Get("Location") != path || got.header.Get("ETag") != etag(created) {
		t.Errorf("got Location %q, ETag %q", got.header.Get("Location"), got.header.Get("ETag"))
	}
	if created.Identifier != "acme" || created.Status != tenancy.StatusActive || created.Metadata.String() != `{"limits":{"seats":3},"plan":"free"}` {
		t.Errorf("created %+v", created)
	}
	for _, where := range []string{path, "/admin/tenants/by-identifier/acme"} {
		got := c.call(t, "GET", where, "")
		if got.tenant(t, http.StatusOK) != created || got.header.Get("ETag") != etag(created) {
			t.Errorf("%s: got %s with ETag %q", where, got.body, got.header.Get("ETag"))
		}
	}

	whoami := func() int { return c.call(t, "GET", "/whoami", "", "Host: acme.localhost").status }
	if suspended := c.call(t, "POST", path+"/suspend", "").tenant(t, 200); suspended.Status != tenancy.StatusSuspended {
		t.Errorf("suspended: %+v", suspended)
	}
	if got := whoami(); got != http.StatusForbidden {
		t.Errorf("whoami of a suspended tenant: got %d", got)
	}
	if active := c.call(t, "POST", path+"/activate", "").tenant(t, 200); active.Status != tenancy.StatusActive {
		t.Errorf("activated: %+v", active)
	}
	if got := whoami(); got != http.StatusOK {
		t.Errorf("whoami of an active tenant: got %d", got)
	}

	patched := c.call(t, "PATCH", path+"/metadata", `{"limits":null,"since":2024}`).tenant(t, 200)
	if want := `{"limits":null,"plan":"free","since":2024}`; patched.Metadata.String() != want {
		t.Errorf("patched: got %s, want %s", patched.Metadata, want)
	}

	renamed := c.call(t, "POST", path+"/rename", `{"identifier":"acme-two"}`).tenant(t, 200)
	if renamed.Identifier != "acme-two" || renamed.Metadata != patched.Metadata {
		t.Errorf("renamed: %+v", renamed)
	}
	if got := whoami(); got != http.StatusNotFound {
		t.Errorf("whoami by the old identifier: got %d", got)
	}

	if got := c.call(t, "DELETE", path, ""); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("deleted: got %d %s", got.status, got.body)
	}
	c.call(t, "GET", path, "").wantProblem(t, 404, "tenant-not-found", "")
	c.call(t, "DELETE", path, "").wantProblem(t, 404, "tenant-not-found", "")
}

func TestUpdate(t *testing.T) {
	c, _ := newService(t, nil)
	created := createAcme(t, c)
	path := "/admin/tenants/" + created.ID
	put := func(body string, header ...string) answer { return c.call(t, "PUT", path, body, header...) }
	first := "If-Match: " + etag(created)

	put(`{"identifier":"acme","name":"B","status":"active"}`).wantProblem(t, 428, "precondition-required", "")

	// GET, edit, PUT: the answer of a GET is a body for PUT.
	body := strings.Replace(c.call(t, "GET", path, "").body, "Acme Ltd", "Acme Inc", 1)
	got := put(body)
	second := got.tenant(t, 200)
	if second.Name != "Acme Inc" || second.Metadata != created.Metadata || second.CreatedAt != created.CreatedAt ||
		second.Revision <= created.Revision || got.header.Get("ETag") != etag(second) {
		t.Errorf("got %+v with ETag %q", second, got.header.Get("ETag"))
	}

	// The same again is late.
	put(body).wantProblem(t, 409, "conflict", "")
	put(`{"identifier":"acme","name":"B","status":"active"}`, first).wantProblem(t, 412, "precondition-failed", "")
	put(`{"identifier":"acme","name":"B","status":"active"}`, "If-Match: W/"+etag(second)).wantProblem(t, 412, "precondition-failed", "")

	// If-Match says the revision; what is left out becomes empty.
	third := put(`{"identifier":"acme-inc","name":"C","status":"suspended","isolation":"schema","schema_name":"acme"}`,
		`If-Match: "7777", `+etag(second)).tenant(t, 200)
	if third.Identifier != "acme-inc" || third.Status != tenancy.StatusSuspended || third.Isolation != tenancy.IsolationSchema ||
		third.SchemaName != "acme" || third.Metadata.String() != "{}" {
		t.Errorf("got %+v", third)
	}
	put(`{"identifier":"acme-inc","name":"D","status":"active"}`, "If-Match: *").tenant(t, 200)

	always := "If-Match: *"
	put(`{"identifier":"acme","name":"","status":"active"}`, always).wantProblem(t, 400, "invalid", "name")
	put(`{"identifier":"acme","name":"B"}`, always).wantProblem(t, 400, "invalid", "status")
	put(`{"identifier":"A","name":"B","status":"active"}`, always).wantProblem(t, 400, "invalid", "identifier")
	put(`{"id":"other","identifier":"acme","name":"B","status":"active"}`, always).wantProblem(t, 400, "invalid", "id")
	c.call(t, "POST", "/admin/tenants", `{"identifier":"taken","name":"T"}`).tenant(t, http.StatusCreated)
	put(`{"identifier":"taken","name":"B","status":"active"}`, always).wantProblem(t, 409, "already-exists", "identifier")
	c.call(t, "PUT", "/admin/tenants/missing", `{"identifier":"acme","name":"B","status":"active"}`, always).wantProblem(t, 404, "tenant-not-found", "")
}

// A backup is restored, and the revisions that it lacks are taken a second time.
// Who edited what the database has lost must not overwrite what is there now.
func TestUpdateAfterRestore(t *testing.T) {
	cfg := newDB(t)
	backup := cfg.path + ".backup"
	copyFile := func(to, from string) {
		t.Helper()
		data, err := os.ReadFile(from) // the program has stopped: it is the whole database
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, cfg)
	path := "/admin/tenants/" + createAcme(t, p.client).ID
	p.stop(t)
	copyFile(backup, cfg.path)

	p = start(t, cfg)
	p.call(t, "POST", path+"/rename", `{"identifier":"acme-two"}`).tenant(t, 200)
	form := p.call(t, "GET", path, "")
	edited := form.tenant(t, 200)
	p.stop(t)
	copyFile(cfg.path, backup)

	p = start(t, cfg)
	suspended := p.call(t, "POST", path+"/suspend", "").tenant(t, 200)
	if suspended.Revision != edited.Revision {
		t.Fatalf("the revision %d was not taken a second time: %d", edited.Revision, suspended.Revision)
	}
	const fields = `{"identifier":"acme-two","name":"Acme","status":"active"}`
	p.call(t, "PUT", path, fields, "If-Match: "+form.header.Get("ETag")).wantProblem(t, 412, "precondition-failed", "")
	p.call(t, "PUT", path, fields, fmt.Sprintf(`If-Match: "%d"`, edited.Revision)).wantProblem(t, 412, "precondition-failed", "")
	p.call(t, "PUT", path, form.body).wantProblem(t, 409, "conflict", "")
	p.call(t, "PUT", path, fmt.Sprintf(`{"revision":%d,%s`, edited.Revision, fields[1:])).wantProblem(t, 400, "invalid", "mark")
	if got := p.call(t, "GET", path, "").tenant(t, 200); got != suspended {
		t.Errorf("the suspension is gone: %+v", got)
	}
	p.stop(t)
}

// Two operators edit the same tenant again and again; no edit is lost.
func TestConcurrentUpdatesConflict(t *testing.T) {
	c, _ := newService(t, nil)
	created := createAcme(t, c)
	path := "/admin/tenants/" + created.ID
	const writers = 16
	statuses := make(chan int, writers)
	for i := range writers {
		go func() {
			got, err := c.try(t.Context(), "PUT", path, fmt.Sprintf(`{"identifier":"acme","name":"Writer %d","status":"active"}`, i),
				"If-Match: "+etag(created))
			if err != nil {
				t.Error(err)
			}
			statuses <- got.status
		}()
	}
	count := map[int]int{}
	for range writers {
		count[<-statuses]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusPreconditionFailed] != writers-1 {
		t.Errorf("got %v: want one winner, and 412 for the others", count)
	}
}

func TestSecrets(t *testing.T) {
	store := memstore.New()
	c, log := newService(t, store)
	var answers []answer
	do := func(method, path, body string, header ...string) answer {
		got := c.call(t, method, path, body, header...)
		answers = append(answers, got)
		return got
	}
	if got := do("POST", "/admin/tenants", acme); got.status != http.StatusCreated || !strings.Contains(got.body, `"database_url":"***"`) {
		t.Fatalf("created: %d %s", got.status, got.body)
	}
	created, err := store.GetByIdentifier(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	url := func() string {
		got, err := store.GetByID(t.Context(), created.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.DatabaseURL.Reveal()
	}
	path := "/admin/tenants/" + created.ID
	do("GET", "/admin/tenants", "")
	do("GET", "/admin/tenants/search?q=acme", "")
	do("GET", "/whoami", "", "Host: acme.localhost")
	do("POST", path+"/suspend", "")
	do("PATCH", path+"/metadata", `{"a":1}`)
	masked := do("GET", path, "")
	do("PUT", path, masked.body).wantProblem(t, 400, "invalid", "database_url")
	do("PUT", path, `{"identifier":"acme","name":"Acme","status":"active"}`, "If-Match: *")
	if got := url(); got != "postgres://u:canary@db/acme" {
		t.Errorf("an update without database_url made it %q", got)
	}
	do("PUT", path, `{"identifier":"acme","name":"Acme","status":"active","database_url":"canary-2"}`, "If-Match: *")
	if got := url(); got != "canary-2" {
		t.Errorf("database_url is %q", got)
	}
	do("PUT", path, `{"identifier":"acme","name":"Acme","status":"active","database_url":""}`, "If-Match: *")
	if got := url(); got != "" {
		t.Errorf("database_url is %q", got)
	}
	do("POST", "/admin/tenants", acme).wantProblem(t, 409, "already-exists", "identifier")
	for _, got := range answers {
		if strings.Contains(got.body, "canary") {
			t.Errorf("an answer tells a secret: %s", got.body)
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the log tells a secret: %s", log)
	}
}

func TestListAndSearch(t *testing.T) {
	c, _ := newService(t, nil)
	if got := c.call(t, "GET", "/admin/tenants", ""); got.body != `{"tenants":[]}`+"\n" {
		t.Errorf("the empty list: %s", got.body)
	}
	var want []string
	for i := range 25 {
		body := fmt.Sprintf(`{"identifier":"tenant-%02d","name":"Škola %02d"}`, i, i)
		created := c.call(t, "POST", "/admin/tenants", body).tenant(t, http.StatusCreated)
		if i%5 == 0 {
			c.call(t, "POST", "/admin/tenants/"+created.ID+"/suspend", "").tenant(t, 200)
		}
		want = append(want, created.Identifier)
	}
	slices.Reverse(want) // newest first

	var got []string
	path := "/admin/tenants?limit=10"
	for pages := 1; ; pages++ {
		page := c.call(t, "GET", path, "").list(t)
		for _, tenant := range page.Tenants {
			got = append(got, tenant.Identifier)
		}
		if page.NextCursor == "" {
			if pages != 3 {
				t.Errorf("got %d pages, want 3", pages)
			}
			break
		}
		path = "/admin/tenants?limit=10&cursor=" + page.NextCursor
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}

	for query, n := range map[string]int{
		"?status=suspended":                         5,
		"?status=active&limit=1000":                 20,
		"?status=active&status=suspended":           25,
		"?status=deleted":                           0,
		"/search?q=TENANT-1":                        10,
		"/search?q=%C5%A1kola+07":                   1,
		"/search?q=%C5%A1kola&limit=25":             25,
		"/search?q=tenant&status=suspended":         5,
		"/search?q=%25":                             0,
		"/search?q=tenant-07&limit=5&status=active": 1,
	} {
		if got := c.call(t, "GET", "/admin/tenants"+query, "").list(t); len(got.Tenants) != n {
			t.Errorf("%s: got %d tenants, want %d", query, len(got.Tenants), n)
		}
	}

	for query, field := range map[string]string{
		"?limit=0": "limit", "?limit=-1": "limit", "?limit=ten": "limit", "?limit=1001": "limit", "?limit=1&limit=2": "limit",
		"?cursor=x": "cursor", "?status=unknown": "status", "?stauts=active": "", "?offset=1": "", "?limit=%zz": "",
		"/search?q=a&limit=1001": "limit", "/search?q=a&cursor=x": "", "/search?q=%00": "query", "/search?q=%ff": "query",
	} {
		c.call(t, "GET", "/admin/tenants"+query, "").wantProblem(t, 400, "invalid", field)
	}
}
