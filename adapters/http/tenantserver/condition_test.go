package tenantserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
)

// TestConditions: a PUT says which state it edits. A state is named by revision and mark, so
// that a tag from before a backup was restored names none.
func TestConditions(t *testing.T) {
	store := prepared(t)
	s := serve(t, store, tenantserver.Full)
	const path, body = "/v1/tenants/t1", `{"identifier":"acme","name":"Acme Ltd.","status":"active"}`
	put := func(header ...string) answer { return s.do("PUT", path, body, header...) }

	tag := s.do("GET", path, "").header.Get("ETag")
	s.want(put(), http.StatusPreconditionRequired, "precondition-required", "PUT without a condition")
	s.want(put("If-Match", "W/"+tag), http.StatusPreconditionFailed, "precondition-failed", "PUT with a weak tag")
	s.want(put("If-Match", `"1-0000000000000001"`), http.StatusPreconditionFailed, "precondition-failed", "PUT with another tag")
	s.want(put("If-Match", `"abc"`), http.StatusPreconditionFailed, "precondition-failed", "PUT with a strange tag")
	s.want(put("If-Match", tag+", "+tag), http.StatusBadRequest, "bad-condition", "PUT with two tags")
	s.want(put("If-Match", tag, "If-None-Match", "*"), http.StatusBadRequest, "bad-condition", "PUT with two conditions")
	s.want(put("If-None-Match", "*"), http.StatusPreconditionFailed, "already-exists", "PUT of one that is there")

	backup := store.Backup()
	s.want(put("If-Match", tag), http.StatusOK, "", "PUT with the tag")
	s.want(put("If-Match", tag), http.StatusPreconditionFailed, "precondition-failed", "PUT with the tag again")
	lost := s.do("GET", path, "").header.Get("ETag")
	store.Restore(backup)
	s.want(put("If-Match", lost), http.StatusPreconditionFailed, "precondition-failed", "PUT with a tag that was lost")
	s.want(put("If-Match", tag), http.StatusOK, "", "PUT with the tag that was restored")
	now := s.do("GET", path, "", "If-None-Match", lost)
	s.want(now, http.StatusOK, "", "GET with a tag that was lost")
	if was, is, _ := strings.Cut(lost, "-"); !strings.HasPrefix(now.header.Get("ETag"), was) || is == "" {
		t.Fatalf("the revision was not taken again: %s, was %s", now.header.Get("ETag"), lost)
	}
	s.want(put("If-Match", lost), http.StatusPreconditionFailed, "precondition-failed", "PUT with a tag whose revision was taken again")

	for _, header := range []string{now.header.Get("ETag"), "W/" + now.header.Get("ETag"), `"x", ` + now.header.Get("ETag"), "*"} {
		if a := s.do("GET", path, "", "If-None-Match", header); a.status != http.StatusNotModified || a.body != "" {
			t.Errorf("GET with If-None-Match %s: %d %s", header, a.status, a.body)
		}
	}
	created := s.do("PUT", "/v1/tenants/t9", `{"identifier":"nine","name":"Nine"}`, "If-None-Match", "*")
	s.want(created, http.StatusCreated, "", "PUT of a new tenant")
	if created.header.Get("Location") != "/v1/tenants/t9" || created.header.Get("ETag") == "" {
		t.Errorf("PUT of a new tenant has the header %v", created.header)
	}
	taken := s.do("PUT", "/v1/tenants/t10", `{"identifier":"nine","name":"Nine"}`, "If-None-Match", "*")
	s.want(taken, http.StatusConflict, "already-exists", "PUT of a new tenant with a taken identifier")
	if taken.member("field") != "identifier" {
		t.Errorf("the field is %q", taken.member("field"))
	}
	for _, r := range routes() {
		if r.writes && r.header == nil {
			s.want(s.do(r.method, r.path, r.body, "If-Match", tag), http.StatusBadRequest, "not-conditional", r.method+" "+r.path+" with a condition")
		}
	}
}

// TestSecretIsKept: a PUT that does not state the secret leaves it, by every condition.
func TestSecretIsKept(t *testing.T) {
	store := prepared(t)
	s := serve(t, store, byToken)
	secret := func() string {
		t.Helper()
		stored, err := store.GetByID(t.Context(), "t1")
		if err != nil {
			t.Fatal(err)
		}
		return stored.DatabaseURL.Reveal()
	}
	put := func(url, match string) answer {
		return s.do("PUT", "/v1/tenants/t1", `{"identifier":"acme","name":"Acme","status":"active"`+url+`}`, "If-Match", match, "Authorization", "Bearer write")
	}
	tag := s.do("GET", "/v1/tenants/t1", "", "Authorization", "Bearer read").header.Get("ETag")
	s.want(put("", tag), http.StatusOK, "", "PUT without database_url")
	s.want(put("", "*"), http.StatusOK, "", "PUT without database_url and state")
	if secret() != canary {
		t.Error("a PUT without database_url has changed it")
	}
	masked := put(`,"database_url":"***"`, "*")
	s.want(masked, http.StatusBadRequest, "invalid", "PUT of the mask")
	if masked.member("field") != "database_url" || secret() != canary {
		t.Errorf("PUT of the mask: the field is %q", masked.member("field"))
	}
	s.want(put(`,"database_url":"postgres://new"`, "*"), http.StatusOK, "", "PUT of another secret")
	if secret() != "postgres://new" {
		t.Error("PUT of another secret was not stored")
	}
	s.want(put(`,"database_url":""`, "*"), http.StatusOK, "", "PUT of no secret")
	if secret() != "" {
		t.Error("PUT of no secret has left one")
	}
}
