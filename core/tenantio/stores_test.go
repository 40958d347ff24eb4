package tenantio_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

const twoLines = `{"identifier":"acme","name":"Acme"}` + "\n" + `{"identifier":"other","name":"Other"}`

// forgetful returns one result less than it should.
type forgetful struct{ *memstore.Store }

func (f forgetful) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	results, err := f.Store.CreateBatch(ctx, ts)
	return results[:len(results)-1], err
}

func TestImportMissesNoResult(t *testing.T) {
	report, err := importText(t, forgetful{newStore(t)}, twoLines, tenantio.ImportOptions{})
	if !errors.Is(err, tenancy.ErrUnavailable) || show(report) != "1 0 0 0" || report.Line != 1 {
		t.Errorf("%s, line %d, %v; want the first line alone, and an outage", show(report), report.Line, err)
	}
}

// cached is a store whose cache has never seen a tenant, and which is perhaps down.
type cached struct {
	*memstore.Store
	down bool
}

func (c cached) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if c.down {
		return nil, driver.ErrorIn("Load", tenancy.Key{}, tenancy.ErrUnavailable)
	}
	snapshots, err := c.Store.Load(ctx, want)
	for i := range snapshots {
		if want[i].Min != tenancy.Latest {
			snapshots[i] = tenancy.Versioned{}
		}
	}
	return snapshots, err
}

func TestImportComparesPastCaches(t *testing.T) {
	s := cached{Store: newStore(t)}
	for _, want := range []string{"2 0 0 0", "0 0 2 0"} {
		if report, err := importText(t, s, twoLines, tenantio.ImportOptions{}); err != nil || show(report) != want {
			t.Errorf("%s, %v; want %s", show(report), err, want)
		}
	}
}

// What becomes of a line with a mask depends on what is stored.
func TestImportOfAMaskInAnOutage(t *testing.T) {
	const masked = `{"identifier":"acme","name":"Acme","database_url":"***"}`
	s := cached{Store: newStore(t)}
	if report, err := importText(t, s, masked, tenantio.ImportOptions{}); err != nil || show(report) != "0 0 0 1 1:database_url" {
		t.Errorf("%s, %v", show(report), err)
	}
	s.down = true
	if report, err := importText(t, s, masked, tenantio.ImportOptions{}); !errors.Is(err, tenancy.ErrUnavailable) || show(report) != "0 0 0 0" {
		t.Errorf("in an outage: %s, %v", show(report), err)
	}
	plain := struct{ tenancy.Store }{newStore(t)} // asks for each line by itself
	report, err := importText(t, plain, `{"identifier":"Not valid","name":"x","database_url":"***"}`+"\n"+twoLines, tenantio.ImportOptions{})
	if err != nil || show(report) != "2 0 0 1 1:database_url" {
		t.Errorf("with an identifier that cannot be looked up: %s, %v", show(report), err)
	}
}

// rival writes what Update is about to write, a moment before.
type rival struct{ *memstore.Store }

func (r rival) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	first := t
	first.Revision = tenancy.AnyRevision
	if _, err := r.Store.Update(ctx, first); err != nil {
		return tenancy.Tenant{}, err
	}
	return r.Store.Update(ctx, t)
}

func TestImportBesideARival(t *testing.T) {
	s := rival{newStore(t)}
	fill(t, s.Store, []tenancy.Tenant{{Identifier: "acme", Name: "Old"}})
	report, err := importText(t, s, twoLines, tenantio.ImportOptions{Update: true})
	if err != nil || show(report) != "1 0 1 0" {
		t.Errorf("%s, %v; want one line that changed nothing any more", show(report), err)
	}
}
