package tier_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// A change that Watch yields is not read once more: the log cannot be here.
func TestWatchIsObeyed(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap(), tier.WithPollInterval(time.Hour))
	acme := create(t, db, "acme")
	get(t, s, "acme")
	db.set(func(d *database) { d.logErr = errDown })
	for _, status := range []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive, tenancy.StatusSuspended} {
		changed, err := db.SetStatus(t.Context(), acme.ID, status)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the change is obeyed", func() bool { return get(t, s, "acme") == changed })
	}
}

// What Watch yields is obeyed only where it goes on from what was followed: here
// it comes out of a history that the database has lost.
func TestWatchOfALostHistoryIsNotObeyed(t *testing.T) {
	db := newDatabase()
	watch := &scriptedWatch{database: db, yields: make(chan tenancy.Change)}
	s := newTier(t, watch, newLocalMap(), tier.WithPollInterval(time.Hour))
	acme := create(t, s, "acme")
	get(t, s, "acme")
	at := s.Stats().Position
	lost := func(r tenancy.Revision) tenancy.Change {
		return tenancy.Change{
			Position: tenancy.Position{Revision: r, Mark: at.Mark + 1}, Kind: tenancy.ChangeUpdate,
			TenantID: acme.ID, Keys: []tenancy.Key{tenancy.IDKey(acme.ID), tenancy.IdentifierKey("acme")},
		}
	}
	for r := range tenancy.Revision(3) {
		watch.yields <- lost(at.Revision + r)
	}
	watch.yields <- lost(at.Revision) // received only when the one before was dealt with
	if got := s.Stats(); got.Position != at || got.Diverged != 0 {
		t.Errorf("followed to %v, %d flushes; want %v and none", got.Position, got.Diverged, at)
	}
	suspended := suspend(t, db, acme.ID)
	watch.yields <- lost(at.Revision + 5) // out of place, so that the log is read
	eventually(t, "the log is read instead", func() bool { return get(t, s, "acme") == suspended })
}

// scriptedWatch is a source whose Watch yields what the test sends.
type scriptedWatch struct {
	*database
	yields chan tenancy.Change
}

func (w *scriptedWatch) Watch(ctx context.Context, _ tenancy.Position) iter.Seq2[tenancy.Change, error] {
	return func(yield func(tenancy.Change, error) bool) {
		for {
			select {
			case <-ctx.Done():
				yield(tenancy.Change{}, ctx.Err())
				return
			case c := <-w.yields:
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}
