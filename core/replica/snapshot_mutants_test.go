package replica_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// fileRule is a promise about the snapshot file. Its mutant is a replica that breaks it:
// what is done to the store that the replica is over, to the store that its users see, or
// to the file before the start, makes it do what it would do without the rule.
type fileRule struct {
	check  func(r *reporter, m fileMutant)
	mutant fileMutant
}

type fileMutant struct {
	below func(tenancy.Source) tenancy.Source
	above func(tenancy.Store) tenancy.Store
	file  func(tb testing.TB, path string)
}

// reporter notes what a rule finds.
type reporter struct {
	testing.TB
	found []string
}

func (r *reporter) Errorf(format string, args ...any) {
	r.found = append(r.found, fmt.Sprintf(format, args...))
}

func (m fileMutant) start(tb testing.TB, source tenancy.Source, path string, opts ...replica.Option) (*replica.Store, tenancy.Store) {
	tb.Helper()
	if m.file != nil {
		m.file(tb, path)
	}
	if m.below != nil {
		source = m.below(source)
	}
	r := start(tb, source, append(opts, replica.WithSnapshotFile(path, time.Hour))...)
	if m.above != nil {
		return r, m.above(r)
	}
	return r, r
}

var fileRules = map[string]fileRule{
	"snapshot without a mark check": {
		check: func(r *reporter, m fileMutant) {
			store, db, file, path := filled(r)
			backup := store.Backup()
			lost, err := store.SetStatus(context.Background(), get(r, store, "acme").ID, tenancy.StatusSuspended)
			if err != nil {
				r.Fatal(err)
			}
			leave(r, db, file)
			store.Restore(backup)
			create(r, store, "other") // which takes the revision that was lost
			rep, s := m.start(r, db, path)
			defer stop(r, rep)
			waitSynced(r, rep)
			if got := get(r, s, "acme"); got == lost {
				r.Errorf("served after the first contact: %v, of a history that is lost", got)
			}
		},
		mutant: fileMutant{below: func(s tenancy.Source) tenancy.Source { return marksIgnored{tenancy.Decorator{Next: s}, s} }},
	},
	"file served past its age": {
		check: func(r *reporter, m fileMutant) {
			_, db, _, path := filled(r)
			redate(r, path, time.Now().Add(-2*time.Hour))
			db.down.Store(true)
			rep, s := m.start(r, db, path)
			defer stop(r, rep)
			eventually(r, "an attempt to read the log", func() bool { return rep.State().Err != nil })
			if got, err := s.GetByIdentifier(context.Background(), "acme"); err == nil {
				r.Errorf("served from a file of two hours ago, which may be one hour old: %v", got)
			}
		},
		mutant: fileMutant{file: func(tb testing.TB, path string) { redate(tb, path, time.Now()) }},
	},
	"withheld secret written back": {
		check: func(r *reporter, m fileMutant) {
			store, db, acme := withSecret(r)
			path := filepath.Join(r.TempDir(), "tenants.snap")
			leave(r, db, replica.WithSnapshotFile(path, time.Hour))
			db.noLists.Store(true) // so that it stays with what the file has
			rep, s := m.start(r, db, path)
			defer stop(r, rep)
			waitRestored(r, rep)
			got := get(r, s, "acme")
			got.Name = "edited"
			if _, err := s.Update(context.Background(), got); !errors.Is(err, tenancy.ErrInvalid) {
				r.Errorf("a tenant without its secret is written: %v, want ErrInvalid", err)
			}
			if now := get(r, store, "acme"); now.DatabaseURL != acme.DatabaseURL {
				r.Errorf("the secret is gone")
			}
		},
		mutant: fileMutant{above: func(s tenancy.Store) tenancy.Store { return emptied{tenancy.Decorator{Next: s}} }},
	},
}

// marksIgnored is a source whose log takes a revision for a position.
type marksIgnored struct {
	tenancy.Decorator
	source tenancy.Source
}

func (m marksIgnored) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	bounds, err := m.source.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	all, err := m.source.Changes(ctx, bounds.Oldest, tenancy.MaxChangesLimit)
	if err != nil {
		return nil, err
	}
	if after.Revision > bounds.Newest.Revision {
		return nil, tenancy.ErrCompacted
	}
	all = slices.DeleteFunc(all, func(c tenancy.Change) bool { return c.Position.Revision <= after.Revision })
	return all[:min(limit, len(all))], nil
}

// emptied is a store that shows a withheld secret as none.
type emptied struct{ tenancy.Decorator }

func (e emptied) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	t, err := e.Next.GetByIdentifier(ctx, identifier)
	if t.DatabaseURL.Err() != nil {
		t.DatabaseURL = tenancy.Secret{}
	}
	return t, err
}

// redate gives a file another age.
func redate(tb testing.TB, path string, current time.Time) {
	tb.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	var rows []tenancy.Tenant
	names := map[string][]tenancy.Key{}
	for t, err := range f.Rows(nil) {
		if err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, t)
		names[t.ID] = f.Names()
	}
	h := f.Header()
	h.Current = current
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	rewriteFile(tb, path, h, rows, func(id string) []tenancy.Key { return names[id] })
}

// rewriteFile puts a file in the place of one that may be newer.
func rewriteFile(tb testing.TB, path string, h snapshot.Header, rows []tenancy.Tenant, names func(id string) []tenancy.Key) {
	tb.Helper()
	if err := errors.Join(os.Remove(path), snapshot.Write(context.Background(), path, nil, h, slices.Values(rows), names)); err != nil {
		tb.Fatal(err)
	}
}

func TestFileRules(t *testing.T) {
	for name, rule := range fileRules {
		t.Run(name, func(t *testing.T) {
			sound := &reporter{TB: t}
			rule.check(sound, fileMutant{})
			if len(sound.found) > 0 {
				t.Errorf("a sound replica: %q", sound.found)
			}
			broken := &reporter{TB: t}
			if rule.check(broken, rule.mutant); len(broken.found) == 0 {
				t.Error("the mutant is not found")
			}
		})
	}
}
