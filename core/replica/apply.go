package replica

import (
	"slices"

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
	changes, added := make([]table.Change, 0, len(l.staged)), make([]*index.Record, 0, len(l.staged))
	// What changes have touched comes first, as handlers are told of changes in their order.
	for _, id := range slices.Concat(l.touched, l.order) {
		after, staged := l.staged[id]
		names, renamed := l.names.of[id]
		delete(l.staged, id)
		delete(l.names.of, id)
		before := l.table.ByID(id)
		if !staged && renamed {
			after = before
		}
		if !staged && !renamed || before == nil && after == nil {
			continue
		}
		if before == nil && at.IsZero() && !renamed { // nobody reads yet
			l.table.Add(after)
		} else {
			changes = append(changes, table.Change{Before: before, After: after, Renamed: renamed, Names: names})
		}
		if before == after {
			continue
		}
		if before != nil {
			l.index.Remove(&before.Record)
		}
		if after != nil {
			added = append(added, &after.Record)
		}
		for _, x := range l.indexes {
			x.changed(before, after)
		}
		for _, h := range l.handlers {
			h.changed(before, after)
		}
	}
	l.index.Insert(added...)
	l.table.Apply(changes)
	l.touched, l.order = nil, nil
}

// clearIndexes empties the indexes. The caller has mu.
func (s *Store) clearIndexes() {
	s.index = index.Index{}
	for _, x := range s.indexes {
		clear(x.lists)
	}
}
