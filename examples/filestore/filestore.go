// Package filestore keeps tenants in one JSON file: a complete third-party store
// in some two hundred lines, the example of docs/writing-an-adapter.md. It is
// for a few hundred tenants and one process: every write rewrites the file.
package filestore

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Open returns the store in the file at path, which the first write creates.
func Open(path string) (tenancy.Store, error) {
	b := &backend{path: path, state: state{Tenants: map[string]tenancy.Revealed{}}}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &b.state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, driver.ErrorIn("Open", tenancy.Key{}, err)
	}
	return driver.Extend(b)
}

var (
	_ driver.Backend      = (*backend)(nil)
	_ driver.BatchCreator = (*backend)(nil)
)

type backend struct {
	path string
	mu   sync.RWMutex
	state
}

// state is the content of the file.
type state struct {
	Revision tenancy.Revision            `json:"revision"`
	Tenants  map[string]tenancy.Revealed `json:"tenants"` // by ID; with their secrets
}

func (b *backend) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	return b.get(func(t tenancy.Tenant) bool { return t.ID == id })
}

func (b *backend) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	return b.get(func(t tenancy.Tenant) bool { return t.Identifier == identifier })
}

func (b *backend) get(wanted func(tenancy.Tenant) bool) (tenancy.Tenant, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.find(wanted)
}

func (b *backend) ListAfter(_ context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var rows []tenancy.Tenant
	for _, r := range b.Tenants {
		t := tenancy.Tenant(r)
		if opts.Filter.Matches(t) && (after.IsZero() || after.Compare(driver.ListKeyOf(t)) < 0) {
			rows = append(rows, t)
		}
	}
	slices.SortFunc(rows, func(a, b tenancy.Tenant) int {
		return driver.ListKeyOf(a).Compare(driver.ListKeyOf(b))
	})
	rows = rows[min(opts.Offset, len(rows)):]
	return driver.PageOf(rows, opts), nil
}

func (b *backend) Create(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return b.write(func(next *state) (tenancy.Tenant, error) { return next.create(t) })
}

func (b *backend) CreateBatch(_ context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	results := make([]tenancy.CreateResult, len(ts))
	_, err := b.write(func(next *state) (t tenancy.Tenant, err error) {
		for i := range ts {
			results[i].Tenant, results[i].Err = next.create(ts[i])
		}
		return t, nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

func (b *backend) Update(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return b.edit(t.ID, func(old *tenancy.Tenant) error {
		if t.Revision != tenancy.AnyRevision && t.Position() != old.Position() {
			return tenancy.ErrConflict
		}
		t.CreatedAt = old.CreatedAt
		*old = t
		return nil
	})
}

func (b *backend) UpdateMetadata(_ context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return b.edit(id, func(t *tenancy.Tenant) (err error) {
		t.Metadata, err = t.Metadata.Merge(patch)
		return err
	})
}

func (b *backend) BulkUpdateStatus(_ context.Context, ids []string, s tenancy.Status) (changed []tenancy.Tenant, err error) {
	_, err = b.write(func(next *state) (t tenancy.Tenant, err error) {
		at := time.Now()
		for _, id := range ids {
			at = driver.NextUpdate(next.Tenants[id].UpdatedAt, at)
		}
		for _, id := range ids {
			if r, ok := next.Tenants[id]; ok && err == nil {
				r.Status, r.UpdatedAt = s, at
				t, err = next.put(tenancy.Tenant(r))
				changed = append(changed, t)
			}
		}
		return t, err
	})
	return changed, err
}

func (b *backend) Delete(_ context.Context, id string) error {
	_, err := b.write(func(next *state) (tenancy.Tenant, error) {
		t, err := next.find(func(t tenancy.Tenant) bool { return t.ID == id })
		delete(next.Tenants, id)
		next.Revision++
		return t, err
	})
	return err
}

func (b *backend) Close() error { return nil }

func (s *state) find(wanted func(tenancy.Tenant) bool) (tenancy.Tenant, error) {
	for _, r := range s.Tenants {
		if t := tenancy.Tenant(r); wanted(t) {
			return t, nil
		}
	}
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

func (s *state) create(t tenancy.Tenant) (tenancy.Tenant, error) {
	if _, taken := s.Tenants[t.ID]; taken {
		return t, &tenancy.Error{Field: "id", Err: tenancy.ErrAlreadyExists}
	}
	return s.put(t)
}

// put stores t with the next revision, unless another tenant has its identifier.
func (s *state) put(t tenancy.Tenant) (tenancy.Tenant, error) {
	if other, err := s.find(func(o tenancy.Tenant) bool { return o.Identifier == t.Identifier }); err == nil && other.ID != t.ID {
		return t, &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
	}
	s.Revision++
	t.Revision, t.Mark = s.Revision, 1+rand.Int64N(math.MaxInt64)
	s.Tenants[t.ID] = tenancy.Revealed(t)
	return t, nil
}

func (b *backend) edit(id string, change func(*tenancy.Tenant) error) (tenancy.Tenant, error) {
	return b.write(func(next *state) (tenancy.Tenant, error) {
		t, err := next.find(func(t tenancy.Tenant) bool { return t.ID == id })
		if err != nil {
			return t, err
		}
		old := t
		if err := change(&t); err != nil || t == old {
			return t, err
		}
		t.UpdatedAt = driver.NextUpdate(old.UpdatedAt, time.Now())
		return next.put(t)
	})
}

// write lets change work on a copy and makes that the state once it is on disk,
// so that a write which fails changes nothing.
func (b *backend) write(change func(next *state) (tenancy.Tenant, error)) (tenancy.Tenant, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := state{b.Revision, maps.Collect(maps.All(b.Tenants))}
	t, err := change(&next)
	if err == nil && next.Revision != b.Revision {
		if err = replaceFile(b.path, next); err == nil {
			b.state = next
		}
	}
	return t, err
}

// replaceFile renames a new file, readable by its owner only, over the old one: a killed
// process leaves one of the two whole; against a power failure it would have to be synced.
func replaceFile(path string, s state) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
