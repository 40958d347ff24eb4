package tier_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// unreachable is a database that is not there. Its writes fail with writeErr.
type unreachable struct {
	*database
	writeErr error
}

func (d *unreachable) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	if d.writeErr != nil {
		return tenancy.Tenant{}, d.writeErr
	}
	return d.database.SetStatus(ctx, id, s)
}

// Rule 7: after a write that may have happened, caches are not served until the log
// was followed; one that certainly has not happened leaves them alone.
func TestWriteInAnOutage(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		serve bool
	}{
		"outcome unknown":                 {tenancy.ErrUnavailable, false},
		"deadline, outcome unknown":       {context.DeadlineExceeded, false},
		"no connection":                   {fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrNotApplied), true},
		"no connection till the deadline": {fmt.Errorf("%w: %w", context.DeadlineExceeded, tenancy.ErrNotApplied), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &unreachable{database: newDatabase()}
				acme := create(t, db, "acme")
				s := newTier(t, db, newLocalMap(), tier.WithMaxStale(time.Minute))
				get(t, s, "acme")
				db.set(func(d *database) { d.logErr, d.loadErr = errDown, errDown })
				db.writeErr = &tenancy.Error{Op: "SetStatus", ID: acme.ID, Err: c.err}
				if _, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); !errors.Is(err, c.err) {
					t.Fatalf("SetStatus: %v", err)
				}
				if _, err := s.GetByIdentifier(t.Context(), "acme"); (err == nil) != c.serve {
					t.Errorf("a cached tenant after the write: %v", err)
				}
				time.Sleep(2 * time.Minute) // the bubble's clock
				if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
					t.Errorf("a cached tenant after MaxStale: %v, want ErrUnavailable", err)
				}
			})
		})
	}
}

// A write that is asked for when its context has ended already is not tried.
func TestWriteAfterItsContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		acme := create(t, db, "acme")
		s := newTier(t, db, newLocalMap(), tier.WithMaxStale(time.Minute))
		get(t, s, "acme")
		db.set(func(d *database) { d.logErr, d.loadErr = errDown, errDown })
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := s.SetStatus(ended, acme.ID, tenancy.StatusSuspended); !errors.Is(err, context.Canceled) {
			t.Errorf("SetStatus: %v", err)
		}
		get(t, s, "acme")
	})
}

// A batch of which some tenants were created before the connection was lost is
// followed, whatever the error says of the others.
func TestBatchCutShortIsFollowed(t *testing.T) {
	db := &cutShort{database: newDatabase()}
	s := newTier(t, db, newLocalMap())
	if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Fatal(err)
	}
	results, err := s.CreateBatch(t.Context(), []tenancy.Tenant{{Identifier: "acme", Name: "Acme"}, {Identifier: "bolt", Name: "Bolt"}})
	if len(results) != 1 || !errors.Is(err, tenancy.ErrNotApplied) {
		t.Fatalf("%v, %v", results, err)
	}
	get(t, s, "acme")
}

// cutShort creates the first tenant of a batch and loses its connection.
type cutShort struct{ *database }

func (d *cutShort) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	first, err := d.Create(ctx, ts[0])
	return []tenancy.CreateResult{{Tenant: first, Err: err}}, fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrNotApplied)
}

// restless is a source that polls a thousand times a second.
type restless struct{ *database }

func (restless) Wait(ctx context.Context, _ tenancy.Position) error {
	return poll(ctx, time.Millisecond)
}

// What was served in outages is a counter: hits that are counted while an outage begins
// or ends must not take away from it.
func TestServedStaleNeverGoesBack(t *testing.T) {
	db := &restless{newDatabase()}
	create(t, db, "acme")
	s := newTier(t, db, newLocalMap())
	get(t, s, "acme")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for ctx.Err() == nil {
				get(t, s, "acme")
			}
		})
	}
	work.Go(func() {
		for lost := true; ctx.Err() == nil; lost = !lost {
			db.set(func(d *database) {
				if d.logErr = nil; lost {
					d.logErr = errDown
				}
			})
			time.Sleep(3 * time.Millisecond)
		}
	})
	var last tier.Stats
	for last.Local.ServedStale < 10_000 && !t.Failed() {
		now := s.Stats()
		if now.Local.ServedStale < last.Local.ServedStale || now.Local.ServedStale > now.Local.Hits+now.Local.Negatives {
			t.Errorf("%d of %d hits in outages, after %d of %d", now.Local.ServedStale, now.Local.Hits, last.Local.ServedStale, last.Local.Hits)
			break
		}
		last = now
	}
	stop()
	work.Wait()
}
