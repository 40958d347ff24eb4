package tenancy_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// valid returns a tenant that every store takes.
func valid() tenancy.Tenant {
	return tenancy.Tenant{
		ID: "t1", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive,
		CreatedAt: time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC),
	}
}

func wantInvalid(t *testing.T, what string, err error, field string) {
	t.Helper()
	var e *tenancy.Error
	if !errors.As(err, &e) || !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("%s: error %v, want an *Error that wraps ErrInvalid", what, err)
	} else if e.Field != field {
		t.Errorf("%s: field %q, want %q", what, e.Field, field)
	}
}

func TestTenantValidate(t *testing.T) {
	big := driver.MetadataFromStored([]byte(`{"a":"` + strings.Repeat("x", tenancy.MaxMetadataBytes) + `"}`))
	long := func(n int) string { return strings.Repeat("😀", n) }
	for _, c := range []struct {
		name  string
		edit  func(*tenancy.Tenant)
		field string // empty: valid
	}{
		{"as it is", func(*tenancy.Tenant) {}, ""},
		{"no id", func(t *tenancy.Tenant) { t.ID = "" }, "id"},
		{"id of 255 runes", func(t *tenancy.Tenant) { t.ID = long(255) }, ""},
		{"id of 256 runes", func(t *tenancy.Tenant) { t.ID = strings.Repeat("x", 256) }, "id"},
		{"id with NUL", func(t *tenancy.Tenant) { t.ID = "a\x00" }, "id"},
		{"id that is not UTF-8", func(t *tenancy.Tenant) { t.ID = "a\xff" }, "id"},
		{"id of one space", func(t *tenancy.Tenant) { t.ID = " " }, ""},
		{"no name", func(t *tenancy.Tenant) { t.Name = "" }, "name"},
		{"name of 255 runes", func(t *tenancy.Tenant) { t.Name = long(255) }, ""},
		{"name of 256 runes", func(t *tenancy.Tenant) { t.Name = long(256) }, "name"},
		{"name of half a rune", func(t *tenancy.Tenant) { t.Name = "😀"[:2] }, "name"},
		{"identifier", func(t *tenancy.Tenant) { t.Identifier = "Acme" }, "identifier"},
		{"no status", func(t *tenancy.Tenant) { t.Status = "" }, "status"},
		{"unknown status", func(t *tenancy.Tenant) { t.Status = "frozen" }, "status"},
		{"unknown isolation", func(t *tenancy.Tenant) { t.Isolation = "vm" }, "isolation"},
		{"url of 8 KiB", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(strings.Repeat("x", 8<<10)) }, ""},
		{"url of 8 KiB and 1", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(strings.Repeat("x", 8<<10+1)) }, "database_url"},
		{"url with NUL", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret("canary\x00") }, "database_url"},
		{"url that is not UTF-8", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret("canary\xff") }, "database_url"},
		{"url that is the mask", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret("***") }, "database_url"},
		{"schema of 255 runes", func(t *tenancy.Tenant) { t.SchemaName = long(255) }, ""},
		{"schema of 256 runes", func(t *tenancy.Tenant) { t.SchemaName = long(256) }, "schema_name"},
		{"schema with NUL", func(t *tenancy.Tenant) { t.SchemaName = "\x00" }, "schema_name"},
		{"metadata too large", func(t *tenancy.Tenant) { t.Metadata = big }, "metadata"},
		{"year 0", func(t *tenancy.Tenant) { t.CreatedAt = time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC) }, "created_at"},
		{"year 10000", func(t *tenancy.Tenant) { t.UpdatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "updated_at"},
		{"year 9998", func(t *tenancy.Tenant) { t.CreatedAt = time.Date(9998, 12, 31, 23, 0, 0, 0, time.UTC) }, ""},
		{"year 9999 in UTC", func(t *tenancy.Tenant) {
			t.CreatedAt = time.Date(9998, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600))
		}, "created_at"},
		{"updated in the year 9999", func(t *tenancy.Tenant) { t.UpdatedAt = time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC) }, ""},
		{"revision", func(t *tenancy.Tenant) { t.Revision = -5 }, ""},
	} {
		tenant := valid()
		c.edit(&tenant)
		err := tenant.Validate()
		if c.field == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wantInvalid(t, c.name, err, c.field)
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error holds the secret: %v", c.name, err)
		}
	}
	for _, s := range tenancy.Statuses() {
		if !s.Known() || s.Validate() != nil {
			t.Errorf("status %q is not known", s)
		}
		// Who gets it wrong is told what is right.
		if err := tenancy.Status("frozen").Validate(); !strings.Contains(err.Error(), string(s)) {
			t.Errorf("the error does not name %q: %v", s, err)
		}
	}
	for _, i := range []tenancy.Isolation{tenancy.IsolationRow, tenancy.IsolationSchema, tenancy.IsolationDatabase, tenancy.IsolationHybrid} {
		tenant := tenancy.Tenant{ID: "1", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive, Isolation: "wall"}
		if err := tenant.Validate(); err == nil || !strings.Contains(err.Error(), string(i)) {
			t.Errorf("the error does not name %q: %v", i, err)
		}
	}
}

var identifierRule = regexp.MustCompile(`\A[a-z][a-z0-9-]{1,61}[a-z0-9]\z`)

func FuzzValidateIdentifier(f *testing.F) {
	for _, seed := range []string{
		"", "a", "ab", "abc", "a-b", "a--b", "ab-", "-ab", "1ab", "ab1", "abC", "ab\n", "abc\n", "аbc", "a_b", "a.b", "abc\x00",
		strings.Repeat("a", 63), strings.Repeat("a", 64),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, identifier string) {
		err := tenancy.ValidateIdentifier(identifier)
		if identifierRule.MatchString(identifier) != (err == nil) {
			t.Fatalf("ValidateIdentifier(%q): %v", identifier, err)
		}
		if err != nil {
			wantInvalid(t, identifier, err, "identifier")
		} else if driver.Fold(identifier) != identifier {
			t.Fatalf("Fold changes %q", identifier)
		}
	})
}
