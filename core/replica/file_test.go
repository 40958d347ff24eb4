package replica_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A tool reads the file that a replica has left, and sees when it is damaged.
func TestFile(t *testing.T) {
	store := memstore.New()
	acme, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("postgres://canary")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.AddDomain(t.Context(), acme.ID, "shop.example.com"); err != nil {
		t.Fatal(err)
	}
	if acme, err = store.VerifyDomain(t.Context(), acme.ID, "shop.example.com"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tenants.snap")
	r := start(t, store, replica.WithSnapshotFile(path, 1<<40))
	waitSynced(t, r)
	stop(t, r)

	read := func() (info replica.FileInfo, all []replica.FileTenant, err error) {
		f, err := replica.OpenFile(path)
		if err != nil {
			return info, nil, err
		}
		defer f.Close()
		for one, err := range f.All(nil) {
			if err != nil {
				return f.Info(), all, err
			}
			all = append(all, one)
		}
		return f.Info(), all, nil
	}
	info, all, err := read()
	if err != nil || info.Position != acme.Position() || info.Tenants != 1 || !info.Names || info.Current.IsZero() || len(all) != 1 {
		t.Fatalf("%+v, %d tenants, %v", info, len(all), err)
	}
	domain := []tenancy.Key{{Kind: tenancy.KindDomain, Value: "shop.example.com"}}
	if got := all[0]; got.ID != acme.ID || !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) || !slices.Equal(got.Names, domain) {
		t.Errorf("%+v", got)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1]++
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, all, err := read(); err == nil || len(all) != 0 {
		t.Errorf("damaged: %d tenants, %v", len(all), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}
