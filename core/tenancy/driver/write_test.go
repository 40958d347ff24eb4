package driver_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

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
