package bunstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A write that fails leaves the transaction as it was, and usable.
func TestTxGoesOnAfterAFailedWrite(t *testing.T) {
	refusing := bunstore.WithMetadataCheck(func(m tenancy.Metadata) error {
		if _, has := m.Get("bad"); has {
			return errors.New("bad")
		}
		return nil
	})
	inTx(t, func(t *testing.T, db *bun.DB, s, other *bunstore.Store) {
		ctx := t.Context()
		taken, err := s.Create(ctx, tenancy.Tenant{Identifier: "taken", Name: "Taken"})
		if err != nil {
			t.Fatal(err)
		}
		refuse(t, db)
		bad, err := tenancy.ParseMetadata([]byte(`{"bad": 1}`))
		if err != nil {
			t.Fatal(err)
		}
		var created tenancy.Tenant
		err = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			in := within(t, s, tx)
			if created, err = in.Create(ctx, acme()); err != nil {
				return err
			}
			stale, renamed, refused := created, created, created
			stale.Revision--
			renamed.Identifier = taken.Identifier
			refused.Name = "refused"
			for _, c := range []struct {
				name string
				call func() error
				want error
			}{
				{"Create with a taken identifier", func() error { _, err := in.Create(ctx, tenancy.Tenant{Identifier: "taken", Name: "Other"}); return err }, tenancy.ErrAlreadyExists},
				{"Update to a taken identifier", func() error { _, err := in.Update(ctx, renamed); return err }, tenancy.ErrAlreadyExists},
				{"Update of a stale tenant", func() error { _, err := in.Update(ctx, stale); return err }, tenancy.ErrConflict},
				{"Update that a trigger refuses", func() error { _, err := in.Update(ctx, refused); return err }, tenancy.ErrInvalid},
				{"a patch that the check refuses", func() error { _, err := in.UpdateMetadata(ctx, created.ID, bad); return err }, tenancy.ErrInvalid},
				{"Delete of nobody", func() error { return in.Delete(ctx, "nobody") }, tenancy.ErrNotFound},
			} {
				if err := c.call(); !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", c.name, err, c.want)
				}
				if got, err := in.GetByID(ctx, created.ID); err != nil || got != created {
					t.Errorf("after %s: %+v, %v, want %+v", c.name, got, err, created)
				}
			}
			results, err := in.CreateBatch(ctx, []tenancy.Tenant{{Identifier: "batch", Name: "Batch"}, {Identifier: "taken", Name: "Taken"}})
			if err != nil || len(results) != 2 || results[0].Err != nil || !errors.Is(results[1].Err, tenancy.ErrAlreadyExists) {
				t.Errorf("CreateBatch: %v, %v", results, err)
			}
			_, err = tx.NewInsert().Model(&member{TenantID: created.ID}).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := other.GetByID(ctx, created.ID); err != nil || got != created || members(t, db) != 1 {
			t.Errorf("after the commit: %+v, %v, %d members", got, err, members(t, db))
		}
		if _, err := other.Changes(ctx, tenancy.Position{}, 0); err != nil {
			t.Errorf("the log has a gap: %v", err)
		}
	}, refusing)
}

// What has ended or failed says so, and Close of the store in a transaction ends that alone.
func TestTxThatHasEnded(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, _ *bunstore.Store) {
		ctx := t.Context()
		for _, end := range []func(tx bun.Tx) error{bun.Tx.Commit, bun.Tx.Rollback} {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			in := within(t, s, tx)
			if err := end(tx); err != nil {
				t.Fatal(err)
			}
			_, createErr := in.Create(ctx, acme())
			_, getErr := in.GetByIdentifier(ctx, "acme")
			if !errors.Is(createErr, tenancy.ErrClosed) || !errors.Is(getErr, tenancy.ErrClosed) {
				t.Errorf("Create: %v; GetByIdentifier: %v; want ErrClosed", createErr, getErr)
			}
		}
		err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			in := within(t, s, tx)
			if err := in.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if _, err := in.Create(ctx, acme()); !errors.Is(err, tenancy.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
			_, err := within(t, s, tx).Create(ctx, acme())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Trim(ctx); err != nil {
			t.Errorf("the store after Close of that in a transaction: %v", err)
		}
		closed, err := bunstore.New(db)
		if err != nil {
			t.Fatal(err)
		}
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		err = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			_, getErr := within(t, closed, tx).GetByIdentifier(ctx, "acme")
			if _, err := within(t, closed, tx).Create(ctx, acme()); !errors.Is(err, tenancy.ErrClosed) {
				t.Errorf("Create of a closed store: %v; want ErrClosed", err)
			}
			return getErr
		})
		runErr := closed.RunInTx(ctx, nil, func(context.Context, bun.Tx, tenancy.Store) error { return nil })
		if !errors.Is(err, tenancy.ErrClosed) || !errors.Is(runErr, tenancy.ErrClosed) {
			t.Errorf("of a closed store: %v; RunInTx: %v; want ErrClosed", err, runErr)
		}
	})
}

func TestTxOfPostgresThatWasAborted(t *testing.T) {
	db := postgresDBWith(t, newPostgres(t), "read committed")
	s := newStore(t, db)
	abort := func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT 1 / 0"); err == nil {
			t.Error("nothing was divided")
		}
		_, err := within(t, s, tx).Create(ctx, acme())
		return err
	}
	want := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "25P02") {
			t.Errorf("err = %v, want ErrUnavailable that is not applied, with 25P02", err)
		}
	}
	want(t, db.RunInTx(t.Context(), nil, abort))
	// The program's own savepoint is still there.
	if err := db.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		want(t, tx.RunInTx(ctx, nil, abort))
		_, err := within(t, s, tx).Create(ctx, acme())
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestTxArguments(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		if _, err := s.Tx(bun.Tx{}); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("of a transaction that was not begun: %v, want ErrInvalid", err)
		}
		other, err := bun.NewDB(db.DB, foreign{pgdialect.New()}).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Rollback() }()
		if _, err := s.Tx(other); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("of another kind of database: %v, want ErrInvalid", err)
		}
	})
}

// Other writers wait for the transaction, and then write.
func TestTxKeepsOtherWritersWaiting(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, other *bunstore.Store) {
		ctx := t.Context()
		var writers sync.WaitGroup
		var inTx tenancy.Tenant
		errs := make(chan error, 4)
		err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) (err error) {
			if inTx, err = within(t, s, tx).Create(ctx, acme()); err != nil {
				return err
			}
			for i := range cap(errs) {
				writers.Go(func() {
					_, err := []*bunstore.Store{s, other}[i%2].Create(t.Context(), tenancy.Tenant{Identifier: "other-" + string(rune('a'+i)), Name: "Other"})
					errs <- err
				})
			}
			select { // all wait: a writer that does not would have the revision of the tenant above
			case err := <-errs:
				t.Errorf("a writer did not wait: %v", err)
			case <-time.After(100 * time.Millisecond):
			}
			_, err = within(t, s, tx).SetStatus(ctx, inTx.ID, tenancy.StatusSuspended)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		writers.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Errorf("a writer failed: %v", err)
			}
		}
		if changes, err := other.Changes(ctx, tenancy.Position{}, 0); err != nil || len(changes) != 1+2+cap(errs) {
			t.Errorf("%d changes, %v", len(changes), err)
		}
	})
}

// In PostgreSQL a row that somebody has locked is not waited for; the transaction goes on.
func TestTxOfPostgresMeetsALockedRow(t *testing.T) {
	db := postgresDBWith(t, newPostgres(t), "read committed")
	s := newStore(t, db)
	ctx := t.Context()
	created, err := s.Create(ctx, acme())
	if err != nil {
		t.Fatal(err)
	}
	person, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = person.Rollback() }()
	if _, err := person.ExecContext(ctx, "SELECT FROM tenants FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	err = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		in := within(t, s, tx)
		if _, err := in.SetStatus(ctx, created.ID, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) {
			t.Errorf("SetStatus of a locked row: %v, want ErrUnavailable that is not applied", err)
		}
		if err := person.Rollback(); err != nil {
			t.Error(err)
		}
		_, err := in.SetStatus(ctx, created.ID, tenancy.StatusSuspended)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.GetByID(ctx, created.ID); err != nil || got.Status != tenancy.StatusSuspended {
		t.Errorf("got %+v, %v", got, err)
	}
}
