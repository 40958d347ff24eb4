// Package table finds tenants by their keys without a lock, while one writer replaces
// them.
package table

import (
	"iter"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Record is a tenant in a Table. Its tenant is never changed, only replaced.
type Record struct {
	index.Record
	next atomic.Pointer[Record] // what stands in its place; nil for the newest
	Scan uint32                 // for the writer
}

// NewRecord returns a record of t.
func NewRecord(t tenancy.Tenant) *Record { return &Record{Record: index.NewRecord(t)} }

// gone stands in the place of a record that is not there. It has no key.
var gone = &Record{}

// newest returns what stands in the place of r now. Most records are the newest.
func (r *Record) newest() *Record {
	for next := r.next.Load(); next != nil; next = r.next.Load() {
		r = next
	}
	return r
}

// Table holds tenants under ID and identifier. A write is seen under both keys at once,
// and by everybody who has seen it. One goroutine writes at a time, and any number read
// meanwhile; they wait for nothing. Create one with New.
type Table struct {
	byID, byIdentifier slots
}

// New returns an empty table.
func New() *Table {
	t := &Table{}
	t.byID.init(id)
	t.byIdentifier.init(identifier)
	return t
}

// Find returns the tenant under k, or nil. Absent, where it is not certain, may be one
// that a write which is under way is about to move or to put there: ask again when it is over.
func (t *Table) Find(k tenancy.Key) (r *Record, certain bool) {
	if k.Kind == tenancy.KindID {
		return t.byID.find(k.Value)
	}
	return t.byIdentifier.find(k.Value)
}

// ByID returns the tenant with the ID, or nil, for the writer.
func (t *Table) ByID(id string) *Record {
	r, _ := t.byID.find(id)
	return r
}

// Len returns the number of tenants, for the writer.
func (t *Table) Len() int { return t.byID.live }

// All yields the tenants in no order: each one that is there all the while, as it is
// when its turn comes.
func (t *Table) All() iter.Seq[*Record] { return t.byID.all }

// Put stores r, in the place of the tenant with its ID. An identifier that two tenants
// have, because one was read before it was renamed, leads to the one that was written
// last.
func (t *Table) Put(r *Record) {
	old := t.ByID(r.ID)
	owner, _ := t.byIdentifier.find(r.Identifier)
	takes := owner == nil || owner == old || owner.Revision <= r.Revision
	// Until next says so, r is not seen.
	switch {
	case old == nil:
		r.next.Store(gone)
		t.byID.put(r.ID, r)
		if takes {
			t.byIdentifier.put(r.Identifier, r)
		}
		r.next.Store(nil)
		return
	case takes && owner != old:
		announced := &Record{Record: r.Record}
		announced.next.Store(old)
		t.byIdentifier.put(r.Identifier, announced)
	}
	old.next.Store(r)
	t.byID.put(r.ID, r)
	if takes {
		t.byIdentifier.put(r.Identifier, r)
	}
	if !takes || old.Identifier != r.Identifier {
		t.byIdentifier.drop(old.Identifier, old)
	}
}

// Delete removes r.
func (t *Table) Delete(r *Record) {
	r.next.Store(gone)
	t.byID.drop(r.ID, r)
	t.byIdentifier.drop(r.Identifier, r)
}

// Clear removes every record.
func (t *Table) Clear() {
	for r := range t.All() {
		r.next.Store(gone)
	}
	t.byID.clear()
	t.byIdentifier.clear()
}
