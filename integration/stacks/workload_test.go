//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/checker"
)

const (
	cells = 48 // tenants that come and go
	slugs = 96 // identifiers over which they contend
	hosts = 24 // domains, likewise
	// Readers of each node, and writers of all.
	readers = 3
	writers = 3
	// A call may take so long before its caller gives up.
	callTimeout = 3 * time.Second
	// The pause of a writer between two writes, and of a reader after a failure.
	pace = 4 * time.Millisecond
)

// cell is a tenant's ID, with what its writer knows of it. Who holds mu writes.
type cell struct {
	mu      sync.Mutex
	id      string
	known   bool           // else the last write failed, or the database was restored
	current tenancy.Tenant // the zero Tenant for none
}

// workload reads and writes on all nodes, under the eyes of a checker.
type workload struct {
	fleet *fleet
	check *checker.Checker
	cells []*cell
	// other is a process that dies now and then.
	other process
}

func newWorkload(f *fleet) *workload {
	w := &workload{fleet: f, check: checker.New(len(f.nodes), lateness), other: process{site: f.site}}
	for i := range cells {
		w.cells = append(w.cells, &cell{id: cellID(i)})
	}
	return w
}

// forget makes the writers look again.
func (w *workload) forget() {
	for _, c := range w.cells {
		c.mu.Lock()
		c.known = false
		c.mu.Unlock()
	}
}

func cellID(i int) string { return fmt.Sprintf("tenant-%d", i) }
func slugOf(i int) string { return fmt.Sprintf("slug-%d", i) }

func slug(r *rand.Rand) string { return slugOf(r.IntN(slugs)) }

func host(r *rand.Rand) string { return fmt.Sprintf("d%d.test", r.IntN(hosts)) }

// read reads on one node until ctx ends.
func (w *workload) read(ctx context.Context, n *node, r *rand.Rand) {
	for ctx.Err() == nil {
		if err := w.readOnce(ctx, n, r); err != nil {
			wait(ctx, pace)
		}
	}
}

func (w *workload) readOnce(ctx context.Context, n *node, r *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// A context of its own costs more than a hit: it serves several reads.
	for range 16 {
		store := n.serves()
		var err error
		switch r.IntN(10) {
		case 0:
			ids, keys := w.some(r)
			_, err = w.check.ReadMany(n.index, keys, func() ([]tenancy.Tenant, error) { return store.GetByIDs(ctx, ids) })
		case 1, 2, 3, 4:
			id := w.cells[r.IntN(cells)].id
			_, err = w.check.Read(n.index, tenancy.IDKey(id), func() (tenancy.Tenant, error) { return store.GetByID(ctx, id) })
		case 5:
			domain := host(r)
			_, err = w.check.Read(n.index, tenancy.Key{Kind: tenancy.KindDomain, Value: domain}, func() (tenancy.Tenant, error) {
				return store.GetByDomain(ctx, domain)
			})
		case 6:
			former := slug(r)
			_, err = w.check.Read(n.index, tenancy.Key{Kind: tenancy.KindFormer, Value: former}, func() (tenancy.Tenant, error) {
				return store.FormerOwner(ctx, former)
			})
		default:
			identifier := slug(r)
			_, err = w.check.Read(n.index, tenancy.IdentifierKey(identifier), func() (tenancy.Tenant, error) {
				return store.GetByIdentifier(ctx, identifier)
			})
		}
		if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			return err
		}
	}
	return nil
}

// some returns a few different IDs, and their keys.
func (w *workload) some(r *rand.Rand) ([]string, []tenancy.Key) {
	first := r.IntN(cells)
	ids, keys := make([]string, 5), make([]tenancy.Key, 5)
	for i := range ids {
		ids[i] = w.cells[(first+i)%cells].id
		keys[i] = tenancy.IDKey(ids[i])
	}
	return ids, keys
}

// write writes on any node, and sometimes on none, until ctx ends.
func (w *workload) write(ctx context.Context, r *rand.Rand) {
	for wait(ctx, pace) {
		c := w.cells[r.IntN(cells)]
		if !c.mu.TryLock() {
			continue
		}
		at := r.IntN(len(w.fleet.nodes)+1) - 1
		var store writer = w.fleet.raw // its process tells nobody
		if at != checker.Outside {
			store = w.fleet.nodes[at].serves()
		}
		w.writeCell(ctx, store, at, c, r)
		c.mu.Unlock()
	}
}

// writer is what a workload needs of a store to write.
type writer interface {
	Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error)
	Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error)
	SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error)
	UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error)
	Delete(ctx context.Context, id string) error
}

// writeCell makes one write on the store of a node, or of checker.Outside; the
// caller holds c.mu.
func (w *workload) writeCell(ctx context.Context, store writer, at int, c *cell, r *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if !c.known {
		t, err := w.fleet.raw.GetByID(ctx, c.id)
		if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			return
		}
		c.current, c.known = t, true
	}
	t, err := w.change(ctx, store, at, c, r)
	switch {
	case err == nil:
		c.current = t
	case errors.Is(err, tenancy.ErrAlreadyExists) || errors.Is(err, tenancy.ErrInvalid):
	default: // it may have happened
		c.known = false
	}
}

// change writes on a store, and returns the tenant as it is then.
func (w *workload) change(ctx context.Context, store writer, at int, c *cell, r *rand.Rand) (tenancy.Tenant, error) {
	t := c.current
	if t.ID == "" {
		return w.check.Write(at, func() (tenancy.Tenant, error) {
			return store.Create(ctx, tenancy.Tenant{ID: c.id, Identifier: slug(r), Name: "Tenant"})
		})
	}
	names, named := store.(tenancy.Names)
	kinds := 9
	if !named { // the process that dies
		kinds = 6
	}
	switch r.IntN(kinds) {
	case 0:
		return tenancy.Tenant{}, w.check.Delete(at, c.id, func() error { return store.Delete(ctx, c.id) })
	case 1, 2:
		t.Identifier = slug(r)
		return w.check.Write(at, func() (tenancy.Tenant, error) { return store.Update(ctx, t) })
	case 3:
		patch, err := tenancy.ParseMetadata(fmt.Appendf(nil, `{"step": %d}`, r.IntN(1000)))
		if err != nil {
			return t, err
		}
		return w.check.Write(at, func() (tenancy.Tenant, error) { return store.UpdateMetadata(ctx, c.id, patch) })
	case 6, 7: // which another tenant may have, or verify at the same time
		domain := host(r)
		return w.check.Write(at, func() (tenancy.Tenant, error) {
			if _, err := names.AddDomain(ctx, c.id, domain); err != nil {
				return t, err
			}
			return names.VerifyDomain(ctx, c.id, domain)
		})
	case 8:
		domain := host(r)
		return w.check.Write(at, func() (tenancy.Tenant, error) { return names.RemoveDomain(ctx, c.id, domain) })
	default:
		status := tenancy.StatusActive
		if t.Status == status {
			status = tenancy.StatusSuspended
		}
		return w.check.Write(at, func() (tenancy.Tenant, error) { return store.SetStatus(ctx, c.id, status) })
	}
}

// wait pauses, and reports whether ctx goes on.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
