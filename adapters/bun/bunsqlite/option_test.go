package bunsqlite_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// An option that is nil, as a variable that was never set, changes nothing, and a nil
// logger logs nothing.
func TestNilOptions(t *testing.T) {
	store, err := bunsqlite.Open(t.Context(), bunsqlite.Memory, nil, bunsqlite.WithStore(nil, bunstore.WithLogger(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
