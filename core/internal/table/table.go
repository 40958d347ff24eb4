// Package table finds tenants by their keys without a lock, while one writer replaces
// them.
package table

import (
	"cmp"
	"iter"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Record is a tenant in a Table. Its tenant is never changed, only replaced.
type Record struct {
	index.Record
	next   atomic.Pointer[link] // what takes its place; nil for the newest
	absent bool                 // it stands for no tenant, and has keys for the writer alone
	Scan   uint32               // for the writer
}

// link leads to what takes the place of a record when a change is published: nil for no
// tenant.
type link struct {
	to        *Record
	published *atomic.Bool
}

// NewRecord returns a record of t.
func NewRecord(t tenancy.Tenant) *Record { return &Record{Record: index.NewRecord(t)} }

// newest returns what has taken the place of r, or nil for no tenant.
func (r *Record) newest() *Record {
	for l := r.next.Load(); l != nil && l.published.Load(); l = r.next.Load() {
		if r = l.to; r == nil {
			return nil
		}
	}
	if r.absent {
		return nil
	}
	return r
}

// Table holds tenants under ID, identifier and names. One goroutine writes at a time, and any
// number read meanwhile; they wait for nothing. Create one with New.
type Table struct {
	byID, byIdentifier slots
	names              names
}

// New returns an empty table.
func New() *Table {
	t := &Table{}
	t.byID.init(id)
	t.byIdentifier.init(identifier)
	t.names.init()
	return t
}

// Find returns the tenant under k, an ID or an identifier, or nil.
func (t *Table) Find(k tenancy.Key) *Record {
	if k.Kind == tenancy.KindID {
		return t.byID.find(k.Value)
	}
	return t.byIdentifier.find(k.Value)
}

// ByID returns the tenant with the ID, or nil.
func (t *Table) ByID(id string) *Record { return t.byID.find(id) }

// Len returns the number of tenants, for the writer.
func (t *Table) Len() int { return t.byID.live }

// All yields the tenants in no order: each one that is there all the while, as it is
// when its turn comes.
func (t *Table) All() iter.Seq[*Record] { return t.byID.all }

// Change is a record that takes the place of another, which is in the table. One of them
// may be nil, and both may be the same, if only names have changed.
type Change struct {
	Before, After *Record
	Renamed       bool   // After has Names, and not the names of Before
	Names         []Name // only if Renamed
}

func (c Change) id() string { return cmp.Or(c.After, c.Before).ID }

// Apply makes changes, no two of one tenant. All of them are seen at once: whoever has
// seen one sees the others, under every key.
func (t *Table) Apply(changes []Change) {
	published := &atomic.Bool{}
	forked := t.names.fork(changes, published)
	for _, c := range changes {
		if c.Before == c.After {
			continue
		}
		to := &link{c.After, published}
		if c.Before != nil {
			c.Before.next.Store(to)
		} else {
			t.byID.fork(c.After, to)
		}
		if c.After != nil && (c.Before == nil || c.Before.Identifier != c.After.Identifier) {
			t.byIdentifier.fork(c.After, to)
		}
	}
	published.Store(true)
	// Now nobody needs to come by way of what was before.
	t.names.settle(changes, forked)
	for _, c := range changes {
		if c.Before == c.After {
			continue
		}
		if c.After != nil {
			t.byID.put(c.After.ID, c.After)
			t.byIdentifier.put(c.After.Identifier, c.After)
		}
		if c.Before != nil {
			t.byID.drop(c.Before.ID, c.Before)
			t.byIdentifier.drop(c.Before.Identifier, c.Before)
		}
	}
}

// Add adds a tenant with an ID that is new, seen under one key before the other: for a
// table that nobody reads yet.
func (t *Table) Add(r *Record) {
	t.byID.put(r.ID, r)
	t.byIdentifier.put(r.Identifier, r)
}

// Clear removes every tenant.
func (t *Table) Clear() {
	t.byID.clear()
	t.byIdentifier.clear()
	t.names.clear()
}
