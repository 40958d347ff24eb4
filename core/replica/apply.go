package replica

import (
	"cmp"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// apply makes memory what was loaded by ID, and by identifiers that others had.
func (l *loader) apply(r *follow.Reader, byID, byIdentifier map[tenancy.Key]tenancy.Versioned) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*tenancy.Tenant
	for k, v := range byID {
		l.saw(r, v.AsOf)
		if v.Found {
			delete(l.gone, k.Value)
			found = append(found, &v.Tenant)
			continue
		}
		if old := l.table.ByID(k.Value); old != nil {
			l.remove(old)
		}
		if l.gone != nil {
			l.gone[k.Value] = struct{}{}
		}
	}
	for _, v := range byIdentifier {
		if l.saw(r, v.AsOf); v.Found {
			found = append(found, &v.Tenant)
		}
	}
	slices.SortFunc(found, func(a, b *tenancy.Tenant) int { return cmp.Compare(a.Revision, b.Revision) })
	for _, t := range found {
		l.put(t, l.scan)
	}
}

// put stores t, unless what is there is newer and was found since the scan began. What
// was found before that may be of a history that the database has lost. The caller has mu.
func (s *Store) put(t *tenancy.Tenant, scan uint32) {
	old := s.table.ByID(t.ID)
	if old != nil {
		if old.Tenant == *t || old.Scan == scan && old.Revision > t.Revision {
			old.Scan = scan
			return
		}
		s.index.Remove(&old.Record)
	}
	r := table.NewRecord(*t)
	r.Scan = scan
	s.table.Put(r)
	s.index.Insert(&r.Record)
	s.changed(old, r)
}

// remove removes r. The caller has mu.
func (s *Store) remove(r *table.Record) {
	s.table.Delete(r)
	s.index.Remove(&r.Record)
	s.changed(r, nil)
}

// changed tells indexes and handlers that after stands in the place of before; nil is for
// no tenant. The caller has mu.
func (s *Store) changed(before, after *table.Record) {
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
