package replica

import (
	"context"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// checkSize fails, from now on, if there are more tenants than the replica may hold.
func (l *loader) checkSize(r *follow.Reader) error {
	if l.size() <= l.cfg.maxTenants {
		return nil
	}
	err := fmt.Errorf("%w: there are more tenants than the %d that WithMaxTenants allows; reads go to the source until the process starts with a higher limit", tenancy.ErrUnavailable, l.cfg.maxTenants)
	l.cfg.logger.Error("tenancy: the replica holds no tenants", "error", err)
	l.phase.note(func(p *phase) { p.refusal = err })
	r.Rescan() // ends the service
	l.mu.Lock()
	l.at = tenancy.Position{} // as of which there would be no tenants
	l.table.Clear()
	l.clearIndexes()
	for _, h := range l.handlers {
		h.forget()
	}
	l.mu.Unlock()
	return err
}

// size returns how many tenants there will be with what is staged, as far as it matters.
func (l *loader) size() int {
	n := l.table.Len()
	if n+len(l.staged) <= l.cfg.maxTenants {
		return n
	}
	for id, after := range l.staged {
		if before := l.table.ByID(id); before == nil && after != nil {
			n++
		} else if before != nil && after == nil {
			n--
		}
	}
	return n
}

// isRefused reports whether the replica holds no tenants, and never will. Then nothing of
// it is in the way between its caller and the source.
func (s *Store) isRefused() bool { return s.phase.refused() != nil }

// Bounds implements [tenancy.Log].
func (s *Store) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if s.isRefused() {
		return s.source.Bounds(ctx)
	}
	return s.Decorator.Bounds(ctx)
}

// Changes implements [tenancy.Log].
func (s *Store) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if s.isRefused() {
		return s.source.Changes(ctx, after, limit)
	}
	return s.Decorator.Changes(ctx, after, limit)
}
