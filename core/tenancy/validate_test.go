package tenancy_test

import (
	"errors"
	"fmt"
	"math"
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

func TestNormalizeTime(t *testing.T) {
	if got := driver.NormalizeTime(time.Time{}.In(time.FixedZone("", 3600))); got != (time.Time{}) {
		t.Errorf("the zero time in a zone becomes %#v", got)
	}
	now := time.Now()
	got := driver.NormalizeTime(now)
	if got.Location() != time.UTC || got.Nanosecond()%1000 != 0 || now.Sub(got) < 0 || now.Sub(got) >= time.Microsecond {
		t.Errorf("%v becomes %v", now, got)
	}
	if again := driver.NormalizeTime(got.In(time.FixedZone("", -7200))); again != got {
		t.Errorf("%#v and %#v are the same time", again, got)
	}
}

func TestNextUpdate(t *testing.T) {
	prev := time.Date(2024, 1, 1, 0, 0, 0, 5000, time.UTC)
	for _, c := range []struct{ now, want time.Time }{
		{prev.Add(time.Hour), prev.Add(time.Hour)},
		{prev.Add(time.Microsecond), prev.Add(time.Microsecond)},
		{prev.Add(999 * time.Nanosecond), prev.Add(time.Microsecond)},
		{prev, prev.Add(time.Microsecond)},
		{prev.Add(-time.Hour), prev.Add(time.Microsecond)},
	} {
		if got := driver.NextUpdate(prev, c.now); got != c.want {
			t.Errorf("NextUpdate(%v, %v) is %v, want %v", prev, c.now, got, c.want)
		}
	}
}

func TestForCreate(t *testing.T) {
	now := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 7200))
	got, err := driver.ForCreate(tenancy.Tenant{Identifier: "acme", Name: "Acme", Revision: 7, UpdatedAt: now.Add(time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID == "" || got.Status != tenancy.StatusActive || got.Revision != 0 ||
		got.CreatedAt != driver.NormalizeTime(now) || got.UpdatedAt != got.CreatedAt {
		t.Errorf("filled in: %+v", got)
	}
	given := valid()
	given.Status = tenancy.StatusDeleted
	given.CreatedAt = now.Add(-time.Hour)
	if got, err = driver.ForCreate(given, now); err != nil || got.ID != given.ID || got.Status != given.Status ||
		got.CreatedAt != driver.NormalizeTime(given.CreatedAt) || got.UpdatedAt != driver.NormalizeTime(now) {
		t.Errorf("given: %+v, %v", got, err)
	}
	given.CreatedAt = now.Add(time.Hour)
	if got, err = driver.ForCreate(given, now); err != nil || got.UpdatedAt.Before(got.CreatedAt) {
		t.Errorf("created in the future: %+v, %v", got, err)
	}
	// Times that do not fit into int64 microseconds must not wrap into the
	// allowed years.
	for _, year := range []int{-400_000, 0, 10_000, 294_300, 586_900, math.MaxInt32} {
		given.CreatedAt = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		_, err := driver.ForCreate(given, now)
		wantInvalid(t, "created in a far year", err, "created_at")
	}
}

func TestForUpdate(t *testing.T) {
	for revision, ok := range map[tenancy.Revision]bool{1: true, tenancy.Latest: true, tenancy.AnyRevision: true, 0: false, -2: false} {
		given := valid()
		given.Revision, given.Mark = revision, -7
		got, err := driver.ForUpdate(given)
		if !ok {
			wantInvalid(t, "revision", err, "revision")
			continue
		}
		want := given
		want.CreatedAt, want.UpdatedAt = time.Time{}, time.Time{}
		if err != nil || got != want {
			t.Errorf("revision %d: %+v, %v", revision, got, err)
		}
	}
	bare := valid()
	bare.Revision = 1
	_, err := driver.ForUpdate(bare)
	wantInvalid(t, "a revision without a mark", err, "revision")
	bare.Revision = tenancy.AnyRevision
	if _, err := driver.ForUpdate(bare); err != nil {
		t.Errorf("AnyRevision without a mark: %v", err)
	}
	half := tenancy.Tenant{ID: "t1", Name: "x", Revision: 1, Mark: 1}
	_, err = driver.ForUpdate(half)
	wantInvalid(t, "half a tenant", err, "identifier")
}

func TestUniqueIDs(t *testing.T) {
	got, err := driver.UniqueIDs([]string{"b", "a", "b", "c", "a"})
	if err != nil || strings.Join(got, "") != "bac" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = driver.UniqueIDs([]string{"a", ""})
	wantInvalid(t, "empty id", err, "id")
	if got, err := driver.UniqueIDs(nil); err != nil || len(got) != 0 {
		t.Errorf("none: %q, %v", got, err)
	}
}

func TestValidateNewID(t *testing.T) {
	for _, id := range []string{"a", "t1", tenancy.NewID(), "org/123", "a/b/c", "...", "..a", "a..", "a.b", "a b", "é世🙂", "%2e%2e", `a'"b`, "auth0|1", strings.Repeat("é", tenancy.MaxIDRunes)} {
		if err := driver.ValidateNewID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{
		"", strings.Repeat("a", tenancy.MaxIDRunes+1), "a\x00", "\xff", ".", "..", "../x", "x/..", "a/../b", "a/./b", "./a", "/", "/a", "a/", "a//b", `\`, `..\a`, `a\..`, `a\b\`, `a/..\b`,
		"\n", "a\nb", "a\rb", "a\tb", "\x1b[0m", "\x7f", "\u0085", "a\u2028", "a\u2029b", "a\u00a0b", "a\u3000b", " a", "a ", " ",
		"\u200b", "a\u200bb", "a\u200cb", "a\u200db", "a\u200eb", "a\u200fb", "a\u202ab", "a\u202eb", "a\u2060b", "a\u2066b", "a\u2069b", "\ufeffa", "a\u00adb", "a\u061cb", "a\U000e0001b", "a\ue000b",
	} {
		wantInvalid(t, fmt.Sprintf("%q", id), driver.ValidateNewID(id), "id")
		if _, err := driver.ForCreate(tenancy.Tenant{ID: id, Identifier: "acme", Name: "n"}, time.Now()); id != "" {
			wantInvalid(t, fmt.Sprintf("ForCreate with %q", id), err, "id")
		}
	}
	// What is stored is updated as it is.
	odd := tenancy.Tenant{ID: "a/../b\n", Identifier: "acme", Name: "n", Status: tenancy.StatusActive, Revision: 1, Mark: 1}
	if _, err := driver.ForUpdate(odd); err != nil {
		t.Errorf("a stored ID: %v", err)
	}
}
