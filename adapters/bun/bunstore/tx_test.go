package bunstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// member belongs to a tenant, and is written with it.
type member struct {
	bun.BaseModel `bun:"table:members"`

	ID       int64 `bun:",pk,autoincrement"`
	TenantID string
}

var errRollback = errors.New("rolled back by the program")

// inTx runs the test with a store on each database, and a second one, as of another process.
func inTx(t *testing.T, test func(t *testing.T, db *bun.DB, s, other *bunstore.Store), opts ...bunstore.Option) {
	t.Helper()
	run := func(t *testing.T, db *bun.DB) {
		s, other := newStore(t, db, opts...), newStore(t, db, opts...)
		if _, err := db.NewCreateTable().Model((*member)(nil)).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(t, db, s, other)
	}
	t.Run("sqlite", func(t *testing.T) {
		// As a program opens it: the commit of bun does not wait for readers, and a
		// transaction that begins by a read may have to give up.
		run(t, sqliteDB(t, filepath.Join(t.TempDir(), "tenants.db"), "_pragma=busy_timeout(60000)", "_pragma=journal_mode(WAL)", "_txlock=immediate"))
	})
	t.Run("postgres", func(t *testing.T) { run(t, postgresDBWith(t, newPostgres(t), "read committed")) })
	t.Run("mysql", func(t *testing.T) { run(t, mysqlDB(t, newMySQL(t))) }) // REPEATABLE READ
}

func within(t *testing.T, s *bunstore.Store, tx bun.Tx) tenancy.Store {
	t.Helper()
	in, err := s.Tx(tx)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func acme() tenancy.Tenant { return tenancy.Tenant{Identifier: "acme", Name: "Acme"} }

func members(t *testing.T, db *bun.DB) int64 {
	t.Helper()
	n, err := db.NewSelect().Model((*member)(nil)).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A tenant and what belongs to it are written together or not at all. What was rolled back
// leaves no trace in the log, and no gap.
func TestTxCommitsOrRollsBackAllOfIt(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, other *bunstore.Store) {
		ctx := t.Context()
		for _, want := range []error{errRollback, nil} {
			before, err := other.Bounds(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var created tenancy.Tenant
			err = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				if created, err = within(t, s, tx).Create(ctx, acme()); err != nil {
					return err
				}
				if _, err := tx.NewInsert().Model(&member{TenantID: created.ID}).Exec(ctx); err != nil {
					return err
				}
				return want
			})
			if !errors.Is(err, want) {
				t.Fatalf("RunInTx: %v, want %v", err, want)
			}
			got, err := other.GetByIdentifier(ctx, "acme")
			changes, logErr := other.Changes(ctx, before.Newest, 0)
			if logErr != nil {
				t.Fatal(logErr)
			}
			if want != nil {
				if !errors.Is(err, tenancy.ErrNotFound) || members(t, db) != 0 || len(changes) != 0 {
					t.Errorf("after a rollback: %v, %d members, changes %v", err, members(t, db), changes)
				}
				continue
			}
			if err != nil || got != created || members(t, db) != 1 {
				t.Errorf("after the commit: %+v, %v, %d members; want %+v", got, err, members(t, db), created)
			}
			if len(changes) != 1 || changes[0].Position != created.Position() || changes[0].Kind != tenancy.ChangeCreate {
				t.Errorf("changes %v, want the creation of %v", changes, created.Position())
			}
		}
	})
}

// The transaction sees what it has written, by every kind of read; others see nothing of it.
func TestTxReadsItsOwnWrites(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, other *bunstore.Store) {
		reads := func(ctx context.Context, s tenancy.Store, id string) (seen []bool) {
			_, err1 := s.GetByID(ctx, id)
			_, err2 := s.GetByIdentifier(ctx, "acme")
			many, err3 := s.GetByIDs(ctx, []string{id})
			found, err4 := s.Exists(ctx, id)
			page, err5 := s.List(ctx, tenancy.ListOptions{})
			n, err6 := s.Count(ctx, tenancy.Filter{})
			matches, err7 := s.Search(ctx, "acme", tenancy.SearchOptions{})
			for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
				if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
					t.Error(err)
				}
			}
			return []bool{err1 == nil, err2 == nil, len(many) == 1, found, len(page.Tenants) == 1, n == 1, len(matches) == 1}
		}
		err := db.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
			created, err := within(t, s, tx).Create(ctx, acme())
			if err != nil {
				return err
			}
			if seen := reads(ctx, within(t, s, tx), created.ID); slices.Contains(seen, false) {
				t.Errorf("the transaction sees %v", seen)
			}
			if fresh, err := tenancy.Fresh(within(t, s, tx)).GetByID(ctx, created.ID); err != nil || fresh != created {
				t.Errorf("a fresh read in the transaction: %+v, %v", fresh, err)
			}
			if seen := reads(ctx, other, created.ID); slices.Contains(seen, true) {
				t.Errorf("others see %v", seen)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A savepoint of the program's takes back what the store wrote after it, and nothing else.
func TestTxGoesBackToSavepoints(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, other *bunstore.Store) {
		ctx := t.Context()
		err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			if _, err := within(t, s, tx).Create(ctx, acme()); err != nil {
				return err
			}
			if err := tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				if _, err := within(t, s, tx).Create(ctx, tenancy.Tenant{Identifier: "other", Name: "Other"}); err != nil {
					return err
				}
				if _, err := within(t, s, tx).Update(ctx, tenancy.Tenant{Identifier: "nobody", Name: "Nobody", ID: "nobody", Status: tenancy.StatusActive, Revision: tenancy.AnyRevision}); !errors.Is(err, tenancy.ErrNotFound) {
					t.Errorf("Update of nobody: %v", err)
				}
				return errRollback
			}); !errors.Is(err, errRollback) {
				return err
			}
			_, err := within(t, s, tx).Create(ctx, tenancy.Tenant{Identifier: "third", Name: "Third"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		page, err := other.List(ctx, tenancy.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := identifiers(page.Tenants); len(got) != 2 || slices.Contains(got, "other Other") {
			t.Errorf("tenants %q, want what was not taken back", got)
		}
		// Changes fails where the log has a gap.
		if changes, err := other.Changes(ctx, tenancy.Position{}, 0); err != nil || len(changes) != 3 {
			t.Errorf("changes %v, %v", changes, err)
		}
	})
}

// Who writes by the store is not who writes by hand in the same transaction.
func TestTxKeepsActorsApart(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, other *bunstore.Store) {
		ctx := t.Context()
		sign := "INSERT INTO tenants_actor VALUES ('hand')"
		switch db.Dialect().Name().String() {
		case "pg":
			sign = "SET LOCAL tenantstore.actor = 'hand'"
		case "mysql":
			sign = "SET @tenantstore_actor = 'hand'"
		}
		err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			in := within(t, s, tx)
			byHand := func(name string) error {
				_, err := tx.ExecContext(ctx, "UPDATE tenants SET name = '"+name+"'")
				return err
			}
			created, err1 := in.Create(tenancy.WithActor(ctx, "alice"), acme())
			err2 := byHand("unsigned")
			_, err3 := tx.ExecContext(ctx, sign)
			err4 := byHand("signed")
			_, err5 := in.SetStatus(tenancy.WithActor(ctx, "bob"), created.ID, tenancy.StatusSuspended)
			err6 := byHand("signed again")
			_, err7 := in.SetStatus(ctx, created.ID, tenancy.StatusActive)
			return errors.Join(err1, err2, err3, err4, err5, err6, err7)
		})
		if err != nil {
			t.Fatal(err)
		}
		changes, err := other.Changes(ctx, tenancy.Position{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		var actors []string
		for _, c := range changes[1:] { // after the reset of a new log
			actors = append(actors, c.Actor)
		}
		if want := []string{"alice", "", "hand", "bob", "hand", "hand"}; !slices.Equal(actors, want) {
			t.Errorf("actors %q, want %q", actors, want)
		}
	})
}

// No cache may keep what is perhaps never committed.
func TestTxIsNoSource(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, _ *bunstore.Store) {
		err := db.RunInTx(t.Context(), nil, func(_ context.Context, tx bun.Tx) error {
			if _, ok := tenancy.SourceOf(within(t, s, tx)); ok {
				t.Error("the store in a transaction is a Source")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// RunInTx tells those who wait in this process, however long the poll interval is.
func TestRunInTxWakes(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, _ *bunstore.Store) {
		ctx := t.Context()
		bounds, err := s.Bounds(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if changes, err := s.Changes(ctx, bounds.Newest, 0); err != nil || len(changes) > 0 { // so that Wait waits
			t.Fatal(changes, err)
		}
		woken := make(chan error, 1)
		go func() { woken <- s.Wait(ctx, bounds.Newest) }()
		if err := s.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx, tenants tenancy.Store) error {
			created, err := tenants.Create(ctx, acme())
			if err != nil {
				return err
			}
			_, err = tx.NewInsert().Model(&member{TenantID: created.ID}).Exec(ctx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-woken; err != nil {
			t.Errorf("Wait: %v", err)
		}
		if changes, err := s.Changes(ctx, bounds.Newest, 0); err != nil || len(changes) != 1 || members(t, db) != 1 {
			t.Errorf("changes %v, %v", changes, err)
		}
		if err := s.RunInTx(ctx, nil, func(context.Context, bun.Tx, tenancy.Store) error { return errRollback }); err != errRollback { //nolint:errorlint // the very same
			t.Errorf("RunInTx = %v, want the function's error", err)
		}
	}, bunstore.WithPollInterval(24*time.Hour))
}
