package tenantio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// unreadable is a store in which some secrets and some metadata cannot be read.
type unreadable struct {
	*memstore.Store
	secrets, metadata map[string]bool // by ID
	opened            int             // how many secrets it was asked for
}

func (u *unreadable) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	page, err := u.Store.List(ctx, opts)
	for i := range page.Tenants {
		t := &page.Tenants[i]
		if !opts.OmitSecrets && !t.DatabaseURL.IsZero() {
			u.opened++
			if u.secrets[t.ID] {
				t.DatabaseURL = driver.WithheldSecret("no key k1")
			}
		}
		if u.metadata[t.ID] {
			t.Metadata = driver.MetadataFromStored([]byte("["))
		}
	}
	return page, err
}

func newUnreadable(t *testing.T, n int) *unreadable {
	u := &unreadable{newStore(t), map[string]bool{}, map[string]bool{}, 0}
	for i := range n {
		tenant := tenancy.Tenant{ID: fmt.Sprintf("id-%03d", i), Identifier: fmt.Sprintf("tenant-%03d", i), Name: "n", DatabaseURL: tenancy.NewSecret("postgres://u:canary@db")}
		if _, err := u.Create(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func TestExportWithoutSecretsOpensNone(t *testing.T) {
	u := newUnreadable(t, 5)
	u.secrets["id-003"] = true
	for _, f := range formats() {
		if n, err := tenantio.Export(t.Context(), u, &bytes.Buffer{}, f, tenantio.ExportOptions{}); n != 5 || err != nil || u.opened != 0 {
			t.Errorf("%s: %d, %v, %d secrets opened", f, n, err, u.opened)
		}
	}
}

func TestExportOfWhatCannotBeRead(t *testing.T) {
	for _, f := range formats() {
		u := newUnreadable(t, 5)
		u.secrets["id-003"], u.metadata["id-001"] = true, true
		var out bytes.Buffer
		n, err := tenantio.Export(t.Context(), u, &out, f, tenantio.ExportOptions{Secrets: true})
		if n != 5 || !errors.Is(err, tenancy.ErrWithheld) {
			t.Fatalf("%s: %d, %v", f, n, err)
		}
		for _, want := range []string{`"id-003"`, `"tenant-003"`, "database_url", "no key k1", `"id-001"`, "metadata"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not name %s: %v", f, want, err)
			}
		}
		if strings.Contains(err.Error(), "canary") || strings.Contains(out.String(), "withheld:") {
			t.Errorf("%s: %v\n%s", f, err, out.String())
		}
		// The file changes nothing where it came from, and restores the others elsewhere.
		if report := load(t, u, f, out.String(), tenantio.ImportOptions{Update: true}); show(report) != "0 0 5 0" {
			t.Errorf("%s: back into the store: %s", f, show(report))
		}
		if report := load(t, newStore(t), f, out.String(), tenantio.ImportOptions{}); report.Created != 3 || report.Failed != 2 {
			t.Errorf("%s: into a new store: %s", f, show(report))
		}
	}
}

func TestExportNamesAtMost100(t *testing.T) {
	u := newUnreadable(t, 120)
	for i := range 120 {
		u.secrets[fmt.Sprintf("id-%03d", i)] = true
	}
	n, err := tenantio.Export(t.Context(), u, &bytes.Buffer{}, tenantio.JSONLines, tenantio.ExportOptions{Secrets: true})
	if n != 120 || strings.Count(err.Error(), "no key k1") != 100 || !strings.HasSuffix(err.Error(), "and 20 more") {
		t.Errorf("%d, %v", n, err)
	}
}
