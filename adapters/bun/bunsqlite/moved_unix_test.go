//go:build unix

package bunsqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// A file that is moved, removed or replaced under a process takes its writes along, and
// no call fails. Check tells.
func TestMovedFileIsFound(t *testing.T) {
	dir := t.TempDir()
	path, elsewhere, other := filepath.Join(dir, "tenants.db"), filepath.Join(dir, "elsewhere.db"), filepath.Join(dir, "other.db")
	s, err := bunsqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	found := func(when string, want bool) {
		t.Helper()
		findings, err := s.Check(t.Context())
		if err != nil || (len(findings) == 1 && findings[0].Kind == bunstore.FindingFile) != want || !want && len(findings) > 0 {
			t.Errorf("%s: %+v, %v", when, findings, err)
		}
	}
	found("in its place", false)
	rename(path, elsewhere)
	found("moved", true)
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rename(other, path)
	found("replaced", true)
	rename(elsewhere, path)
	found("back", false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	found("removed", true)
}
