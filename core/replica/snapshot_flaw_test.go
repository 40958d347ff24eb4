package replica_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

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
			rewriteFile(t, path, h, []tenancy.Tenant{}, nil)
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
	rewriteFile(t, path, h, rows, nil)
	var log journal
	r := start(t, db, replica.WithSnapshotFile(path, maxAge), replica.WithMaxStale(-1), log.option())
	defer stop(t, r)
	eventually(t, "no more service", func() bool {
		_, err := r.GetByIdentifier(t.Context(), "acme")
		// The clock of hits is coarse, and so is that of the end.
		if late := time.Since(current) - maxAge; err == nil && late > time.Second {
			t.Fatalf("served %v past its age", late)
		}
		return log.has("reads go to the source until")
	})
	if _, err := r.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	db.down.Store(false)
	waitSynced(t, r)
	sameAs(t, r, store)
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
