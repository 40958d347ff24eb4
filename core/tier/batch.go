package tier

import (
	"context"
	"errors"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// GetByIDs implements [tenancy.Store]: hits from the cache, all misses in one call
// below.
func (s *Store) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	tenants, err := s.getByIDs(ctx, ids)
	return tenants, driver.ErrorIn("GetByIDs", tenancy.Key{}, err)
}

func (s *Store) getByIDs(ctx context.Context, ids []string) (tenants []tenancy.Tenant, err error) {
	if ids, err = driver.UniqueIDs(ids); err != nil {
		return nil, err
	}
	call, err := s.calls.Enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	// Hits are copied once, from their entries to the result.
	entries := make([]*Entry, len(ids))
	var want []tenancy.Lookup
	for i, id := range ids {
		if entries[i] = s.hit(ctx, tenancy.IDKey(id), 0); entries[i] == nil {
			want = append(want, tenancy.Lookup{Key: tenancy.IDKey(id)})
		}
	}
	loaded := make([]tenancy.Versioned, len(want))
	if err := s.loadRest(call, want, allOf(want), loaded); err != nil {
		return nil, err
	}
	tenants = make([]tenancy.Tenant, 0, len(ids))
	for _, e := range entries {
		var snapshot *tenancy.Versioned
		if e != nil {
			snapshot = &e.Versioned
		} else {
			snapshot, loaded = &loaded[0], loaded[1:]
		}
		if snapshot.Found {
			tenants = append(tenants, snapshot.Tenant)
		}
	}
	return tenants, nil
}

// Load implements [tenancy.Log]: entries that are as new as asked for come from
// the cache, all others from below in one call. With Min == Latest nothing comes
// from a cache.
func (s *Store) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if s.source == nil {
		return nil, unsupported("Load")
	}
	snapshots, err := s.loadAll(ctx, want)
	return snapshots, driver.ErrorIn("Load", tenancy.Key{}, err)
}

func (s *Store) loadAll(ctx context.Context, want []tenancy.Lookup) (out []tenancy.Versioned, err error) {
	for _, w := range want {
		if err := w.Key.Validate(); err != nil {
			return nil, err
		}
	}
	call, err := s.calls.Enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	out = make([]tenancy.Versioned, len(want))
	var missing []int
	for i, w := range want {
		var e *Entry
		if w.Min != tenancy.Latest {
			e = s.hit(ctx, w.Key, w.Min)
		}
		if e != nil {
			out[i] = e.Versioned
		} else {
			missing = append(missing, i)
		}
	}
	return out, s.loadRest(call, want, missing, out)
}

// allOf returns the indexes of want.
func allOf(want []tenancy.Lookup) []int {
	all := make([]int, len(want))
	for i := range all {
		all[i] = i
	}
	return all
}

// loadRest puts want[i] into out[i] for each i of missing, which were no hits of a
// local cache.
func (s *Store) loadRest(ctx context.Context, want []tenancy.Lookup, missing []int, out []tenancy.Versioned) error {
	if len(missing) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.stack.reader.Ready(ctx); err != nil {
		return err
	}
	if i := missing[0]; len(missing) == 1 && want[i].Min != tenancy.Latest { // shares the load with others
		e, err := s.miss(ctx, want[i].Key, want[i].Min)
		if err == nil {
			out[i] = e.Versioned
		}
		return err
	}
	if err := s.beginLoad(ctx); err != nil {
		return err
	}
	defer s.endLoad()
	_, err := timed(ctx, s.cfg.loadTimeout, errLoadTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.loadBatch(ctx, want, missing, out)
	})
	return err
}

// loadBatch is loadRest with a place among the loads, and their deadline.
func (s *Store) loadBatch(ctx context.Context, want []tenancy.Lookup, missing []int, out []tenancy.Versioned) error {
	if !s.shared {
		return s.loadMissing(ctx, want, missing, slices.Repeat([]Token{LocalToken}, len(missing)), out)
	}
	return s.loadShared(ctx, want, out) // all of want is missing
}

// loadShared puts each of want into out, from the shared cache or from below.
func (s *Store) loadShared(ctx context.Context, want []tenancy.Lookup, out []tenancy.Versioned) error {
	results, done := s.getBatch(ctx, want), false
	defer func() {
		if !done { // it failed, perhaps by a panic
			leases := make([]lease, len(results))
			for i, r := range results {
				leases[i] = lease{want[i].Key, r.Token}
			}
			s.release(ctx, leases...)
		}
	}()
	missing, tokens, err := s.cached(ctx, want, results, out)
	if err == nil && len(missing) > 0 {
		err = s.loadMissing(ctx, want, missing, tokens, out)
	}
	done = err == nil
	return err
}

// cached puts what a shared cache answered into out, and returns the indexes of the
// others, with the tokens to fill them; nil for what must not be filled, because
// the cache is in trouble: one that hangs must not be waited for twice.
func (s *Store) cached(ctx context.Context, want []tenancy.Lookup, results []Result, out []tenancy.Versioned) (missing []int, tokens []Token, err error) {
	for i, w := range want {
		var r Result
		if results != nil {
			r = results[i]
		}
		if r.Entry != nil && w.Min != tenancy.Latest {
			ok, err := s.acceptCached(ctx, r.Entry, w.Key, w.Min)
			if err != nil {
				return nil, nil, err
			}
			if ok {
				out[i] = r.Entry.Versioned
				continue
			}
			s.stats.stale.Add(1)
		} else if results == nil {
			s.stats.unanswered.Add(1)
		} else if r.Entry == nil {
			s.stats.misses.Add(1)
		}
		missing, tokens = append(missing, i), append(tokens, r.Token)
	}
	if results == nil {
		tokens = nil
	}
	return missing, tokens, nil
}

// getBatch asks a shared cache for every key, in one round trip where it can; nil
// if it cannot be used now.
func (s *Store) getBatch(ctx context.Context, want []tenancy.Lookup) []Result {
	if !s.stack.reader.Serving() {
		return nil
	}
	keys := make([]tenancy.Key, len(want))
	for i, w := range want {
		keys[i] = w.Key
	}
	if batch, ok := s.cache.(BatchCache); ok {
		results, err := observed(ctx, &s.observers, WorkGet, "", func(ctx context.Context) ([]Result, error) {
			return batch.GetBatch(ctx, keys)
		})
		if err != nil {
			s.stats.errors.Add(1)
			return nil
		}
		return results
	}
	results := make([]Result, len(keys))
	for i, k := range keys {
		r, err := s.getShared(ctx, k)
		if err != nil {
			s.stats.errors.Add(1)
			if i == 0 {
				return nil
			}
			break // it will not be better for the rest
		}
		results[i] = r
	}
	return results
}

// loadMissing loads want[i] for each i of missing in one call below.
func (s *Store) loadMissing(ctx context.Context, want []tenancy.Lookup, missing []int, tokens []Token, out []tenancy.Versioned) error {
	for range loadAttempts {
		fence, oldest := s.stack.fence.Load(), s.stack.reader.Oldest()
		lookups, floors := make([]tenancy.Lookup, len(missing)), make([]tenancy.Revision, len(missing))
		for j, i := range missing {
			floors[j] = fence.floor(want[i].Key)
			lookups[j] = tenancy.Lookup{Key: want[i].Key, Min: max(want[i].Min, floors[j], oldest)}
			if s.shared || !s.stack.reader.Serving() {
				lookups[j].Min = tenancy.Latest
			}
		}
		snapshots, err := s.askBelow(ctx, lookups)
		for j, i := range missing {
			least := floors[j] // Latest, which lookups may ask for, is before it where the log went back
			if want[i].Min != tenancy.Latest {
				least = max(least, want[i].Min)
			}
			if err == nil && snapshots[j].AsOf.Revision < least {
				err = tenancy.ErrCompacted
			}
		}
		if errors.Is(err, tenancy.ErrCompacted) {
			if err := s.stack.reader.Follow(ctx); err != nil {
				return err
			}
			newest := s.stack.reader.Position().Revision
			if slices.ContainsFunc(want, func(w tenancy.Lookup) bool { return w.Min > newest && w.Min != tenancy.Latest }) {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		entries, ok, err := s.acceptLoaded(ctx, lookups, snapshots, fence)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for j, i := range missing {
			out[i] = snapshots[j]
		}
		s.fillAll(ctx, tokens, entries)
		return nil
	}
	return errUnsettled
}

func (s *Store) acceptLoaded(ctx context.Context, lookups []tenancy.Lookup, snapshots []tenancy.Versioned, fence *fence) ([]*Entry, bool, error) {
	entries := make([]*Entry, len(snapshots))
	var last tenancy.Position // most share one
	for j, snapshot := range snapshots {
		if snapshot.AsOf != last || j == 0 {
			v, err := s.stack.reader.Accept(ctx, snapshot.AsOf)
			if err != nil {
				return nil, false, err
			}
			if v != follow.Confirmed {
				return nil, false, nil
			}
			last = snapshot.AsOf
		}
		entries[j] = s.newEntry(lookups[j].Key, snapshot, fence)
	}
	return entries, s.stack.fence.Load().epoch == fence.epoch, nil
}

func (s *Store) fillAll(ctx context.Context, tokens []Token, entries []*Entry) {
	if tokens == nil {
		return
	}
	batch, ok := s.cache.(BatchCache)
	if !ok {
		for j, e := range entries {
			s.fill(ctx, e, tokens[j])
		}
		return
	}
	kept := 0
	for j, e := range entries {
		if !s.withholds(ctx, e, tokens[j]) {
			tokens[kept], entries[kept] = tokens[j], e
			kept++
		}
	}
	if tokens, entries = tokens[:kept], entries[:kept]; kept == 0 {
		return
	}
	uncacheable, err := batch.PutBatch(ctx, tokens, entries)
	s.stats.uncacheable.Add(int64(uncacheable))
	filled := int64(len(entries) - uncacheable)
	if err != nil {
		s.stats.errors.Add(1)
		s.stats.unfilled.Add(filled)
		return
	}
	s.stats.fills.Add(filled)
}
