package tier_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// slowPages takes its time for each page of the log, and only polls.
type slowPages struct {
	*quiet
	page time.Duration
}

func (l slowPages) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := l.quiet.Changes(ctx, after, limit)
	if len(changes) == 0 {
		return changes, err
	}
	select {
	case <-time.After(l.page):
		return changes, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (slowPages) Wait(ctx context.Context, _ tenancy.Position) error { return poll(ctx, time.Second) }

func poll(ctx context.Context, interval time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(interval):
		return nil
	}
}

// A log with much to replay is no outage: what was judged is served meanwhile, and each
// page counts as contact.
func TestLongReplayIsNoOutage(t *testing.T) {
	for name, write := range map[string]func(t *testing.T, db, s tenancy.Store, ids []string){
		"written elsewhere": func(t *testing.T, db, _ tenancy.Store, ids []string) {
			if ts, err := db.BulkUpdateStatus(t.Context(), ids, tenancy.StatusSuspended); err != nil || len(ts) != len(ids) {
				t.Fatal(len(ts), err)
			}
		},
		"written here": func(t *testing.T, _, s tenancy.Store, ids []string) {
			if ts, err := s.BulkUpdateStatus(t.Context(), ids, tenancy.StatusSuspended); err != nil || len(ts) != len(ids) {
				t.Fatal(len(ts), err)
			}
			if got, err := s.GetByID(t.Context(), ids[len(ids)-1]); err != nil || got.Status != tenancy.StatusSuspended {
				t.Errorf("the last of them is %s, %v", got.Status, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &database{Store: memstore.New(memstore.WithLogRetention(100_000))}
				acme := create(t, db, "acme")
				var logged bytes.Buffer
				s := newTier(t, slowPages{&quiet{db}, 1500 * time.Millisecond}, newLocalMap(), tier.WithMaxStale(4*time.Second), tier.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
				var fresh []tenancy.Tenant
				for i := range 11_000 {
					fresh = append(fresh, tenancy.Tenant{ID: fmt.Sprint("t", i), Identifier: fmt.Sprint("tenant-", i), Name: "T"})
				}
				var ids []string
				results, err := db.CreateBatch(t.Context(), fresh)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results {
					ids = append(ids, r.Tenant.ID)
				}
				get(t, s, "acme") // follows the creations
				begun := time.Now()
				var writing sync.WaitGroup
				writing.Go(func() { write(t, db, s, ids) })
				for range 100 {
					if got := get(t, s, "acme"); got != acme {
						t.Errorf("%+v", got)
					}
					if st := s.Stats(); !st.Serving || st.Unfollowed != 0 {
						t.Fatalf("after %v: %+v", time.Since(begun), st)
					}
					time.Sleep(100 * time.Millisecond)
				}
				writing.Wait()
				if st := s.Stats(); st.Loads > 2 || st.Position.Revision < acme.Revision+22_000 {
					t.Errorf("after %v: %+v", time.Since(begun), st)
				}
				if logged.Len() != 0 {
					t.Errorf("logged:\n%s", &logged)
				}
			})
		})
	}
}

// Whoever needs what is far ahead in the log waits for that part of it, and not longer
// than their context allows.
func TestFarAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		first, last := create(t, db, "first"), create(t, db, "last")
		s := newTier(t, slowPages{&quiet{db}, time.Second}, newLocalMap())
		get(t, s, "first")
		for range 5_000 {
			suspend(t, db, first.ID)
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if _, err := s.GetByID(ctx, last.ID); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 1500*time.Millisecond {
			t.Errorf("%v after %v, want its deadline's end", err, time.Since(begun))
		}
		if got, err := s.GetByID(t.Context(), last.ID); err != nil || got != last {
			t.Errorf("%+v, %v", got, err)
		}
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("%v for a replay of four pages", took)
		}
	})
}
