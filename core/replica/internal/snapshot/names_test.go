package snapshot

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// names are those of the tenants of the tests: one, then two, then none.
func names(id string) []tenancy.Key {
	return map[byte][]tenancy.Key{
		'0': {{Kind: tenancy.KindDomain, Value: "a.test"}},
		'1': {{Kind: tenancy.KindDomain, Value: "b.test"}, {Kind: tenancy.KindFormer, Value: "former"}},
	}[id[len(id)-1]]
}

func TestNamesAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.snap")
	rows := tenants(3)
	for name, of := range map[string]func(string) []tenancy.Key{"known": names, "unknown": nil} {
		if err := Write(t.Context(), path, nil, header(rows), slices.Values(rows), of); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, want := map[string][]tenancy.Key{}, map[string][]tenancy.Key{}
		for row, err := range r.Rows(nil) {
			if err != nil {
				t.Fatal(err)
			}
			got[row.ID] = r.Names()
			if want[row.ID] = nil; of != nil {
				want[row.ID] = of(row.ID)
			}
		}
		if r.Header().Named != (of != nil) || !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s names: %v (Named is %t), want %v", name, got, r.Header().Named, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The release before had no names in its files.
func TestVersionWithoutNamesIsRefused(t *testing.T) {
	data := bytes.Replace(bytesOf(t, tenants(1)), []byte(magic+"\x02"), []byte(magic+"\x01"), 1)
	if _, err := readBytes(data); !errors.Is(err, ErrVersion) {
		t.Errorf("%v, want ErrVersion", err)
	}
}
