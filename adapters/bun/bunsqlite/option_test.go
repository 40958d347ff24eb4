package bunsqlite_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// An option that is nil, as a variable that was never set, is refused at once; a nil
// logger logs nothing.
func TestNilOptions(t *testing.T) {
	for _, opts := range [][]bunsqlite.Option{{nil}, {bunsqlite.WithStore(nil)}} {
		if _, err := bunsqlite.Open(t.Context(), bunsqlite.Memory, opts...); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), "option 1 is nil") {
			t.Errorf("%v, want ErrInvalid that says so", err)
		}
	}
	store, err := bunsqlite.Open(t.Context(), bunsqlite.Memory, bunsqlite.WithStore(bunstore.WithLogger(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
