package replica

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// GetByDomain implements [tenancy.Names]. A hit does not allocate, and is given to an
// ended context too.
func (s *Store) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return s.getByName(ctx, "GetByDomain", tenancy.Key{Kind: tenancy.KindDomain, Value: domain})
}

// FormerOwner implements [tenancy.Names], as GetByDomain does.
func (s *Store) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return s.getByName(ctx, "FormerOwner", tenancy.Key{Kind: tenancy.KindFormer, Value: identifier})
}

func (s *Store) getByName(ctx context.Context, op string, k tenancy.Key) (tenancy.Tenant, error) {
	if s.named.Load() && s.reader.Serves(s.reader.Now()) {
		if r := s.table.FindName(k); r != nil {
			s.stats.hits.Add()
			return r.Tenant, nil
		}
		if s.reader.Serving() { // else memory was emptied, perhaps
			return tenancy.Tenant{}, s.absent(op, k)
		}
	}
	return s.getBelow(ctx, op, k)
}

// stagedNames are names that were read and are not in the table yet.
type stagedNames struct {
	of    map[string][]table.Name // by the ID of the tenant, all that it has
	after tenancy.TenantName      // where the scan goes on
	known bool                    // the source has names
}

func (n *stagedNames) begin() { *n = stagedNames{of: map[string][]table.Name{}} }

// namesOf returns what is known of the names of a tenant.
func (l *loader) namesOf(id string) []table.Name {
	if names, staged := l.names.of[id]; staged {
		return names
	}
	return l.table.Names(id)
}

// setNames stages the names of a tenant, all that it has.
func (l *loader) setNames(id string, names []table.Name) {
	if len(names) == 0 && len(l.namesOf(id)) == 0 {
		return
	}
	l.names.of[id] = names
	l.order = append(l.order, id)
}

// restoreNames stages names of the snapshot file.
func (l *loader) restoreNames(id string, keys []tenancy.Key) {
	names := make([]table.Name, len(keys))
	for i, k := range keys {
		names[i] = table.Name{Key: k, Scan: l.scan}
	}
	l.setNames(id, names)
}

// stageNamed takes what was loaded under names that were touched together with tenants,
// which were loaded by their IDs.
func (l *loader) stageNamed(r *follow.Reader, tenants, named map[tenancy.Key]tenancy.Versioned) {
	names := map[string][]table.Name{}
	for k, v := range named {
		if !v.Found {
			l.saw(r, v.AsOf)
			continue
		}
		l.saw(r, v.Tenant.Position())
		l.disown(k, v.Tenant.ID)
		names[v.Tenant.ID] = append(names[v.Tenant.ID], table.Name{Key: k, Scan: l.scan})
	}
	for k, v := range tenants {
		if v.Found {
			l.setNames(k.Value, names[k.Value])
		}
	}
}

// scanNames reads the next part of the names of all tenants. A page tells which names there
// are; what they lead to is loaded, as of a position.
func (l *loader) scanNames(ctx context.Context, r *follow.Reader) (last bool, err error) {
	for begun := time.Now(); !last && time.Since(begun) < scanTime; {
		var page tenancy.NamePage
		err := l.limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) (err error) {
			page, err = l.source.ListNames(ctx, l.names.after, batch)
			return err
		})
		if errors.Is(err, errors.ErrUnsupported) {
			l.names.known = false
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if err := l.takeNames(ctx, r, page); err != nil {
			return false, err
		}
		if last = len(page.Names) < batch; !last {
			l.names.after = page.Names[len(page.Names)-1]
		}
		l.names.known = last
	}
	return last, nil
}

func (l *loader) takeNames(ctx context.Context, r *follow.Reader, page tenancy.NamePage) error {
	l.saw(r, page.AsOf)
	keys := map[tenancy.Key]struct{}{}
	for _, n := range page.Names {
		if k, found := n.Key(); found && k.Validate() == nil {
			keys[k] = struct{}{}
		}
	}
	loaded, err := l.loadKeys(ctx, keys)
	if err != nil {
		return err
	}
	for k, v := range loaded {
		if !v.Found {
			l.saw(r, v.AsOf)
			continue
		}
		l.stage(&v.Tenant)
		l.saw(r, v.Tenant.Position())
		l.found(v.Tenant.ID, k)
	}
	return l.flush(r)
}

// disown takes a name that leads to the tenant with the ID from whoever had it, perhaps in a
// history that was lost.
func (l *loader) disown(k tenancy.Key, id string) {
	if owner := l.table.FindName(k); owner != nil && owner.ID != id {
		l.setNames(owner.ID, slices.DeleteFunc(slices.Clone(l.namesOf(owner.ID)), func(n table.Name) bool { return n.Key == k }))
	}
}

// found takes a name that the scan has found. Others may follow.
func (l *loader) found(id string, k tenancy.Key) {
	l.disown(k, id)
	names, staged := l.names.of[id]
	if !staged {
		if owner := l.table.FindName(k); owner != nil && owner.ID == id {
			l.table.NoteScan(k, l.scan)
			return
		}
		names = l.table.Names(id)
	}
	names = slices.DeleteFunc(slices.Clone(names), func(n table.Name) bool { return n.Key == k })
	l.setNames(id, append(names, table.Name{Key: k, Scan: l.scan}))
}

// sweepNames removes the names that the scan has not found.
func (l *loader) sweepNames() {
	ids := maps.Clone(l.names.of)
	for id := range l.table.AllNames() {
		ids[id] = nil
	}
	for id := range ids {
		names := l.namesOf(id)
		left := slices.DeleteFunc(slices.Clone(names), func(n table.Name) bool { return n.Scan != l.scan })
		if len(left) < len(names) {
			l.setNames(id, left)
		}
	}
}
