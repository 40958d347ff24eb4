package filestore_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/examples/filestore"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(tb testing.TB) tenancy.Store {
			store, err := filestore.Open(filepath.Join(tb.TempDir(), "tenants.json"))
			if err != nil {
				tb.Fatal(err)
			}
			return store
		},
	})
}

func TestTenantsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.json")
	store, err := filestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	made, err := store.Create(t.Context(), tenancy.Tenant{
		Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("postgres://acme"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store, err = filestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := store.GetByIdentifier(t.Context(), "acme"); err != nil || got != made {
		t.Errorf("after reopening: %+v, %v; want %+v", got, err, made)
	}
}

// The document shows the code that is tested here, to the letter.
func TestDocumentShowsThisCode(t *testing.T) {
	document := read(t, "../../docs/writing-an-adapter.md")
	code := read(t, "filestore.go") + read(t, "filestore_test.go")
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(document, -1)
	if len(snippets) == 0 {
		t.Fatal("the document has no snippets")
	}
	for _, s := range snippets {
		if !strings.Contains(code, s[1]) {
			t.Errorf("docs/writing-an-adapter.md shows code that is not in filestore.go or its test:\n%s", s[1])
		}
	}
	if n := strings.Count(read(t, "filestore.go"), "\n"); n >= 200 {
		t.Errorf("filestore.go has %d lines; the document promises fewer than 200", n)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
