package tenancy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

type plan struct {
	Name  string            `json:"name"`
	Seats counted           `json:"seats"`
	Flags map[string]string `json:"flags"`
}

// counted counts how often one is decoded.
type counted int64

var decoded atomic.Int64

func (c *counted) UnmarshalJSON(data []byte) error {
	decoded.Add(1)
	return json.Unmarshal(data, (*int64)(c))
}

func planned(t *testing.T, id string, seats any) tenancy.Tenant {
	t.Helper()
	m, err := tenancy.NewMetadata(map[string]any{"name": "pro", "seats": seats, "flags": map[string]string{"beta": "yes"}})
	if err != nil {
		t.Fatal(err)
	}
	return tenancy.Tenant{ID: id, Metadata: m}
}

func TestViewDecodesOnce(t *testing.T) {
	var view tenancy.View[plan]
	before := decoded.Load()
	expect := func(tenant tenancy.Tenant, seats counted, decodings int64) {
		t.Helper()
		got, err := view.Of(tenant)
		if err != nil || got.Name != "pro" || got.Seats != seats || got.Flags["beta"] != "yes" {
			t.Fatalf("%+v, %v", got, err)
		}
		if n := decoded.Load() - before; n != decodings {
			t.Errorf("decoded %d times, want %d", n, decodings)
		}
	}
	a, b := planned(t, "a", 1), planned(t, "b", 2)
	for range 3 {
		expect(a, 1, 1)
	}
	expect(b, 2, 2)
	expect(a, 1, 2)
	// Another write that leaves the metadata alone; an equal text that was read anew.
	a.Revision, a.Mark, a.Status = 7, 7, tenancy.StatusSuspended
	a.Metadata = driver.MetadataFromStored([]byte(a.Metadata.String()))
	expect(a, 1, 2)
	// Other metadata count, whatever the position is: of a restored backup, or of
	// tenants that were made by hand and have none.
	changed := planned(t, "a", 3)
	changed.Revision, changed.Mark = a.Revision, a.Mark
	expect(changed, 3, 3)
	expect(changed, 3, 3)
	expect(a, 1, 4) // a read from before, by another request

	for range 3 {
		if none, err := view.Of(tenancy.Tenant{ID: "none"}); err != nil || none.Seats != 0 || none.Flags != nil {
			t.Errorf("no metadata: %+v, %v", none, err)
		}
	}
}

func TestViewOfWhatDoesNotFit(t *testing.T) {
	var view tenancy.View[plan]
	bad := planned(t, "bad", "many")
	bad.Identifier = "acme"
	withheld := tenancy.Tenant{ID: "withheld", Metadata: driver.MetadataFromStored([]byte("[]"))}
	for _, tenant := range []tenancy.Tenant{bad, withheld} {
		got, first := view.Of(tenant)
		_, second := view.Of(tenant)
		var e *tenancy.Error
		if !errors.As(first, &e) || !errors.Is(e, tenancy.ErrWithheld) || errors.Is(e, tenancy.ErrInvalid) || e.ID != tenant.ID || e.Identifier != tenant.Identifier || e.Field != "metadata" {
			t.Errorf("%s: %v", tenant.ID, first)
		}
		if first != second { //nolint:errorlint // the very same one
			t.Errorf("%s: the error was made anew", tenant.ID)
		}
		if got.Name != "" || got.Flags != nil {
			t.Errorf("%s: with an error came %+v", tenant.ID, got)
		}
		if err := view.Check(tenant.Metadata); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: Check: %v", tenant.ID, err)
		}
		if strings.Contains(first.Error(), "many") {
			t.Errorf("the error quotes what is stored: %v", first)
		}
	}
	repaired := planned(t, "bad", 4)
	if got, err := view.Of(repaired); err != nil || got.Seats != 4 {
		t.Errorf("after the repair: %+v, %v", got, err)
	}
	if err := view.Check(repaired.Metadata); err != nil {
		t.Errorf("Check: %v", err)
	}
}

// Whatever was evicted, a value is that of the metadata that were given.
func TestViewOfMoreTenantsThanItHolds(t *testing.T) {
	for _, size := range []int{-1, 1, 5, 1 << 30} {
		view := tenancy.View[plan]{Size: size}
		var group sync.WaitGroup
		for worker := range 4 {
			group.Go(func() {
				for i := range 600 {
					n := (i*7 + worker) % 100
					tenant := planned(t, fmt.Sprint(n), n)
					if got, err := view.Of(tenant); err != nil || got.Seats != counted(n) {
						t.Errorf("tenant %d: %+v, %v", n, got, err)
						return
					}
				}
			})
		}
		group.Wait()
	}
}

func TestViewAllocatesNothing(t *testing.T) {
	var view tenancy.View[plan]
	good, bad := planned(t, "good", 1), planned(t, "bad", "many")
	_, _ = view.Of(good)
	_, _ = view.Of(bad)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = view.Of(good)
		_, _ = view.Of(bad)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkView(b *testing.B) {
	m, err := tenancy.ParseMetadata([]byte(`{"name":"pro","flags":{"beta":"yes"},"seats":25}`))
	if err != nil {
		b.Fatal(err)
	}
	tenant := tenancy.Tenant{ID: tenancy.NewID(), Metadata: m}
	b.Run("View", func(b *testing.B) {
		var view tenancy.View[plan]
		for b.Loop() {
			if _, err := view.Of(tenant); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("MetadataAs", func(b *testing.B) {
		for b.Loop() {
			if _, err := tenancy.MetadataAs[plan](tenant.Metadata); err != nil {
				b.Fatal(err)
			}
		}
	})
}
