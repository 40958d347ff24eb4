package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// asked is a context that counts how often somebody asks when it ends.
type asked struct {
	context.Context
	times atomic.Int64
}

func (a *asked) Done() <-chan struct{} {
	a.times.Add(1)
	return a.Context.Done()
}

// A read by key costs no goroutines that wait for the end of its context while there is
// a connection for it. One that has to wait for a connection ends with its context.
func TestReadByKeyInSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(3600000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(1)
	acme, err := newStore(t, sqliteDB(t, path)).Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	// It never writes, and so does nothing in the background.
	s := newStore(t, sqliteDB(t, path), bunstore.WithReader(bun.NewDB(pool, sqlitedialect.New())))
	reads := map[string]func(context.Context) error{
		"GetByID":         func(ctx context.Context) error { _, err := s.GetByID(ctx, acme.ID); return err },
		"GetByIdentifier": func(ctx context.Context) error { _, err := s.GetByIdentifier(ctx, "acme"); return err },
		"Exists":          func(ctx context.Context) error { _, err := s.Exists(ctx, acme.ID); return err },
		"Load": func(ctx context.Context) error {
			_, err := s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID)}})
			return err
		},
	}
	for name, read := range reads {
		if err := read(t.Context()); err != nil { // prepares the statement
			t.Fatal(err)
		}
		ctx := &asked{Context: t.Context()}
		if err := read(ctx); err != nil || ctx.times.Load() != 0 {
			t.Errorf("%s: %v; asked %d times when the context ends", name, err, ctx.times.Load())
		}
	}

	other, err := sqliteDB(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"PRAGMA busy_timeout = 3600000", "BEGIN EXCLUSIVE"} { // without WAL, nobody reads now
		if _, err := other.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	first := make(chan error, 1)
	go func() { first <- reads["GetByID"](context.Background()) }()
	until(t, func() bool { return pool.Stats().InUse == 1 })
	waited := pool.Stats().WaitCount
	for name, read := range reads {
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error, 1)
		go func() { second <- read(ctx) }()
		until(t, func() bool { return pool.Stats().WaitCount > waited })
		waited = pool.Stats().WaitCount
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("%s, which waited for a connection: %v", name, err)
		}
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func until(t *testing.T, reached func() bool) {
	t.Helper()
	for !reached() {
		if t.Context().Err() != nil {
			t.FailNow()
		}
		time.Sleep(time.Millisecond)
	}
}
