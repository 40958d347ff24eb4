package storetest_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// A store of a third party: the few methods of Backend, no log. Extend does the
// rest.
func TestExtendedMinimalBackend(t *testing.T) { storetest.Run(t, minimalHarness()) }

func minimalHarness() storetest.Harness {
	return storetest.Harness{
		Open: func(testing.TB) tenancy.Store { return newMinimalStore(newMinimalDisk()) },
		Reopen: func(tb testing.TB, s tenancy.Store) tenancy.Store {
			if err := s.Close(); err != nil {
				tb.Fatal(err)
			}
			return newMinimalStore(s.(*minimalStore).disk)
		},
		Peer: func(_ testing.TB, s tenancy.Store) tenancy.Store { return newMinimalStore(s.(*minimalStore).disk) },
		Edit: func(_ testing.TB, s tenancy.Store, t tenancy.Tenant) { s.(*minimalStore).disk.edit(t) },
	}
}

type minimalStore struct {
	*driver.Extended
	disk *minimalDisk
}

func newMinimalStore(disk *minimalDisk) *minimalStore {
	x, err := driver.Extend(minimal{disk})
	if err != nil {
		panic(err)
	}
	return &minimalStore{x, disk}
}

// minimalDisk is what outlives a store.
type minimalDisk struct {
	mu       sync.Mutex
	rows     map[string]tenancy.Tenant // by ID
	ids      map[string]string         // by identifier
	revision tenancy.Revision
}

func newMinimalDisk() *minimalDisk {
	return &minimalDisk{rows: map[string]tenancy.Tenant{}, ids: map[string]string{}}
}

// put stores a row and gives it the next Revision.
func (d *minimalDisk) put(t tenancy.Tenant) tenancy.Tenant {
	d.revision++
	t.Revision, t.Mark = d.revision, 1+rand.Int64N(math.MaxInt64)
	delete(d.ids, d.rows[t.ID].Identifier)
	d.rows[t.ID], d.ids[t.Identifier] = t, t.ID
	return t
}

func (d *minimalDisk) edit(t tenancy.Tenant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row := d.rows[t.ID]
	row.Identifier, row.Name, row.Status = t.Identifier, t.Name, t.Status
	d.put(row)
}

type minimal struct{ *minimalDisk }

func (m minimal) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, found := m.rows[id]
	if !found {
		return row, tenancy.ErrNotFound
	}
	return row, nil
}

func (m minimal) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, found := m.rows[m.ids[identifier]]
	if !found {
		return row, tenancy.ErrNotFound
	}
	return row, nil
}

func (m minimal) ListAfter(_ context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []tenancy.Tenant
	for _, row := range m.rows {
		if opts.Filter.Matches(row) && (after.IsZero() || driver.ListKeyOf(row).Compare(after) > 0) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b tenancy.Tenant) int { return driver.ListKeyOf(a).Compare(driver.ListKeyOf(b)) })
	rows = rows[min(opts.Offset, len(rows)):]
	return driver.PageOf(rows[:min(opts.Limit+1, len(rows))], opts), nil
}

func (m minimal) Create(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.rows[t.ID]; taken {
		return tenancy.Tenant{}, &tenancy.Error{Field: "id", Err: tenancy.ErrAlreadyExists}
	}
	if _, taken := m.ids[t.Identifier]; taken {
		return tenancy.Tenant{}, &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
	}
	return m.put(t), nil
}

func (m minimal) Update(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return m.change(t.ID, func(row tenancy.Tenant) (tenancy.Tenant, error) {
		if t.Revision != tenancy.AnyRevision && t.Position() != row.Position() {
			return t, tenancy.ErrConflict
		}
		if id, taken := m.ids[t.Identifier]; taken && id != t.ID {
			return t, &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
		}
		return t, nil
	})
}

func (m minimal) UpdateMetadata(_ context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return m.change(id, func(row tenancy.Tenant) (_ tenancy.Tenant, err error) {
		row.Metadata, err = row.Metadata.Merge(patch)
		return row, err
	})
}

// change replaces a row by what edit makes of it.
func (m minimal) change(id string, edit func(tenancy.Tenant) (tenancy.Tenant, error)) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, found := m.rows[id]
	if !found {
		return row, tenancy.ErrNotFound
	}
	t, err := edit(row)
	if err != nil || t == row { // a patch that changes nothing writes nothing
		return t, err
	}
	t.CreatedAt, t.UpdatedAt = row.CreatedAt, driver.NextUpdate(row.UpdatedAt, time.Now())
	return m.put(t), nil
}

func (m minimal) BulkUpdateStatus(_ context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := time.Now()
	for _, id := range ids {
		at = driver.NextUpdate(m.rows[id].UpdatedAt, at)
	}
	var out []tenancy.Tenant
	for _, id := range ids {
		if row, found := m.rows[id]; found {
			row.Status, row.UpdatedAt = s, at
			out = append(out, m.put(row))
		}
	}
	return out, nil
}

func (m minimal) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, found := m.rows[id]
	if !found {
		return tenancy.ErrNotFound
	}
	m.revision++
	delete(m.rows, id)
	delete(m.ids, row.Identifier)
	return nil
}

func (minimal) Close() error { return nil }
