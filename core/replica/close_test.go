package replica_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A disk that hangs does not keep a process from ending. It is played by a sealer, which
// hangs in a write of the file as an fsync does.
func TestCloseDoesNotWaitForAWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, db, _ := withSecret(t)
		slow := slowSealer{Sealer: keys(t), sealing: make(chan struct{}), waiting: make(chan struct{}), once: &sync.Once{}}
		var log journal
		r := start(t, db, replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snap"), time.Hour), replica.WithSealer(slow), log.option())
		<-slow.waiting
		begun := time.Now()
		stop(t, r)
		if took := time.Since(begun); took > 11*time.Second || !log.has("still being written") {
			t.Errorf("Close took %v, and says %q", took, log.text.String())
		}
		close(slow.sealing)
	})
}

// A handler may close the replica, as may whoever waits for one.
func TestAHandlerClosesTheReplica(t *testing.T) {
	var log journal
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		took := time.Duration(-1)
		r.OnChange(func(_, _ *tenancy.Tenant) {
			begun := time.Now()
			stop(t, r)
			took = time.Since(begun)
		})
		suspend(t, db.source, get(t, r, "acme").ID)
		later(t)
		if took != 0 || strings.Contains(log.text.String(), "calls are under way") {
			t.Errorf("Close took %v in a handler, want no time: %s", took, log.text.String())
		}
	}, log.option())
}

// closable is a bus that counts how often it is closed.
type closable struct{ closed atomic.Int64 }

func (c *closable) Publish(context.Context, tenancy.Position) error { return nil }
func (c *closable) Subscribe(_ context.Context, wake func(tenancy.Position)) {
	wake(tenancy.Position{})
}
func (c *closable) Close() error {
	if c.closed.Add(1) > 1 {
		return errors.New("closed already")
	}
	return nil
}

func TestCloseClosesTheBusOnce(t *testing.T) {
	bus := &closable{}
	r := start(t, memstore.New(), replica.WithBus(bus))
	stop(t, r)
	stop(t, r)
	if n := bus.closed.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
}
