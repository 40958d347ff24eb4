package isolation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// connectTenant opens the pool of connections to a tenant's own database. Every connection
// counts: 50 tenants with 4 each are 200.
func connectTenant(ctx context.Context, t tenancy.Tenant) (*pgxpool.Pool, error) {
	if err := t.DatabaseURL.Err(); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(t.DatabaseURL.Reveal())
	if err != nil {
		return nil, errors.New("the DatabaseURL cannot be read") // err might show it
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil { // else a wrong password is noticed only later
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func closeTenant(pool *pgxpool.Pool) error {
	pool.Close()
	return nil
}

func TestDatabasePerTenant(t *testing.T) {
	store := memstore.New()
	pools, err := tenantpool.New(store, connectTenant, closeTenant, tenantpool.WithMax(2), tenantpool.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the databases are dropped
		if err := errors.Join(pools.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	count := func(ctx context.Context) (n int, err error) {
		lease, err := pools.Get(ctx)
		if err != nil {
			return 0, err
		}
		defer lease.Release()
		err = lease.Resource().QueryRow(ctx, "SELECT count(*) FROM notes").Scan(&n)
		return n, err
	}
	var ctxs []context.Context
	for rows, identifier := range []string{"none", "one", "two"} {
		d := newDatabase(t)
		d.exec(t, "CREATE TABLE notes (text text); GRANT SELECT ON notes TO "+d.role)
		for range rows {
			d.exec(t, "INSERT INTO notes VALUES ('a note')")
		}
		tenant, err := store.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: identifier, DatabaseURL: tenancy.NewSecret(d.dsn)})
		if err != nil {
			t.Fatal(err)
		}
		ctxs = append(ctxs, tenancy.NewContext(t.Context(), tenant))
	}
	for range 2 {
		for want, ctx := range ctxs { // of which one is closed at a time, to make room
			if n, err := count(ctx); n != want || err != nil {
				t.Errorf("%d rows, want %d: %v", n, want, err)
			}
		}
	}

	// The tenant moves: its next request goes to the other database.
	two := tenancy.MustFromContext(ctxs[2])
	moved, err := tenancy.Modify(t.Context(), store, two.ID, func(t *tenancy.Tenant) error {
		t.DatabaseURL = tenancy.MustFromContext(ctxs[1]).DatabaseURL
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := count(tenancy.NewContext(t.Context(), moved)); n != 1 || err != nil {
		t.Errorf("after the move, %d rows: %v", n, err)
	}

	// It is suspended: a job that began before gets no connection any more.
	if _, err := store.SetStatus(t.Context(), two.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the suspended tenant is refused", func() bool {
		_, err := count(ctxs[2])
		return errors.Is(err, resolve.ErrNotServed)
	})
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
