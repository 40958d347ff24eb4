package storetest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A store of a third party: the few methods of Backend, no log. Extend does the
// rest.
func TestExtendedMinimalBackend(t *testing.T) { storetest.Run(t, minimalHarness()) }

func minimalHarness() storetest.Harness {
	return storetest.Harness{
		Open: func(testing.TB) tenancy.Store { return newMinimalStore(&minimalDisk{}) },
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
	*tenancy.Extended
	disk *minimalDisk
}

func newMinimalStore(disk *minimalDisk) *minimalStore {
	return &minimalStore{tenancy.Extend(minimal{disk}), disk}
}

// minimalDisk is what outlives a store. Every lookup scans it.
type minimalDisk struct {
	mu       sync.Mutex
	rows     []tenancy.Tenant
	revision tenancy.Revision
}

func (d *minimalDisk) edit(t tenancy.Tenant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revision++
	for i := range d.rows {
		if row := &d.rows[i]; row.ID == t.ID {
			row.Identifier, row.Name, row.Status, row.Revision = t.Identifier, t.Name, t.Status, d.revision
		}
	}
}

func (d *minimalDisk) find(k tenancy.Key) (*tenancy.Tenant, error) {
	for i := range d.rows {
		if k.Matches(d.rows[i]) {
			return &d.rows[i], nil
		}
	}
	return nil, tenancy.ErrNotFound
}

type minimal struct{ *minimalDisk }

func (m minimal) get(k tenancy.Key) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, err := m.find(k)
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return *row, nil
}

func (m minimal) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	return m.get(tenancy.IDKey(id))
}

func (m minimal) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	return m.get(tenancy.IdentifierKey(identifier))
}

func (m minimal) List(_ context.Context, opts tenancy.ListOptions, after tenancy.ListKey) (tenancy.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := slices.DeleteFunc(slices.Clone(m.rows), func(t tenancy.Tenant) bool {
		return !opts.Filter.Matches(t) || !after.IsZero() && tenancy.ListKeyOf(t).Compare(after) <= 0
	})
	slices.SortFunc(rows, func(a, b tenancy.Tenant) int { return tenancy.ListKeyOf(a).Compare(tenancy.ListKeyOf(b)) })
	return tenancy.PageOf(rows[min(opts.Offset, len(rows)):min(opts.Offset+opts.Limit+1, len(rows))], opts.Limit), nil
}

func (m minimal) Create(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(tenancy.IDKey(t.ID)); err == nil {
		return tenancy.Tenant{}, &tenancy.Error{Field: "id", Err: tenancy.ErrAlreadyExists}
	}
	if _, err := m.find(tenancy.IdentifierKey(t.Identifier)); err == nil {
		return tenancy.Tenant{}, &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
	}
	m.revision++
	t.Revision = m.revision
	m.rows = append(m.rows, t)
	return t, nil
}

func (m minimal) Update(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, err := m.find(tenancy.IDKey(t.ID))
	if err != nil {
		return tenancy.Tenant{}, err
	}
	if t.Revision != tenancy.AnyRevision && t.Revision != row.Revision {
		return tenancy.Tenant{}, tenancy.ErrConflict
	}
	if other, err := m.find(tenancy.IdentifierKey(t.Identifier)); err == nil && other != row {
		return tenancy.Tenant{}, &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
	}
	t.CreatedAt = row.CreatedAt
	t.UpdatedAt = row.UpdatedAt
	*row = t
	m.touch(row, time.Now())
	return *row, nil
}

// touch gives a changed row its UpdatedAt and Revision.
func (m minimal) touch(row *tenancy.Tenant, at time.Time) {
	m.revision++
	row.UpdatedAt, row.Revision = tenancy.NextUpdate(row.UpdatedAt, at), m.revision
}

func (m minimal) BulkUpdateStatus(_ context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	at := time.Now()
	for _, row := range m.rows {
		if wanted[row.ID] {
			at = tenancy.NextUpdate(row.UpdatedAt, at)
		}
	}
	var out []tenancy.Tenant
	for i := range m.rows {
		if row := &m.rows[i]; wanted[row.ID] {
			row.Status = s
			m.touch(row, at)
			out = append(out, *row)
		}
	}
	return out, nil
}

func (m minimal) UpdateMetadata(_ context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, err := m.find(tenancy.IDKey(id))
	if err != nil {
		return tenancy.Tenant{}, err
	}
	merged, err := row.Metadata.Merge(patch)
	if err != nil {
		return tenancy.Tenant{}, err
	}
	row.Metadata = merged
	m.touch(row, time.Now())
	return *row, nil
}

func (m minimal) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(tenancy.IDKey(id)); err != nil {
		return err
	}
	m.revision++
	m.rows = slices.DeleteFunc(m.rows, func(t tenancy.Tenant) bool { return t.ID == id })
	return nil
}

func (minimal) Close() error { return nil }
