package replica_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The age of a file counts from when the tenants were known to be current, not from when it
// was written: processes that start one after the other in an outage do not serve longer.
func TestAFileOfAnOutageIsNoYounger(t *testing.T) {
	store, db, file, path := filled(t)
	r := start(t, db, file)
	waitSynced(t, r)
	changed, err := r.SetStatus(t.Context(), get(t, store, "acme").ID, tenancy.StatusSuspended)
	if err != nil {
		t.Fatal(err)
	}
	db.down.Store(true)
	eventually(t, "the outage is noticed", func() bool { return r.State().Phase == replica.PhaseInterrupted })
	contact := r.State().LastContact
	stop(t, r)
	for range 2 {
		r := start(t, db, file)
		waitRestored(t, r)
		if got := get(t, r, "acme"); got != changed {
			t.Errorf("got %v, want what was followed before the outage", got)
		}
		stop(t, r)
		f, err := snapshot.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Header().Current; got.After(contact) || contact.Sub(got) > time.Microsecond {
			t.Errorf("the file is said to be current at %v, and the last contact was at %v", got, contact)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The file is written soon after a start, after changes, but not at each, and from time to
// time when nothing changes.
func TestWhenTheFileIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		acme := create(t, store, "acme")
		path := filepath.Join(t.TempDir(), "tenants.snap")
		r := start(t, newDatabase(store), replica.WithSnapshotFile(path, 40*time.Hour), replica.WithMaxStale(-1))
		current := func() time.Time {
			synctest.Wait()
			return r.State().Snapshot
		}
		first := current()
		if first.IsZero() {
			t.Fatalf("no file: %+v", r.State())
		}
		for i := range 30 { // a change each second
			time.Sleep(time.Second)
			status := []tenancy.Status{tenancy.StatusActive, tenancy.StatusSuspended}[i%2]
			if _, err := r.SetStatus(t.Context(), acme.ID, status); err != nil {
				t.Fatal(err)
			}
		}
		if got := current(); got != first {
			t.Errorf("written again %v after the first time", got.Sub(first))
		}
		time.Sleep(time.Minute)
		second := current()
		if age := time.Since(second); second == first || age > time.Minute {
			t.Errorf("the file is %v old, a minute after a change", age)
		}
		time.Sleep(9 * time.Hour)
		if got := current(); got != second {
			t.Errorf("written %v later, though nothing has changed", got.Sub(second))
		}
		time.Sleep(2 * time.Hour)
		if got := current(); time.Since(got) > 2*time.Hour {
			t.Errorf("the file is %v old, want it renewed after a quarter of 40 hours", time.Since(got))
		}
		stop(t, r)
		if got := current(); time.Since(got) > 10*time.Hour {
			t.Errorf("the file is %v old when the replica is closed", time.Since(got))
		}
	})
}

// slowSealer is one whose Open or Seal waits.
type slowSealer struct {
	seal.Sealer
	opening, sealing chan struct{} // closed to go on; nil does not wait
	waiting          chan struct{} // closed when somebody waits
	once             *sync.Once
}

func (s slowSealer) Open(sealed string, p seal.Place) (string, error) {
	s.wait(s.opening)
	return s.Sealer.Open(sealed, p)
}

func (s slowSealer) Seal(text string, p seal.Place) (string, error) {
	s.wait(s.sealing)
	return s.Sealer.Seal(text, p)
}

func (s slowSealer) wait(until chan struct{}) {
	if until != nil {
		s.once.Do(func() { close(s.waiting) })
		<-until
	}
}

// Reads that come while the file is read go to the source; if they did, the file may be
// older than what they returned, and is not served before the log was read.
func TestReadsDoNotWaitForTheFileNorGoBackToIt(t *testing.T) {
	store, db, acme := withSecret(t)
	file := replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snap"), time.Hour)
	ring := keys(t)
	leave(t, db, file, replica.WithSealer(ring))
	suspended, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
	if err != nil {
		t.Fatal(err)
	}
	slow := slowSealer{Sealer: ring, opening: make(chan struct{}), waiting: make(chan struct{}), once: &sync.Once{}}
	r := start(t, db, file, replica.WithSealer(slow))
	defer stop(t, r)
	<-slow.waiting
	if got := get(t, r, "acme"); got != suspended {
		t.Errorf("while the file is read: %v, want what the database has", got)
	}
	if page, err := r.List(t.Context(), tenancy.ListOptions{}); err != nil || len(page.Tenants) != 2 {
		t.Errorf("while the file is read: %v, %v", page, err)
	}
	db.down.Store(true)
	close(slow.opening)
	eventually(t, "the file is read", func() bool { return !r.State().Snapshot.IsZero() })
	for range 100 {
		if got, err := r.GetByID(t.Context(), acme.ID); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Fatalf("in the outage: %v, %v, want ErrUnavailable: the file is older than what was read", got, err)
		}
	}
	db.down.Store(false)
	waitSynced(t, r)
	sameAs(t, r, store)
}

// So it is with a read that comes before the replica has begun to read the file.
func TestAReadBeforeTheFileIsReadDoesNotGoBackToIt(t *testing.T) {
	store, db, file, _ := filled(t)
	leave(t, db, file)
	suspended := suspend(t, store, get(t, store, "acme").ID)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that the replica's goroutines wait
	r := start(t, db, file)
	defer stop(t, r)
	if got := get(t, r, "acme"); got != suspended {
		t.Fatalf("got %v, want what the database has", got)
	}
	db.down.Store(true)
	eventually(t, "the file is read", func() bool { return !r.State().Snapshot.IsZero() || r.State().Scans > 0 })
	eventually(t, "the outage is noticed", func() bool { return r.State().Err != nil || r.State().Serving })
	if got, err := r.GetByID(t.Context(), suspended.ID); err == nil && got != suspended {
		t.Errorf("got %v, which is older than what was read", got)
	}
}

// A file that cannot be written is logged once, and serving goes on.
func TestAFileThatCannotBeWritten(t *testing.T) {
	store := memstore.New()
	create(t, store, "acme")
	dir := filepath.Join(t.TempDir(), "none")
	path := filepath.Join(dir, "tenants.snap")
	var log journal
	r := start(t, newDatabase(store), replica.WithSnapshotFile(path, time.Hour), log.option())
	waitSynced(t, r)
	eventually(t, "a failure", func() bool { return r.State().SnapshotErr != nil })
	sameAs(t, r, store)
	eventually(t, "a line in the log", func() bool { return log.has("cannot be written") })
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stop(t, r)
	if err := r.State().SnapshotErr; err != nil || !log.has("written again") {
		t.Errorf("after the directory is there: %v", err)
	}
}
