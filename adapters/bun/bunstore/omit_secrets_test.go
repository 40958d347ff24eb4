package bunstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// counting counts the secrets that it opens.
type counting struct {
	seal.Sealer
	opened atomic.Int32
}

func (c *counting) Open(sealed string, place seal.Place) (string, error) {
	c.opened.Add(1)
	return c.Sealer.Open(sealed, place)
}

func TestNoSecretIsOpenedThatIsNotAskedFor(t *testing.T) {
	keys, err := seal.NewKeyring(key(t, "k1"))
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, db *bun.DB) {
		ctx := t.Context()
		sealer := &counting{Sealer: keys}
		s := newStore(t, db, bunstore.WithSealer(sealer))
		for i := range 3 {
			given := tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%d", i), Name: "n"}
			if i > 0 {
				given.DatabaseURL = tenancy.NewSecret("postgres://db")
			}
			if _, err := s.Create(ctx, given); err != nil {
				t.Fatal(err)
			}
		}
		sealer.opened.Store(0)
		page, err := s.List(ctx, tenancy.ListOptions{OmitSecrets: true})
		if err != nil || len(page.Tenants) != 3 {
			t.Fatal(page, err)
		}
		for _, got := range page.Tenants {
			if none := got.Identifier == "tenant-0"; none != got.DatabaseURL.IsZero() || none == errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
				t.Errorf("%s: %v", got.Identifier, got.DatabaseURL.Err())
			}
		}
		if n, err := tenantio.Export(ctx, s, &bytes.Buffer{}, tenantio.CSV, tenantio.ExportOptions{}); n != 3 || err != nil {
			t.Errorf("Export: %d, %v", n, err)
		}
		if n := sealer.opened.Load(); n != 0 {
			t.Errorf("%d secrets were opened", n)
		}
		if n, err := tenantio.Export(ctx, s, &bytes.Buffer{}, tenantio.CSV, tenantio.ExportOptions{Secrets: true}); n != 3 || err != nil || sealer.opened.Load() != 2 {
			t.Errorf("Export with secrets: %d, %v, %d opened", n, err, sealer.opened.Load())
		}
	})
}
