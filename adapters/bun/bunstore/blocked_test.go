package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// blocker is a session of somebody else that holds a lock until release.
func blocker(t *testing.T, dsn, lock string) (release func()) {
	t.Helper()
	tx, err := postgresDB(t, dsn).DB.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// A write waits for the lock of all writers, or for its row, as long as its
// context lasts, and leaves nothing behind.
func TestBlockedWrite(t *testing.T) {
	for name, lock := range map[string]string{
		"all writers": "SELECT id FROM tenants_lock FOR UPDATE",
		"one row":     "SELECT id FROM tenants WHERE identifier = 'acme' FOR UPDATE",
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newPostgres(t)
			s := newStore(t, postgresDB(t, dsn), bunstore.WithLockTimeout(20*time.Millisecond), bunstore.WithRetryTimeout(5*time.Minute))
			acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
			if err != nil {
				t.Fatal(err)
			}
			release := blocker(t, dsn, lock)

			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := s.SetStatus(ctx, acme.ID, tenancy.StatusSuspended); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("SetStatus: %v", err)
			}
			if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
				t.Errorf("a read beside the lock: %v, %v", got, err)
			}

			impatient := newStore(t, postgresDB(t, dsn), bunstore.WithLockTimeout(20*time.Millisecond), bunstore.WithRetryTimeout(100*time.Millisecond))
			if _, err := impatient.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrUnavailable) {
				t.Errorf("SetStatus of an impatient store: %v", err)
			}

			done := make(chan error, 1)
			go func() {
				_, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
				done <- err
			}()
			select {
			case err := <-done:
				t.Errorf("SetStatus returned while the lock was held: %v", err)
			case <-time.After(100 * time.Millisecond): // several attempts
			}
			release()
			if err := <-done; err != nil {
				t.Errorf("SetStatus: %v", err)
			}
			if oldest, newest := extent(t, s); oldest != 1 || newest != 3 {
				t.Errorf("the log holds %d to %d, want the creation and one change", oldest, newest)
			}
		})
	}
}
