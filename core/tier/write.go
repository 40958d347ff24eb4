package tier

import (
	"context"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// holder is the stack as its writes see it, which [follow.Decorator] makes and follows
// ([follow.Holder]).
type holder struct{ *Store }

// Unfollowed makes what is being loaded for nobody who comes later.
func (h holder) Unfollowed() {
	h.reader.Hold(func(tenancy.Position) { h.fence.Store(h.fence.Load().nextEpoch()) })
}

// Unlogged empties the caches: the log will not say what in them is outdated.
func (h holder) Unlogged(ctx context.Context) {
	h.stats.unlogged.Add(1)
	h.cfg.logger.Error("tenancy: the change log does not show a write; caches flushed", "error", follow.ErrUnlogged)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	if _, err := h.empty(ctx); err != nil {
		h.shared.stats.errors.Add(1)
	}
}

// Agrees reports whether no cache has other metadata of t as of the same change.
func (h holder) Agrees(ctx context.Context, t tenancy.Tenant) bool {
	differs := func(e *Entry) bool {
		return e != nil && e.Versioned.Tenant.Position() == t.Position() && e.Versioned.Tenant.Metadata != t.Metadata
	}
	keys := driver.KeysOf(nil, &t)
	if l := h.local.Load(); l != nil && slices.ContainsFunc(keys, func(k tenancy.Key) bool { return differs(l.Get(k)) }) {
		return false
	}
	if h.shared == nil {
		return true
	}
	results, err := h.shared.Get(ctx, keys)
	if err != nil {
		h.shared.stats.errors.Add(1)
		return true
	}
	for i, k := range keys {
		h.release(ctx, &lookup{key: k, token: results[i].Token})
	}
	return !slices.ContainsFunc(results, func(r Result) bool { return differs(r.Entry) })
}
