package bunpg_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func newPGXPool(t testing.TB, dsn string, change func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(config)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func fromPool(t testing.TB, pool *pgxpool.Pool, opts ...bunpg.Option) *bunstore.Store {
	t.Helper()
	store, err := bunpg.FromPool(t.Context(), pool, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// A password that changes, as those of Vault and the tokens of clouds do: whatever
// connects afterwards has the new one, Watch too.
func TestPasswordIsRotated(t *testing.T) {
	dsn := newDatabase(t)
	create(t, open(t, dsn), "acme")
	admin := connect(t, dsn)
	role, roleDSN := newRole(t, dsn)
	u, err := url.Parse(roleDSN)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	var password atomic.Value
	before := func(_ context.Context, conn *pgx.ConnConfig) error {
		conn.Password = password.Load().(string)
		return nil
	}
	passfile := filepath.Join(t.TempDir(), "pgpass")
	rotate := func(to string) {
		exec(t, admin, `ALTER ROLE `+role+` PASSWORD '`+to+`'`)
		password.Store(to)
		if err := os.WriteFile(passfile, []byte("*:*:*:*:"+to+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rotate("first")
	for name, opened := range map[string]func() *bunstore.Store{
		"WithBeforeConnect": func() *bunstore.Store {
			return open(t, u.String(), bunpg.WithBeforeConnect(before), noPoll, noHeartbeat)
		},
		"passfile": func() *bunstore.Store {
			return open(t, u.String()+"&passfile="+url.QueryEscape(passfile), noPoll, noHeartbeat)
		},
		"FromPool": func() *bunstore.Store {
			return fromPool(t, newPGXPool(t, u.String(), func(c *pgxpool.Config) { c.BeforeConnect = before }), noPoll, noHeartbeat)
		},
	} {
		store := opened()
		next := changesOf(t, store)
		rotate("after " + name)
		exec(t, admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '`+role+`'`)
		waitUntil(t, func() bool {
			return one[int](t, admin, `SELECT count(*) FROM pg_stat_activity WHERE usename = '`+role+`' AND query LIKE '%LISTEN%'`) == 1
		})
		exec(t, admin, `UPDATE tenants SET name = 'by hand'`)
		if c := next(); c.Kind != tenancy.ChangeUpdate {
			t.Errorf("%s: change %+v", name, c)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBeforeConnectFails(t *testing.T) {
	vault := errors.New("vault is sealed")
	_, err := bunpg.Open(t.Context(), "postgres://u@127.0.0.1:1/db", bunpg.WithBeforeConnect(func(context.Context, *pgx.ConnConfig) error { return vault }))
	if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, vault) || !strings.Contains(err.Error(), "vault is sealed") {
		t.Errorf("%v", err)
	}
}

// A store over a pool that the program has, in every mode of pgx.
func TestFromPool(t *testing.T) {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			dsn := newDatabase(t)
			pool := newPGXPool(t, dsn+"&default_query_exec_mode="+mode, nil)
			store := fromPool(t, pool, noPoll)
			acme := create(t, store, "acme")
			next := changesOf(t, store)
			for call, err := range everyCall(t.Context(), store, acme, metadata(t, `{"k":1}`)) {
				switch {
				case err == nil, errors.Is(err, tenancy.ErrAlreadyExists), errors.Is(err, tenancy.ErrConflict):
				default:
					t.Errorf("%s: %v", call, err)
				}
			}
			next()
			if err := store.Close(); err != nil {
				t.Error(err)
			}
			if err := pool.Ping(t.Context()); err != nil {
				t.Errorf("Close has closed the pool: %v", err)
			}
			pool.Close()
			if _, err := bunpg.FromPool(t.Context(), pool); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "closed") {
				t.Errorf("a closed pool: %v", err)
			}
		})
	}
}

func TestFromPoolChecksItsOptions(t *testing.T) {
	pool := newPGXPool(t, "postgres://127.0.0.1:1/none", nil)
	for name, opt := range map[string]bunpg.Option{
		"size": bunpg.WithPool(bunpg.Pool{Size: 1}), "connect timeout": bunpg.WithConnectTimeout(time.Second),
		"before connect": bunpg.WithBeforeConnect(func(context.Context, *pgx.ConnConfig) error { return nil }),
	} {
		if _, err := bunpg.FromPool(t.Context(), pool, opt); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := bunpg.FromPool(t.Context(), nil); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("no pool: %v", err)
	}
}

// Callers who have less time than it takes to connect find a connection nevertheless,
// soon: it is made for whoever comes later.
func TestColdPoolIsFilledForLaterCallers(t *testing.T) {
	dsn := newDatabase(t)
	var slow atomic.Bool
	gate := make(chan struct{})
	store := open(t, dsn, bunpg.WithoutListen(), bunpg.WithBeforeConnect(func(ctx context.Context, _ *pgx.ConnConfig) error {
		if slow.Load() {
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}))
	slow.Store(true)
	exec(t, connect(t, dsn), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tenantstore'`)
	waitForSessions(t, dsn, 0)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := store.Exists(ctx, "1")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v, want DeadlineExceeded", err)
		}
	}
	close(gate)
	waitForSessions(t, dsn, 1) // and nobody calls
}

// Nobody waits for a connection that is being made when the store is closed.
func TestCloseEndsConnectingForLaterCallers(t *testing.T) {
	dsn := newDatabase(t)
	var hang atomic.Bool
	store, err := bunpg.Open(t.Context(), dsn, bunpg.WithoutListen(), bunpg.WithPool(bunpg.Pool{Size: 1, MaxLifetime: 1}),
		bunpg.WithBeforeConnect(func(ctx context.Context, _ *pgx.ConnConfig) error {
			if hang.Load() {
				<-ctx.Done()
			}
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	hang.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := store.Exists(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want DeadlineExceeded", err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// The server has fewer connections left than the pool would like to have: calls share
// those that there are.
func TestCallsShareTheConnectionsThereAre(t *testing.T) {
	dsn := newDatabase(t)
	create(t, open(t, dsn), "acme")
	admin := connect(t, dsn)
	role, roleDSN := newRole(t, dsn)
	exec(t, admin, `ALTER ROLE `+role+` CONNECTION LIMIT 2`)
	var log syncWriter
	logger := slog.New(slog.NewTextHandler(&log, nil))
	store := open(t, roleDSN, bunpg.WithoutListen(), bunpg.WithLogger(logger), bunpg.WithStore(bunstore.WithRetryTimeout(patience)))
	exec(t, admin, `BEGIN`)
	exec(t, admin, `LOCK TABLE tenants`)
	var calls sync.WaitGroup
	for i := range 12 {
		calls.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = store.GetByIdentifier(t.Context(), "acme")
			} else {
				_, err = store.Create(t.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "T"})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	waitUntil(t, func() bool { return strings.Contains(log.String(), "53300") })
	exec(t, admin, `COMMIT`)
	calls.Wait()
	if n := strings.Count(log.String(), "53300"); n != 1 {
		t.Errorf("%d lines: %s", n, log.String())
	}
	exec(t, admin, `ALTER ROLE `+role+` CONNECTION LIMIT 0`)
	if _, err := bunpg.Open(t.Context(), roleDSN); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "too many connections") {
		t.Errorf("not one: %v", err)
	}
}

// A server that ends idle sessions does not end the one that listens.
func TestListenerOutlivesIdleSessionTimeout(t *testing.T) {
	dsn := newDatabase(t)
	admin := connect(t, dsn)
	exec(t, admin, `ALTER DATABASE `+one[string](t, admin, `SELECT current_database()`)+` SET idle_session_timeout = 100`)
	exec(t, admin, `SET idle_session_timeout = 0`)
	store := open(t, dsn, noPoll, noHeartbeat)
	changesOf(t, store)
	waitUntil(t, func() bool {
		return one[int](t, admin, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%LISTEN%'
			AND pid <> pg_backend_pid() AND state = 'idle' AND clock_timestamp() - state_change > interval '400 ms'`) == 1
	})
}
