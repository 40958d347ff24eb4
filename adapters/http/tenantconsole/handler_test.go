package tenantconsole_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantconsole"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func get(t *testing.T, h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestFiles: the page and all that it names is served, with the policy, and nothing else.
func TestFiles(t *testing.T) {
	h, err := tenantconsole.Handler(tenantconsole.WithAPI("/registry/"), tenantconsole.WithStatus("/debug/tenancy"))
	if err != nil {
		t.Fatal(err)
	}
	paths, seen := []string{"/"}, map[string]bool{"/": true}
	named := regexp.MustCompile(`(?:src|href)="([\w.]+)"|from '\./([\w.]+)'`)
	for len(paths) > 0 {
		path := paths[0]
		paths = paths[1:]
		answer := get(t, h, "GET", path)
		header := answer.Header()
		if answer.Code != http.StatusOK || !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'self'; ") ||
			header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", path, answer.Code, header)
		}
		if again := get(t, h, "GET", path, "If-None-Match", header.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s is sent again: %d", path, again.Code)
		}
		if post := get(t, h, "POST", path); post.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, post.Code)
		}
		for _, found := range named.FindAllStringSubmatch(answer.Body.String(), -1) {
			if next := "/" + found[1] + found[2]; !seen[next] {
				seen[next] = true
				paths = append(paths, next)
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("the page names too little: %v", seen)
	}
	if page := get(t, h, "GET", "/").Body.String(); !strings.Contains(page, `data-api="/registry" data-status="/debug/tenancy"`) {
		t.Error(page)
	}
	for _, path := range []string{"/nothing", "/page/index.html", "/../handler.go", "/v1/tenants"} {
		if answer := get(t, h, "GET", path); answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
}

// TestOptions: a path must not lead to another origin, to which the page would send the token.
func TestOptions(t *testing.T) {
	for _, path := range []string{"", "x", "//elsewhere.test/", `/\elsewhere.test`, "https://elsewhere.test/", "/x?y", "/x#y", "/%2"} {
		if _, err := tenantconsole.Handler(tenantconsole.WithAPI(path)); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("WithAPI(%q): %v", path, err)
		}
		if _, err := tenantconsole.Handler(tenantconsole.WithStatus(path)); !errors.Is(err, tenancy.ErrInvalid) && path != "" {
			t.Errorf("WithStatus(%q): %v", path, err)
		}
	}
	if _, err := tenantconsole.Handler(nil); !errors.Is(err, tenancy.ErrInvalid) {
		t.Error(err)
	}
}
