package bunsqlite_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A write that fails returns no tenant that somebody could take for what is stored.
func TestFailedPatchReturnsNothing(t *testing.T) {
	s := open(t, bunsqlite.Memory)
	acme := create(t, s, "acme")
	for _, key := range []string{"a", "b"} {
		patch, err := tenancy.ParseMetadata([]byte(`{"` + key + `":"` + strings.Repeat("x", tenancy.MaxMetadataBytes*2/3) + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.UpdateMetadata(t.Context(), acme.ID, patch)
		if err != nil && got != (tenancy.Tenant{}) {
			t.Errorf("failed with %v, and returned tenant %s", err, got.ID)
		}
		if key == "b" && !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("error %v, want ErrInvalid", err)
		}
	}
}
