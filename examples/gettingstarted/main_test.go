package main

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What docs/getting-started.md says that one will see.
func TestProgram(t *testing.T) {
	store, err := open(t.Context(), filepath.Join(t.TempDir(), "tenants.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	acme, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(host string, status int, body string) {
		t.Helper()
		if response := get(store, host); response.Code != status || body != "" && response.Body.String() != body {
			t.Errorf("%s: %d %q", host, response.Code, response.Body)
		}
	}
	ask("acme.localhost", http.StatusOK, "Hello, Acme Inc.!\n")
	ask("globex.localhost", http.StatusNotFound, "")
	if _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	ask("acme.localhost", http.StatusForbidden, "")
}

// An edit of the file behind the program's back reaches its cache.
func TestEditOfTheFileIsSeen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenants.db")
	store, err := open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."}); err != nil {
		t.Fatal(err)
	}
	if response := get(store, "acme.localhost"); response.Code != http.StatusOK {
		t.Fatal(response.Code)
	}
	shell, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer shell.Close()
	if _, err := shell.ExecContext(t.Context(), "UPDATE tenants SET status = 'suspended'"); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); get(store, "acme.localhost").Code != http.StatusForbidden; {
		if time.Since(start) > 5*time.Minute {
			t.Fatal("the suspension is not seen")
		}
	}
}

// Until modules are tagged, docs/getting-started.md has a reader work beside a clone.
// Here the repository is that clone, and the program is built instead of run.
func TestFromAClone(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "getting-started.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(page), "git clone https://github.com/go-tenancy/tenantstore\n")
	script, _, found := strings.Cut(script, "go run .\n```")
	if !found {
		t.Fatal("the page has no lines for a clone")
	}
	dir := t.TempDir()
	if err := os.Symlink(root, filepath.Join(dir, "tenantstore")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script+"go build -o "+os.DevNull+" .")
	cmd.Dir = dir
	// The versions are those that go.sum of the repository vouches for already.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GONOSUMDB=*")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func get(store tenancy.Store, host string) *httptest.ResponseRecorder {
	response := httptest.NewRecorder()
	app, err := handler(store)
	if err != nil {
		panic(err)
	}
	app.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil))
	return response
}
