package replica

import (
	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// apply puts what is staged into the table, all at once: memory is as of at then, or of
// no one position.
func (l *loader) apply(at tenancy.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = at
	changes := make([]table.Change, 0, len(l.staged))
	put := func(id string) {
		before, after := l.table.ByID(id), l.staged[id]
		delete(l.staged, id)
		if before == nil && after == nil {
			return
		}
		if before == nil && at.IsZero() { // nobody reads yet
			l.table.Add(after)
		} else {
			changes = append(changes, table.Change{Before: before, After: after})
		}
		l.changed(before, after)
	}
	for _, id := range l.touched { // first, as handlers are told of changes in their order
		if _, staged := l.staged[id]; staged {
			put(id)
		}
	}
	for id := range l.staged {
		put(id)
	}
	l.table.Apply(changes)
	l.touched = l.touched[:0]
}

// changed tells the index and others of what takes the place of what; nil is for no
// tenant. The caller has mu.
func (s *Store) changed(before, after *table.Record) {
	if before != nil {
		s.index.Remove(&before.Record)
	}
	if after != nil {
		s.index.Insert(&after.Record)
	}
	for _, x := range s.indexes {
		x.changed(before, after)
	}
	for _, h := range s.handlers {
		h.changed(before, after)
	}
}

// clearIndexes empties the indexes. The caller has mu.
func (s *Store) clearIndexes() {
	s.index = index.Index{}
	for _, x := range s.indexes {
		clear(x.lists)
	}
}
