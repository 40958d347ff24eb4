package driver_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the compiler must refuse, so that nobody finds it out in production.
func TestBadProgramsDoNotCompile(t *testing.T) {
	for name, program := range map[string]struct{ body, says string }{
		"a good one": {`
			type counting struct{ tenancy.Decorator }
			var _ tenancy.Source = counting{}
			type store struct{ *driver.Extended }
			var _ tenancy.Source = store{}
			type backend struct{ driver.Backend }
			func (backend) Count(context.Context, tenancy.Filter) (int, error) { return 0, nil }
			var _ driver.Counter = backend{}`, ""},
		"a misspelt optional method": {`
			type backend struct{ driver.Backend }
			func (backend) CountTenants(context.Context, tenancy.Filter) (int, error) { return 0, nil }
			var _ driver.Counter = backend{}`, "missing method Count"},
		"an optional method with another signature": {`
			type backend struct{ driver.Backend }
			func (backend) Count(context.Context, tenancy.Filter) (int64, error) { return 0, nil }
			var _ driver.Counter = backend{}`, "wrong type for method Count"},
		"a log without Load": {`
			type backend struct { driver.Backend; tenancy.Log }
			var _ driver.Source = backend{}`, "missing method Load"},
		"a Store that embeds nothing": {`
			type store struct{}
			` + everyMethod + `
			var _ tenancy.Store = store{}`, "missing method mustEmbedDecoratorOrExtended"},
		"metadata from nowhere": {`
			var _ = tenancy.Metadata{"{}"}`, "unexported field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "program.go")
			text := fmt.Sprintf(`package program

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

var (
	_ context.Context
	_ tenancy.Tenant
	_ driver.ListKey
)
%s
`, program.body)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
			switch {
			case program.says == "" && err != nil:
				t.Errorf("it does not compile: %v\n%s", err, out)
			case program.says != "" && (err == nil || !strings.Contains(string(out), program.says)):
				t.Errorf("the compiler says %v\n%s\nwant: %s", err, out, program.says)
			}
		})
	}
}

// everyMethod is what an author would write who does not embed.
const everyMethod = `
			func (store) GetByID(context.Context, string) (t tenancy.Tenant, err error) { return }
			func (store) GetByIdentifier(context.Context, string) (t tenancy.Tenant, err error) { return }
			func (store) GetByIDs(context.Context, []string) (ts []tenancy.Tenant, err error) { return }
			func (store) Exists(context.Context, string) (ok bool, err error) { return }
			func (store) List(context.Context, tenancy.ListOptions) (p tenancy.Page, err error) { return }
			func (store) Count(context.Context, tenancy.Filter) (n int, err error) { return }
			func (store) Search(context.Context, string, tenancy.SearchOptions) (ts []tenancy.Tenant, err error) { return }
			func (store) Create(context.Context, tenancy.Tenant) (t tenancy.Tenant, err error) { return }
			func (store) CreateBatch(context.Context, []tenancy.Tenant) (rs []tenancy.CreateResult, err error) { return }
			func (store) Update(context.Context, tenancy.Tenant) (t tenancy.Tenant, err error) { return }
			func (store) SetStatus(context.Context, string, tenancy.Status) (t tenancy.Tenant, err error) { return }
			func (store) BulkUpdateStatus(context.Context, []string, tenancy.Status) (ts []tenancy.Tenant, err error) { return }
			func (store) UpdateMetadata(context.Context, string, tenancy.Metadata) (t tenancy.Tenant, err error) { return }
			func (store) Delete(context.Context, string) (err error) { return }
			func (store) Purge(context.Context, string) (err error) { return }
			func (store) GetByDomain(context.Context, string) (t tenancy.Tenant, err error) { return }
			func (store) FormerOwner(context.Context, string) (t tenancy.Tenant, err error) { return }
			func (store) NamesOf(context.Context, string) (ns []tenancy.Name, err error) { return }
			func (store) ListNames(context.Context, tenancy.TenantName, int) (page tenancy.NamePage, err error) { return }
			func (store) AddDomain(context.Context, string, string) (n tenancy.Name, err error) { return }
			func (store) VerifyDomain(context.Context, string, string) (t tenancy.Tenant, err error) { return }
			func (store) SetPrimaryDomain(context.Context, string, string) (t tenancy.Tenant, err error) { return }
			func (store) RemoveDomain(context.Context, string, string) (t tenancy.Tenant, err error) { return }
			func (store) Close() (err error) { return }
`
