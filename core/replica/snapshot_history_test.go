package replica_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A backup that is restored between the file and the start makes the file worthless, also
// where the new history has taken its revisions again, or none yet.
func TestAFileOfALostHistoryIsNotServed(t *testing.T) {
	for name, since := range map[string]int{"shorter": 0, "of the same length": 1, "longer": 5} {
		t.Run(name, func(t *testing.T) {
			store, db, file, _ := filled(t)
			backup := store.Backup()
			acme := get(t, store, "acme")
			lost, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
			if err != nil {
				t.Fatal(err)
			}
			leave(t, db, file)
			store.Restore(backup)
			for i := range since {
				create(t, store, fmt.Sprintf("new-%d", i))
			}
			db.down.Store(true)
			r := start(t, db, file)
			defer stop(t, r)
			waitRestored(t, r)
			if got := get(t, r, "acme"); got != lost {
				t.Errorf("before the first contact: %v, want what the file has", got)
			}
			served := false
			seen := func() { served = served || r.State().Serving } // the reader asks what has become of its history
			db.onBounds.Store(&seen)
			db.down.Store(false)
			waitSynced(t, r)
			if served {
				t.Error("served from the file, though its history was denied")
			}
			sameAs(t, r, store)
		})
	}
}

// A file of a lost history is removed as soon as that is known: a process that starts
// without the database must not be served from it, also if this one is killed before it is
// synced.
func TestAFileOfALostHistoryIsRemoved(t *testing.T) {
	store, db, file, path := filled(t)
	backup := store.Backup()
	create(t, store, "lost")
	leave(t, db, file)
	store.Restore(backup)
	db.noLists.Store(true)
	r := start(t, db, file)
	defer stop(t, r)
	<-r.Ready()
	eventually(t, "the file is removed", func() bool { _, err := os.Stat(path); return errors.Is(err, fs.ErrNotExist) })
	if state := r.State(); state.Phase != replica.PhaseStarting || state.Serving || !state.Snapshot.IsZero() {
		t.Errorf("%+v, want starting, without a file", state)
	}
}

func TestATrimmedLogIsAScanWhileTheFileIsServed(t *testing.T) {
	store, db, file, path := filled(t)
	hooli := get(t, store, "hooli")
	if err := store.Delete(t.Context(), hooli.ID); err != nil {
		t.Fatal(err)
	}
	last := create(t, store, "pied-piper")
	store.Compact(last.Revision)
	db.down.Store(true)
	r := start(t, db, file)
	defer stop(t, r)
	waitRestored(t, r)
	db.down.Store(false)
	waitSynced(t, r)
	sameAs(t, r, store)
	if r.State().Scans != 1 {
		t.Errorf("%d scans, want one", r.State().Scans)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file: %v, want that it stays", err)
	}
}

// A history that is lost while the file is being written leaves no file, also if there was
// none before.
func TestAHistoryLostWhileTheFileIsWritten(t *testing.T) {
	store, db, _ := withSecret(t)
	backup := store.Backup()
	create(t, store, "hooli")
	path := filepath.Join(t.TempDir(), "tenants.snap")
	slow := slowSealer{Sealer: keys(t), sealing: make(chan struct{}), waiting: make(chan struct{}), once: &sync.Once{}}
	r := start(t, db, replica.WithSnapshotFile(path, time.Hour), replica.WithSealer(slow))
	waitSynced(t, r)
	<-slow.waiting
	store.Restore(backup)
	eventually(t, "another history", func() bool { return r.State().Scans == 2 })
	waitSynced(t, r)
	close(slow.sealing)
	eventually(t, "the write has ended", func() bool { _, err := os.Stat(path + ".tmp"); return errors.Is(err, fs.ErrNotExist) })
	eventually(t, "the file is removed", func() bool { _, err := os.Stat(path); return errors.Is(err, fs.ErrNotExist) })
	stop(t, r) // which writes the new history
	db.down.Store(true)
	r = start(t, db, replica.WithSnapshotFile(path, time.Hour), replica.WithSealer(slow))
	defer stop(t, r)
	waitRestored(t, r)
	sameAs(t, r, store)
}

// A log that was trimmed after service had ended says nothing against the file: a start in
// the next outage may need it.
func TestALogTrimmedAfterMaxStaleLeavesTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		acme := create(t, store, "acme")
		path := filepath.Join(t.TempDir(), "tenants.snap")
		db := newDatabase(store)
		r := start(t, db, replica.WithSnapshotFile(path, time.Hour), replica.WithMaxStale(time.Minute))
		defer stop(t, r)
		<-r.Synced()
		later(t)
		db.down.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if r.State().Serving {
			t.Fatal("served after MaxStale: the test proves nothing")
		}
		store.Compact(suspend(t, store, acme.ID).Revision)
		db.noLists.Store(true)
		db.down.Store(false)
		later(t)
		if n := r.State().Scans; n != 2 {
			t.Fatalf("%d scans, want the log to be trimmed too early", n)
		}
		if _, err := os.Stat(path); err != nil || r.State().Snapshot.IsZero() {
			t.Errorf("the file: %v, want that it stays", err)
		}
		db.noLists.Store(false)
	})
}
