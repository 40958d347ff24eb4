package tier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// longLog is a source that only polls, with more changes, of tenants that nobody asks for.
type longLog struct {
	*quiet
	newest atomic.Int64 // 0 as long as there are none
}

func (l *longLog) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	newest := tenancy.Revision(l.newest.Load())
	if newest == 0 {
		return l.quiet.Changes(ctx, after, limit)
	}
	var changes []tenancy.Change
	for r := after.Revision + 1; r <= newest && len(changes) < limit; r++ {
		changes = append(changes, tenancy.Change{Position: tenancy.Position{Revision: r, Mark: int64(r)}, Kind: tenancy.ChangeUpdate})
	}
	return changes, nil
}

func (l *longLog) Wait(ctx context.Context, _ tenancy.Position) error {
	return poll(ctx, 20*time.Millisecond)
}

func (l *longLog) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	newest := l.newest.Load()
	if newest == 0 {
		return l.quiet.Load(ctx, want)
	}
	least := make([]tenancy.Lookup, len(want))
	for i, w := range want {
		least[i].Key = w.Key
	}
	out, err := l.quiet.Load(ctx, least)
	for i := range out {
		out[i].AsOf = tenancy.Position{Revision: tenancy.Revision(newest), Mark: newest}
	}
	return out, err
}

// unseen is a stack that cannot be told from a database.
type unseen struct{ tenancy.Source }

// An entry of a cache below that is older than the marks that are kept is current,
// but cannot be judged: it is loaded again.
func TestEntryBelowThatIsOlderThanTheMarks(t *testing.T) {
	db := &longLog{quiet: &quiet{newDatabase()}}
	acme, bolt := create(t, db, "acme"), create(t, db, "bolt")
	cache := newLocalMap()
	below := newTier(t, db, newLocalMap())
	s := newTier(t, unseen{below}, cache)
	ids := []string{acme.ID, bolt.ID}
	read := func() {
		t.Helper()
		get(t, s, "acme")
		if ts, err := s.GetByIDs(t.Context(), ids); err != nil || len(ts) != 2 {
			t.Fatalf("%d tenants, %v", len(ts), err)
		}
	}
	read()
	const changes = 300_000
	db.newest.Store(changes)
	eventually(t, "the log was followed", func() bool { return s.Stats().Position.Revision == changes })
	cache.InvalidateAll() // the one above has lost them
	read()
}
