package bunpg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// These tests edit the tables with the real psql under a live store.

func TestPSQLEditsReachTheStore(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn, noPoll)
	acme := create(t, store, "acme")
	next := changesOf(t, store)
	for _, c := range []struct {
		script string
		op     tenancy.ChangeKind
		keys   []tenancy.Key // besides those of acme, where nil all of them
		found  map[string]bool
	}{
		{
			`INSERT INTO tenants (id, identifier, name) VALUES ('2', 'beta', 'Bücher Beta')`,
			tenancy.ChangeCreate, []tenancy.Key{tenancy.IDKey("2"), tenancy.IdentifierKey("beta")}, map[string]bool{"beta": true},
		},
		{
			`UPDATE tenants SET identifier = 'gamma' WHERE identifier = 'beta'`,
			tenancy.ChangeUpdate, []tenancy.Key{tenancy.IDKey("2"), tenancy.IdentifierKey("beta"), tenancy.IdentifierKey("gamma")},
			map[string]bool{"beta": false, "gamma": true},
		},
		{
			`UPDATE tenants SET id = '3' WHERE id = '2'`,
			tenancy.ChangeUpdate, []tenancy.Key{tenancy.IDKey("2"), tenancy.IDKey("3"), tenancy.IdentifierKey("gamma")},
			map[string]bool{"gamma": true},
		},
		{
			`DELETE FROM tenants WHERE id = '3'`,
			tenancy.ChangeDelete, []tenancy.Key{tenancy.IDKey("3"), tenancy.IdentifierKey("gamma")}, map[string]bool{"gamma": false},
		},
		{
			"COPY tenants (id, identifier, name) FROM stdin;\n4\tdelta\tDelta\n\\.\n",
			tenancy.ChangeCreate, []tenancy.Key{tenancy.IDKey("4"), tenancy.IdentifierKey("delta")}, map[string]bool{"delta": true},
		},
		{`TRUNCATE tenants`, tenancy.ChangeReset, nil, map[string]bool{"delta": false, "acme": false}},
	} {
		psql(t, dsn, `INSERT INTO tenants (id, identifier, name) VALUES ('`+acme.ID+`', 'delta', 'Δέλτα') ON CONFLICT (id) DO NOTHING`) // no change
		psql(t, dsn, c.script)
		change := next()
		if change.Kind != c.op || len(change.Keys) != len(c.keys) {
			t.Errorf("%s: change %+v", c.script, change)
		}
		for _, key := range append(c.keys, tenancy.IDKey(acme.ID)) {
			if want := c.op == tenancy.ChangeReset || key.Value != acme.ID; change.Touches(key) != want {
				t.Errorf("%s: Touches(%v) is %t", c.script, key, !want)
			}
		}
		for identifier, found := range c.found {
			got, err := store.GetByIdentifier(t.Context(), identifier)
			if found && (err != nil || got.Revision > change.Position.Revision) || !found && !errors.Is(err, tenancy.ErrNotFound) {
				t.Errorf("%s: %s is %+v, error %v", c.script, identifier, got, err)
			}
		}
	}
}

func TestPSQLUpsertIsAnUpdate(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn, noPoll)
	acme := create(t, store, "acme")
	next := changesOf(t, store)
	psql(t, dsn, `INSERT INTO tenants (identifier, name) VALUES ('acme', 'Upserted')
		ON CONFLICT (identifier) DO UPDATE SET name = EXCLUDED.name`)
	if c := next(); c.Kind != tenancy.ChangeUpdate || c.TenantID != acme.ID {
		t.Errorf("change %+v, want an update of acme", c)
	}
	got, err := store.GetByID(t.Context(), acme.ID)
	if err != nil || got.Name != "Upserted" || got.Revision != acme.Revision+1 || !got.UpdatedAt.After(acme.UpdatedAt) {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestSearchFindsHandEditedNames(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn)
	create(t, store, "acme")
	for _, c := range []struct{ name, query string }{
		{"Bücher GmbH", "BÜCHER"},
		{"ΟΔΥΣΣΕΥΣ", "οδυσσευς"},
		{"BÜCHER GMBH", "bücher"},
		{"Plain & Simple 100%", "simple 100%"},
		{"under_score", "R_S"},
	} {
		psql(t, dsn, fmt.Sprintf(`UPDATE tenants SET name = '%s'`, c.name))
		got, err := store.Search(t.Context(), c.query, tenancy.SearchOptions{})
		if err != nil || len(got) != 1 || got[0].Name != c.name {
			t.Errorf("%s: found %v, error %v", c.query, got, err)
		}
	}
	if got, err := store.Search(t.Context(), "bücher", tenancy.SearchOptions{}); err != nil || len(got) != 0 {
		t.Errorf("an old name is found: %v, error %v", got, err)
	}
}

// Sixteen writers of the store work on few tenants while psql locks the same
// rows first and edits them later, the order that is not the store's own.
func TestPSQLAndStoreUnderLoadHaveNoDeadlock(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn)
	const tenants, writers, scripts = 4, 16, 3
	ids := make([]string, tenants)
	for i := range ids {
		ids[i] = create(t, store, "t-"+itoa(i)).ID
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load sync.WaitGroup
	for w := range writers {
		load.Go(func() {
			for i := w; ctx.Err() == nil; i++ {
				id := ids[i%tenants]
				var err error
				switch (i / tenants) % 5 {
				case 0:
					_, err = store.UpdateMetadata(ctx, id, metadata(t, fmt.Sprintf(`{"w%d":%d}`, w, i)))
				case 1:
					_, err = store.SetStatus(ctx, id, tenancy.StatusActive)
				case 2:
					_, err = store.BulkUpdateStatus(ctx, ids, tenancy.StatusSuspended)
				case 3:
					_, err = tenancy.Modify(ctx, store, id, func(t *tenancy.Tenant) error {
						t.Identifier = fmt.Sprintf("t-%d-%d", w, i)
						return nil
					})
				case 4:
					extra := tenancy.Tenant{ID: fmt.Sprintf("extra-%d-%d", w, i), Identifier: fmt.Sprintf("e-%d-%d", w, i), Name: "E"}
					if _, err = store.Create(ctx, extra); err == nil {
						err = store.Delete(ctx, extra.ID)
					}
				}
				if err != nil && ctx.Err() == nil && !errors.Is(err, tenancy.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	var people sync.WaitGroup
	for p := range 2 {
		people.Go(func() {
			for i := range scripts {
				// Each takes its own rows, so that no deadlock is among psql's
				// sessions; pg_sleep is the person who thinks for longer than
				// deadlock_timeout.
				mine := fmt.Sprintf(`id IN ('%s', '%s')`, ids[2*p], ids[2*p+1])
				psql(t, dsn, fmt.Sprintf(`BEGIN;
					SELECT FROM tenants WHERE %s FOR UPDATE;
					SELECT pg_sleep(1.2);
					UPDATE tenants SET name = 'by hand %d' WHERE %s;
					COMMIT;`, mine, i, mine))
			}
		})
	}
	people.Wait()
	cancel()
	load.Wait()
	conn := connect(t, dsn)
	checkLog(t, conn)
	if n := one[int](t, conn, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("the server has resolved %d deadlocks", n)
	}
}

// A dump of some time ago is restored under a live store: history goes back.
func TestRestoredDumpDeniesLostPositions(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn, bunpg.WithStore(bunstore.WithPollInterval(20*time.Millisecond)))
	acme := create(t, store, "acme")
	kept, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dump := run(t, "", "pg_dump", "--dbname="+dsn, "--clean", "--if-exists")
	create(t, store, "beta")
	lost, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		var last error
		for last == nil || errors.Is(last, tenancy.ErrUnavailable) && ctx.Err() == nil {
			for _, last = range tenancy.Watch(ctx, store, lost.Newest) {
			}
		}
		ended <- last
	}()
	psql(t, dsn, dump, "--single-transaction")

	if err := <-ended; !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("the watch ended with %v, want ErrCompacted", err)
	}
	if _, err := store.GetByIdentifier(t.Context(), "beta"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("error %v for a tenant that the dump does not hold", err)
	}
	if got, err := store.GetByIdentifier(t.Context(), "acme"); err != nil || got != acme {
		t.Errorf("got %+v, error %v", got, err)
	}
	create(t, store, "gamma") // takes the revision of beta
	if _, err := store.Changes(t.Context(), lost.Newest, 0); !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("error %v for a lost position whose revision is taken again", err)
	}
	changes, err := store.Changes(t.Context(), kept.Newest, 0)
	if err != nil || len(changes) != 1 || changes[0].Position.Revision != lost.Newest.Revision {
		t.Errorf("changes %+v, error %v", changes, err)
	}
	want := []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID), Min: lost.Newest.Revision + 1}}
	if _, err := store.Load(t.Context(), want); !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("error %v for a Min beyond the log", err)
	}

	// Triggers survive a dump.
	psql(t, dsn, `DELETE FROM tenants; SET session_replication_role = replica; TRUNCATE tenants`)
	checkLog(t, connect(t, dsn))
	psql(t, dsn, strings.TrimSpace(dump), "--single-transaction")
}
