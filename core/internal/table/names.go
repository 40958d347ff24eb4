package table

import (
	"hash/maphash"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Name is a domain or a former identifier under which a tenant is found.
type Name struct {
	tenancy.Key
	Scan uint32 // for the writer
}

// names are a hash table of names, beside that of tenants, so that a tenant without names
// costs nothing. Its writer never removes an entry from an array, and replaces the array to
// grow.
type names struct {
	seed  maphash.Seed
	array atomic.Pointer[[]nameSlot] // its length is a power of two
	used  int                        // slots with an entry, also of a name that is nobody's
	of    owned                      // for the writer
}

// nameSlot without an entry ends the search.
type nameSlot struct {
	hash  atomic.Uint64
	entry atomic.Pointer[entry]
}

// entry is a name, for as long as it is in the table. It leads to owner, and after the
// change is published to where that leads.
type entry struct {
	tenancy.Key
	owner  atomic.Pointer[Record] // or what has taken its place; nil for nobody
	change atomic.Pointer[link]   // nil, unless there is one under way
	scan   uint32                 // for the writer
}

func (n *names) init() {
	n.seed = maphash.MakeSeed()
	n.clear()
}

func (n *names) clear() {
	array := make([]nameSlot, minSlots)
	n.array.Store(&array)
	n.used = 0
	n.of.clear(n.seed)
}

func (n *names) hash(value string) uint64 { return max(maphash.String(n.seed, value), 1) }

// find returns the newest record under k, or nil.
func (n *names) find(k tenancy.Key) *Record {
	if e := n.entry(k); e != nil {
		return e.newest()
	}
	return nil
}

// entry returns the entry of k, or nil.
func (n *names) entry(k tenancy.Key) *entry {
	hash, array := n.hash(k.Value), *n.array.Load()
	for i := hash; ; i++ {
		slot := &array[i&uint64(len(array)-1)]
		switch slot.hash.Load() {
		case 0:
			return nil
		case hash:
			if e := slot.entry.Load(); e.Key == k {
				return e
			}
		}
	}
}

// newest returns the tenant that has the name, as it is now, or nil.
func (e *entry) newest() *Record {
	for {
		change, owner := e.change.Load(), e.owner.Load()
		published := change != nil && change.published.Load()
		r := owner
		if published {
			r = change.to
		}
		if r != nil {
			r = r.newest()
		}
		// Else a later change, which r may show, may have given the name to another tenant.
		if e.owner.Load() == owner && e.change.Load() == change && (change == nil || change.published.Load() == published) {
			return r
		}
	}
}

// ensure returns the entry of k, for the writer, and adds one that leads to nobody if there
// is none.
func (n *names) ensure(k tenancy.Key) *entry {
	if e := n.entry(k); e != nil {
		return e
	}
	if array := *n.array.Load(); 3*(n.used+1) > 2*len(array) {
		n.rebuild()
	}
	e := &entry{Key: k}
	n.used++
	insert(*n.array.Load(), n.hash(k.Value), e)
	return e
}

func insert(array []nameSlot, hash uint64, e *entry) {
	i := hash
	for array[i&uint64(len(array)-1)].hash.Load() != 0 {
		i++
	}
	slot := &array[i&uint64(len(array)-1)]
	slot.entry.Store(e) // first, so that whoever finds the hash finds an entry
	slot.hash.Store(hash)
}

// rebuild replaces the array by one with room for twice the names that are somebody's, or
// are about to be, without the others.
func (n *names) rebuild() {
	old := *n.array.Load()
	live := slices.DeleteFunc(entries(old), func(e *entry) bool { return e.owner.Load() == nil && e.change.Load() == nil })
	size := minSlots
	for size < 3*(len(live)+1) {
		size *= 2
	}
	array := make([]nameSlot, size)
	for _, e := range live {
		insert(array, n.hash(e.Value), e)
	}
	n.used = len(live)
	n.array.Store(&array)
}

func entries(array []nameSlot) (all []*entry) {
	for i := range array {
		if e := array[i].entry.Load(); e != nil {
			all = append(all, e)
		}
	}
	return all
}

// fork has the names of changes lead to their tenants when the changes are published, and
// returns the entries that settle is to be called with then.
func (n *names) fork(changes []Change, published *atomic.Bool) (forked []*entry) {
	lead := func(k tenancy.Key, to *Record) *entry {
		e := n.ensure(k)
		if e.change.Load() == nil {
			forked = append(forked, e)
		}
		e.change.Store(&link{to, published})
		return e
	}
	for _, c := range changes { // first, as others may get what these lose
		if c.After != nil && !c.Renamed {
			continue
		}
		for _, k := range n.of.get(c.id()) {
			lead(k, nil)
		}
		n.of.set(c.id(), nil)
	}
	for _, c := range changes {
		if c.After == nil || len(c.Names) == 0 {
			continue
		}
		keys := make([]tenancy.Key, len(c.Names))
		for i, name := range c.Names {
			keys[i] = name.Key
			n.disown(name.Key)
			lead(name.Key, c.After).scan = name.Scan
		}
		n.of.set(c.After.ID, keys)
	}
	return forked
}

// disown takes a name from the list of whoever has it, or gets it in the same batch.
func (n *names) disown(k tenancy.Key) {
	e := n.entry(k)
	if e == nil {
		return
	}
	owner := e.owner.Load()
	if change := e.change.Load(); change != nil {
		owner = change.to
	}
	if owner == nil {
		return
	}
	n.of.set(owner.ID, slices.DeleteFunc(slices.Clone(n.of.get(owner.ID)), func(other tenancy.Key) bool { return other == k }))
}

// settle ends the changes of names that were published.
func (n *names) settle(changes []Change, forked []*entry) {
	for _, e := range forked {
		e.owner.Store(e.change.Load().to)
		e.change.Store(nil)
	}
	for _, c := range changes {
		if c.Before == nil || c.After == nil || c.Renamed {
			continue
		}
		for _, k := range n.of.get(c.After.ID) {
			if e := n.entry(k); e != nil && e.owner.Load() == c.Before {
				e.owner.Store(c.After)
			}
		}
	}
}

// FindName returns the tenant that is found by a domain or a former identifier, or nil.
func (t *Table) FindName(k tenancy.Key) *Record { return t.names.find(k) }

// Names returns the names of the tenant with the ID, for the writer.
func (t *Table) Names(id string) []Name {
	keys := t.names.of.get(id)
	if len(keys) == 0 {
		return nil
	}
	out := make([]Name, len(keys))
	for i, k := range keys {
		out[i] = Name{k, t.names.entry(k).scan}
	}
	return out
}

// AllNames yields the names of each tenant that has some, by its ID, for the writer.
func (t *Table) AllNames() iter.Seq2[string, []tenancy.Key] { return t.names.of.all() }

// TakeNames returns a function that returns the names of a tenant as they are now, also
// later. The writer must not write during the call.
func (t *Table) TakeNames() func(id string) []tenancy.Key { return t.names.of.take() }

// NoteScan sets the Scan of a name that is in the table.
func (t *Table) NoteScan(k tenancy.Key, scan uint32) { t.names.entry(k).scan = scan }
