package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// start returns a replica of source, which the caller closes.
func start(tb testing.TB, source tenancy.Source, opts ...replica.Option) *replica.Store {
	tb.Helper()
	opts = append([]replica.Option{replica.WithLogger(slog.New(slog.DiscardHandler)), replica.WithFollowTimeout(time.Minute)}, opts...)
	r, err := replica.New(source, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func stop(tb testing.TB, r *replica.Store) {
	tb.Helper()
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
}

func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for end := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}

func waitSynced(tb testing.TB, r *replica.Store) {
	tb.Helper()
	eventually(tb, "synced", func() bool { return r.State().Phase == replica.PhaseSynced })
}

func waitRestored(tb testing.TB, r *replica.Store) {
	tb.Helper()
	eventually(tb, "restored", func() bool { return r.State().Phase == replica.PhaseRestored && r.State().Serving })
}

// filled returns a database with acme, globex and some more tenants, and a file of them,
// which a replica has left.
func filled(tb testing.TB, opts ...replica.Option) (*memstore.Store, *database, replica.Option, string) {
	tb.Helper()
	store := memstore.New()
	for _, identifier := range []string{"acme", "globex", "initech", "hooli", "umbrella"} {
		create(tb, store, identifier)
	}
	db := newDatabase(store)
	path := filepath.Join(tb.TempDir(), "tenants.snap")
	file := replica.WithSnapshotFile(path, time.Hour)
	leave(tb, db, append(opts, file)...)
	return store, db, file, path
}

// leave starts a replica that leaves a file.
func leave(tb testing.TB, db *database, opts ...replica.Option) {
	tb.Helper()
	r := start(tb, db, opts...)
	waitSynced(tb, r)
	stop(tb, r)
}

func get(tb testing.TB, s tenancy.Store, identifier string) tenancy.Tenant {
	tb.Helper()
	t, err := s.GetByIdentifier(context.Background(), identifier)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// sameAs checks that a replica holds what the database does.
func sameAs(tb testing.TB, r *replica.Store, db *memstore.Store) {
	tb.Helper()
	want := db.All()
	page, err := r.List(context.Background(), tenancy.ListOptions{Limit: 1000})
	compare := func(a, b tenancy.Tenant) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(want, compare)
	slices.SortFunc(page.Tenants, compare)
	if err != nil || !slices.Equal(page.Tenants, want) {
		tb.Errorf("the replica holds %v, %v, want %v", page.Tenants, err, want)
	}
	for _, t := range want {
		if got, err := r.GetByIdentifier(context.Background(), t.Identifier); err != nil || got != t {
			tb.Errorf("%s: %v, %v, want %v", t.Identifier, got, err, t)
		}
	}
}

func TestAStartWithoutTheDatabaseIsServedFromTheFile(t *testing.T) {
	store, db, file, _ := filled(t)
	before := db.statements.Load()
	db.down.Store(true)
	r := start(t, db, file)
	defer stop(t, r)
	<-r.Ready()
	waitRestored(t, r)
	sameAs(t, r, store)
	if _, err := r.GetByIdentifier(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("nobody: %v, want ErrNotFound", err)
	}
	if n, err := r.Count(t.Context(), tenancy.Filter{}); n != 5 || err != nil {
		t.Errorf("Count: %d, %v", n, err)
	}
	select {
	case <-r.Synced():
		t.Error("synced without a database")
	default:
	}
	if _, err := r.SetStatus(t.Context(), get(t, r, "acme").ID, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrNotApplied) {
		t.Errorf("a write in the outage: %v, want ErrNotApplied", err)
	}
	sameAs(t, r, store) // which does not end the service
	db.down.Store(false)
	waitSynced(t, r)
	sameAs(t, r, store)
	if n, state := db.statements.Load()-before, r.State(); n > 3 || state.Scans != 0 {
		t.Errorf("%d statements, %d scans, want at most 3 and none: nothing has changed", n, state.Scans)
	}
}

func TestWhatChangedSinceTheFileIsFollowed(t *testing.T) {
	store, db, file, _ := filled(t)
	ctx := t.Context()
	acme, globex, hooli := get(t, store, "acme"), get(t, store, "globex"), get(t, store, "hooli")
	acme.Identifier = "acme-two"
	if _, err := store.Update(ctx, acme); err != nil {
		t.Fatal(err)
	}
	globex.Identifier = "acme" // somebody else has the name now
	if _, err := store.Update(ctx, globex); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(ctx, hooli.ID); err != nil {
		t.Fatal(err)
	}
	create(t, store, "hooli")
	create(t, store, "pied-piper")
	r := start(t, db, file)
	defer stop(t, r)
	waitSynced(t, r)
	sameAs(t, r, store)
	if _, err := r.GetByID(ctx, hooli.ID); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("what was deleted: %v, want ErrNotFound", err)
	}
	if _, err := r.GetByIdentifier(ctx, "globex"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("a name that was given up: %v, want ErrNotFound", err)
	}
	if db.lists.Load() != 1 || r.State().Scans != 0 { // that of the replica that left the file
		t.Errorf("%d pages were read, want none", db.lists.Load()-1)
	}
}

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

// journal is where a replica logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) has(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), text)
}

func (j *journal) option() replica.Option {
	return replica.WithLogger(slog.New(slog.NewTextHandler(j, nil)))
}

func TestAFileThatCannotBeUsedIsALineAndAScan(t *testing.T) {
	rewrite := func(current time.Time) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			h := snapshot.Header{Current: current}
			if err := snapshot.Write(t.Context(), path, nil, h, slices.Values([]tenancy.Tenant{})); err != nil {
				t.Fatal(err)
			}
		}
	}
	put := func(text string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(edit func([]byte) []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			put(string(edit(data)))(t, path)
		}
	}
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, path string)
		line   string
		stays  bool // and is not replaced
		option []replica.Option
	}{
		"there is none":     {spoil: func(_ *testing.T, path string) { _ = os.Remove(path) }, line: "there is no snapshot"},
		"empty":             {spoil: put(""), line: snapshot.ErrCorrupt.Error()},
		"torn":              {spoil: edit(func(b []byte) []byte { return b[:len(b)-1] }), line: snapshot.ErrCorrupt.Error()},
		"altered":           {spoil: edit(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), line: snapshot.ErrCorrupt.Error()},
		"of a newer format": {spoil: edit(func(b []byte) []byte { b[7]++; return b }), line: snapshot.ErrVersion.Error()},
		"too old":           {spoil: rewrite(time.Now().Add(-time.Hour)), line: snapshot.ErrAge.Error()},
		"of the future":     {spoil: rewrite(time.Now().Add(time.Hour)), line: snapshot.ErrAge.Error()},
		"of somebody else":  {spoil: put("precious, and not ours"), line: snapshot.ErrForeign.Error(), stays: true},
		"more than allowed": {spoil: edit(func(b []byte) []byte { return b }), line: "WithMaxTenants allows 4", stays: true, option: []replica.Option{replica.WithMaxTenants(4)}},
	} {
		t.Run(name, func(t *testing.T) {
			store, db, file, path := filled(t)
			c.spoil(t, path)
			before, _ := os.ReadFile(path)
			var log journal
			r := start(t, db, append(c.option, file, log.option())...)
			eventually(t, "the database is read", func() bool { return r.State().Scans > 0 })
			if c.option == nil {
				waitSynced(t, r)
				sameAs(t, r, store)
			}
			stop(t, r)
			if !log.has(c.line) {
				t.Errorf("logged %s, want %q", log.text.String(), c.line)
			}
			if after, _ := os.ReadFile(path); bytes.Equal(before, after) != c.stays {
				t.Errorf("replaced: %t, want %t", !c.stays, c.stays)
			}
			if c.stays {
				return
			}
			db.down.Store(true) // and the file of this replica can be used
			r = start(t, db, file)
			defer stop(t, r)
			waitRestored(t, r)
			sameAs(t, r, store)
		})
	}
}

func TestAFileIsNotServedPastItsAge(t *testing.T) {
	store, db, _, path := filled(t)
	db.down.Store(true)
	const maxAge = time.Hour
	bounds, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows := store.All()
	current := time.Now().Add(-maxAge + 2*time.Second)
	h := snapshot.Header{At: bounds.Newest, Current: current, Rows: len(rows)}
	if err := snapshot.Write(t.Context(), path, nil, h, slices.Values(rows)); err != nil {
		t.Fatal(err)
	}
	var log journal
	r := start(t, db, replica.WithSnapshotFile(path, maxAge), replica.WithMaxStale(-1), log.option())
	defer stop(t, r)
	eventually(t, "no more service", func() bool {
		_, err := r.GetByIdentifier(t.Context(), "acme")
		// The clock of hits is coarse, and so is that of the end.
		if late := time.Since(current) - maxAge; err == nil && late > time.Second {
			t.Fatalf("served %v past its age", late)
		}
		return log.has("serve nothing")
	})
	if _, err := r.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	db.down.Store(false)
	waitSynced(t, r)
	sameAs(t, r, store)
}

func keys(tb testing.TB) seal.Sealer {
	tb.Helper()
	k, err := seal.ParseKey("k1", seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	ring, err := seal.NewKeyring(k)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

const secretURL = "postgres://acme:s3cret@db/acme"

// withSecret returns a database with a tenant that has a secret.
func withSecret(tb testing.TB) (*memstore.Store, *database, tenancy.Tenant) {
	tb.Helper()
	store := memstore.New()
	t, err := store.Create(context.Background(), tenancy.Tenant{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret(secretURL)})
	if err != nil {
		tb.Fatal(err)
	}
	create(tb, store, "globex")
	return store, newDatabase(store), t
}

func TestTheFileHoldsNoPlainSecret(t *testing.T) {
	for name, sealed := range map[string]bool{"sealed": true, "without a Sealer": false} {
		t.Run(name, func(t *testing.T) {
			store, db, acme := withSecret(t)
			path := filepath.Join(t.TempDir(), "tenants.snap")
			opts := []replica.Option{replica.WithSnapshotFile(path, time.Hour)}
			if sealed {
				opts = append(opts, replica.WithSealer(keys(t)))
			}
			leave(t, db, opts...)
			if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("s3cret")) {
				t.Errorf("the file shows the secret, or %v", err)
			}
			db.down.Store(true)
			r := start(t, db, opts...)
			defer stop(t, r)
			waitRestored(t, r)
			got := get(t, r, "acme")
			if sealed && got != acme || !sealed && !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
				t.Errorf("got %v, whose secret is withheld because of %v", got, got.DatabaseURL.Err())
			}
			db.down.Store(false)
			if !sealed {
				if _, err := r.Update(t.Context(), got); !errors.Is(err, tenancy.ErrInvalid) {
					t.Errorf("Update with a withheld secret: %v, want ErrInvalid", err)
				}
			}
			waitSynced(t, r)
			sameAs(t, r, store) // with the secret
			if sealed && r.State().Scans != 0 {
				t.Error("all tenants were read, though the file has everything")
			}
		})
	}
}

func TestAReplicaWithoutSecrets(t *testing.T) {
	store, db, acme := withSecret(t)
	path := filepath.Join(t.TempDir(), "tenants.snap")
	opts := []replica.Option{replica.WithSnapshotFile(path, time.Hour), replica.WithoutSecrets()}
	leave(t, db, opts...)
	lists := db.lists.Load()
	r := start(t, db, opts...)
	defer stop(t, r)
	early, err := r.GetByID(t.Context(), acme.ID) // from below, perhaps
	if err != nil || !errors.Is(early.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("before it is synced: %v, %v", early.DatabaseURL.Err(), err)
	}
	waitSynced(t, r)
	if db.lists.Load() != lists {
		t.Error("all tenants were read, though nothing is missing")
	}
	got := get(t, r, "acme")
	if !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) || got.DatabaseURL.Reveal() == secretURL {
		t.Errorf("the secret: %v", got.DatabaseURL.Err())
	}
	if _, err := r.Update(t.Context(), got); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("Update with a withheld secret: %v, want ErrInvalid", err)
	}
	changed, err := tenancy.Modify(t.Context(), r, acme.ID, func(t *tenancy.Tenant) error { t.Name = "Acme Inc"; return nil })
	if err != nil || changed.Name != "Acme Inc" {
		t.Errorf("Modify: %v, %v", changed, err)
	}
	if got := get(t, store, "acme"); got.DatabaseURL.Reveal() != secretURL || got.Name != "Acme Inc" {
		t.Errorf("the database has %v, want the secret unchanged", got)
	}
	if got := get(t, r, "acme"); got.Name != "Acme Inc" || !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("after a write: %v", got)
	}
	results, err := r.CreateBatch(t.Context(), []tenancy.Tenant{{Identifier: "umbrella", Name: "U", DatabaseURL: tenancy.NewSecret(secretURL)}})
	if err != nil || results[0].Err != nil || !errors.Is(results[0].Tenant.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("CreateBatch: %+v, %v", results, err)
	}
	if fresh, err := tenancy.Fresh(r).GetByID(t.Context(), acme.ID); err != nil || fresh.DatabaseURL.Reveal() != secretURL {
		t.Errorf("Fresh: %v, %v, want the secret", fresh.DatabaseURL.Err(), err)
	}
	for t2, err := range tenancy.All(t.Context(), r, tenancy.ListOptions{}) {
		if err != nil || t2.DatabaseURL.Reveal() == secretURL {
			t.Errorf("listed: %v, %v", t2, err)
		}
	}
}

// lagging is a source whose Load may answer from a history that is lost, as a cache below
// may which does not know it yet.
type lagging struct {
	*database
	denied atomic.Bool
}

func (l *lagging) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	found, err := l.database.Load(ctx, want)
	for i := range found {
		if l.denied.Load() && want[i].Min != tenancy.Latest {
			found[i].AsOf.Mark++
		}
	}
	return found, err
}

// Without secrets none is returned either by a lookup that had to be repeated.
func TestALookupThatIsRepeatedWithholdsTheSecret(t *testing.T) {
	store, db, acme := withSecret(t)
	const domain = "acme.example" // which a replica looks up in the source
	if _, err := store.AddDomain(t.Context(), acme.ID, domain); err != nil {
		t.Fatal(err)
	}
	if _, err := store.VerifyDomain(t.Context(), acme.ID, domain); err != nil {
		t.Fatal(err)
	}
	source := &lagging{database: db}
	r := start(t, source, replica.WithoutSecrets())
	defer stop(t, r)
	waitSynced(t, r)
	source.denied.Store(true)
	got, err := r.GetByDomain(t.Context(), domain)
	if err != nil || !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("%v, %v, want the secret withheld", got.DatabaseURL.Err(), err)
	}
}

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

func TestOptionsOfTheFileThatMakeNoSense(t *testing.T) {
	for name, opts := range map[string][]replica.Option{
		"no path":             {replica.WithSnapshotFile("", time.Hour)},
		"no age":              {replica.WithSnapshotFile("x", 0)},
		"a negative age":      {replica.WithSnapshotFile("x", -1)},
		"no Sealer":           {replica.WithSnapshotFile("x", 1), replica.WithSealer(nil)},
		"a Sealer for nobody": {replica.WithSealer(keys(t))},
	} {
		if _, err := replica.New(memstore.New(), opts...); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	r := start(t, memstore.New(), replica.WithSnapshotFile(filepath.Join(t.TempDir(), "x"), math.MaxInt64)) // for ever
	waitSynced(t, r)
	stop(t, r)
}
