package replica_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
)

// Two processes with one file leave the newer tenants, whichever ends first.
func TestTwoProcessesWithOneFile(t *testing.T) {
	for name, cutOffLast := range map[string]bool{"one that was cut off ends last": true, "and first": false} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New()
			acme := create(t, store, "acme")
			file := replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snap"), time.Hour)
			near, far := newDatabase(store), newDatabase(store)
			a, b := start(t, near, file), start(t, far, file)
			waitSynced(t, a)
			waitSynced(t, b)
			suspend(t, store, acme.ID)
			eventually(t, "the last change before the cut", func() bool { return get(t, b, "acme").Status != acme.Status })
			far.down.Store(true)
			eventually(t, "the cut is noticed", func() bool { return b.State().Err != nil })
			last := create(t, store, "bolt")
			eventually(t, "the change after it", func() bool { return a.State().Position == last.Position() })
			if cutOffLast {
				stop(t, a)
				stop(t, b)
			} else {
				stop(t, b)
				stop(t, a)
			}
			near.down.Store(true)
			r := start(t, near, file)
			defer stop(t, r)
			waitRestored(t, r)
			sameAs(t, r, store)
		})
	}
}

// A file that another process has removed, or an operator, is there again when the replica
// is closed.
func TestAFileThatWasRemovedIsWrittenAgain(t *testing.T) {
	store := memstore.New()
	create(t, store, "acme")
	path := filepath.Join(t.TempDir(), "tenants.snap")
	r := start(t, newDatabase(store), replica.WithSnapshotFile(path, time.Hour))
	eventually(t, "a file", func() bool { return !r.State().Snapshot.IsZero() })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	stop(t, r)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
