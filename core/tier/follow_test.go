package tier_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// readLog counts the reads of a log, which can be made to fail.
type readLog struct {
	*database
	reads int
}

func (l *readLog) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	l.database.mu.Lock()
	l.reads++
	l.database.mu.Unlock()
	return l.database.Changes(ctx, after, limit)
}

func (l *readLog) count() int {
	l.database.mu.Lock()
	defer l.database.mu.Unlock()
	return l.reads
}

// Rule 5: whoever follows the log through a stack of caches has the stack's reader look for both:
// an idle process reads the log once in each poll interval. They hear of changes and
// outages, all the same.
func TestFollowersShareTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &readLog{database: &database{Store: memstore.New()}}
		s := newStack(t, log, newLocalMap(), newSharedMap())
		acme := create(t, s, "acme")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		const workers = 3
		var contacts, outages, changes [workers]atomic.Int64
		for i := range workers {
			go func() {
				_ = follow.Run(ctx, s, follow.Handler{
					Change: func(_ context.Context, c tenancy.Change) error {
						if got, err := s.GetByID(ctx, acme.ID); err != nil || got.Revision < c.Position.Revision {
							t.Errorf("told of %v, and served %v, %v", c.Position, got.Revision, err)
						}
						changes[i].Add(1)
						return nil
					},
					Contact: func(err error) {
						if contacts[i].Add(1); err != nil {
							outages[i].Add(1)
						}
					},
				})
			}()
		}
		time.Sleep(3 * time.Second)
		before := log.count()
		var heard [workers]int64
		for i := range workers {
			heard[i] = contacts[i].Load()
		}
		time.Sleep(100 * time.Second)
		// A reader may look once more where two wake at the same time. One of its own for each
		// would be 400 reads.
		if got := log.count() - before; got > 120 || got < 99 {
			t.Errorf("%d reads of the log in 100 poll intervals, with %d who follow", got, workers)
		}
		suspend(t, log, acme.ID) // elsewhere
		synctest.Wait()
		for i := range workers {
			if n := contacts[i].Load() - heard[i]; n < 99 || changes[i].Load() != 1 || outages[i].Load() != 0 {
				t.Errorf("worker %d was told of %d changes, %d outages, and %d times of contact in 100 poll intervals", i, changes[i].Load(), outages[i].Load(), n)
			}
		}
		log.set(func(d *database) { d.logErr = errors.New("connection refused") })
		time.Sleep(3 * time.Second)
		for i := range workers {
			if outages[i].Load() == 0 {
				t.Errorf("worker %d was not told of an outage", i)
			}
		}
		log.set(func(d *database) { d.logErr = nil })
	})
}
