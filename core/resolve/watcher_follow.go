package resolve

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// run follows the log until the watcher or the store is closed.
func (w *Watcher) run(ctx context.Context) {
	defer close(w.stopped)
	err := follow.Run(ctx, w.source, follow.Handler{Sync: w.sync, Change: w.change, Contact: w.contact})
	if ctx.Err() == nil && !errors.Is(err, tenancy.ErrClosed) {
		w.logger.ErrorContext(ctx, "tenancy: the watcher ends, and with it the requests that it watched", "err", err)
	}
	if w.stale != nil {
		w.stale.Stop()
	}
	w.endAll(ErrWatcherClosed)
}

// sync ends the requests of tenants that were changed since nobody knows what became
// of them.
func (w *Watcher) sync(ctx context.Context, at tenancy.Position) error {
	w.mu.Lock()
	w.seen = at
	w.round++
	ids := slices.Collect(maps.Keys(w.streams))
	w.mu.Unlock()
	w.start()
	return w.look(ctx, at, ids, func(s *stream, now tenancy.Versioned) {
		switch {
		case s.round == w.round: // it came after at
		case now.Found && now.Tenant.Position() == s.at:
			s.round, s.from = w.round, now.AsOf.Revision
		default:
			s.end(ErrNotServed)
		}
	})
}

// change ends the requests that c concerns, as c alone says, so that it is the same on
// every node, however late one is.
func (w *Watcher) change(ctx context.Context, c tenancy.Change) error {
	w.mu.Lock()
	w.seen = c.Position
	var unsure []string
	for _, id := range c.TenantIDs() {
		streams := w.streams[id]
		if len(streams) > 0 && c.Kind == tenancy.ChangeUpdate && (len(c.Fields) == 0 || w.key != nil) {
			unsure = append(unsure, id) // it changed nothing, or its author has not said what, or perhaps the key
		}
		for s := range streams {
			switch {
			case c.Position.Revision <= s.from:
			case interrupts(c, id):
				s.end(ErrNotServed)
			default:
				s.at = c.Position
			}
		}
	}
	w.mu.Unlock()
	return w.look(ctx, c.Position, unsure, func(s *stream, now tenancy.Versioned) {
		switch {
		case c.Position.Revision <= s.from:
		case w.judge(&now, s) != OutcomeResolved:
			s.end(ErrNotServed)
		case w.key != nil && w.key(now.Tenant) != s.key:
			s.end(ErrChanged)
		}
	})
}

// interrupts reports whether the tenant with the ID was perhaps not served, or not
// this tenant, at c or right before it.
func interrupts(c tenancy.Change, id string) bool {
	return c.Kind != tenancy.ChangeUpdate || c.TenantID != id ||
		slices.Contains(c.Fields, "id") || slices.Contains(c.Fields, "status")
}

// look calls do for every stream of the tenants, with what is stored as of at or later.
func (w *Watcher) look(ctx context.Context, at tenancy.Position, ids []string, do func(*stream, tenancy.Versioned)) error {
	for some := range slices.Chunk(ids, 1000) {
		snapshots, err := w.load(ctx, some, at.Revision)
		if err != nil {
			return err
		}
		w.mu.Lock()
		for i, snapshot := range snapshots {
			for s := range w.streams[some[i]] {
				do(s, snapshot)
			}
		}
		w.mu.Unlock()
	}
	return nil
}

// contact is told by follow.Run whether the log can be read.
func (w *Watcher) contact(err error) {
	w.mu.Lock()
	changed := w.blind != (err != nil)
	w.blind = err != nil
	if err == nil {
		w.refusing = nil
		if w.stale != nil {
			w.stale.Reset(w.maxStale)
		}
	}
	w.mu.Unlock()
	w.start()
	switch {
	case changed && err != nil:
		w.logger.Warn("tenancy: the change log cannot be followed; requests of tenants that are suspended now go on until it can, or MaxStale is over",
			"err", err, "max_stale", w.maxStale)
	case changed:
		w.logger.Info("tenancy: the change log can be followed again")
	}
}

// endAll ends everything that is watched, and refuses new work.
func (w *Watcher) endAll(cause error) {
	defer w.start()
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.refusing, ErrWatcherClosed) {
		return
	}
	w.refusing = cause
	for _, streams := range w.streams {
		for s := range streams {
			s.end(cause)
		}
	}
}
