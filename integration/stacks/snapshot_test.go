//go:build unix

package stacks

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// counted counts the statements by which a replica follows and reads its source.
type counted struct {
	tenancy.Decorator
	source     tenancy.Source
	statements *atomic.Int64
	borrowed   bool // Close leaves the source open
}

func (c counted) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	c.statements.Add(1)
	return c.source.Load(ctx, want)
}

func (c counted) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	c.statements.Add(1)
	return c.source.Bounds(ctx)
}

func (c counted) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	c.statements.Add(1)
	return c.source.Changes(ctx, after, limit)
}

func (c counted) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	c.statements.Add(1)
	return c.source.List(ctx, opts)
}

func (c counted) Close() error {
	if c.borrowed {
		return nil
	}
	return c.source.Close()
}

// insertTenants makes n tenants in one statement.
func insertTenants(tb testing.TB, dsn string, n int) {
	tb.Helper()
	ctx := tb.Context()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = conn.Exec(ctx, `INSERT INTO tenants (identifier, name, metadata) SELECT 'tenant-' || n, 'Tenant ' || n, '{"plan":"pro"}' FROM generate_series(1, $1::integer) AS n`, n)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		tb.Fatal(err)
	}
}

// site of a replica with a snapshot file over a PostgreSQL of its own.
type snapshotSite struct {
	postgres   *servers.Postgres
	path       string
	statements atomic.Int64
}

func (s *snapshotSite) start(tb testing.TB) *replica.Store {
	tb.Helper()
	r, err := replica.Open(func(ctx context.Context) (tenancy.Source, error) {
		store, err := bunpg.Open(ctx, s.postgres.DSN(), bunpg.WithLogger(nil))
		if err != nil {
			return nil, err
		}
		return counted{tenancy.Decorator{Next: store}, store, &s.statements, false}, nil
	}, replica.WithSnapshotFile(s.path, time.Hour), replica.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func isSynced(r *replica.Store) func() bool {
	return func() bool { return r.State().Phase == replica.PhaseSynced }
}

// TestRestartWithoutPostgres: a process that starts while PostgreSQL is down serves every
// tenant from the file of the one before; when PostgreSQL is back, it goes on from there; and
// what a restored backup has lost is not served any more once PostgreSQL was asked.
func TestRestartWithoutPostgres(t *testing.T) {
	n := 20_000
	if *full {
		n = 100_000
	}
	ctx := t.Context()
	s := &snapshotSite{postgres: servers.NewPostgres(t, servers.PostgresOptions{}), path: filepath.Join(t.TempDir(), "tenants.snap")}
	r := s.start(t)
	servers.Eventually(t, "synced", isSynced(r)) // the schema is there
	insertTenants(t, s.postgres.DSN(), n)
	servers.Eventually(t, "all tenants", func() bool { return r.State().Tenants == n })
	all := map[string]tenancy.Tenant{}
	for tenant := range r.All() {
		all[tenant.Identifier] = tenant
	}
	steps := []func() error{r.Close, s.postgres.Stop}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	backup, err := s.postgres.Backup()
	if err != nil {
		t.Fatal(err)
	}
	serves := func(r *replica.Store) {
		t.Helper()
		for identifier, want := range all {
			if got, err := r.GetByIdentifier(ctx, identifier); err != nil || got != want {
				t.Fatalf("%s: %+v, %v, want %+v", identifier, got, err, want)
			}
		}
	}

	begun := time.Now()
	r = s.start(t)
	servers.Eventually(t, "tenants are served", func() bool { return r.State().Serving })
	t.Logf("%d tenants are served %v after the start", n, time.Since(begun).Round(time.Millisecond))
	serves(r)
	if r.State().Phase != replica.PhaseRestored {
		t.Errorf("phase %s, want restored", r.State().Phase)
	}
	s.statements.Store(0)
	if err := s.postgres.Start(ctx); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "synced", isSynced(r))
	if statements := s.statements.Load(); statements > 3 || r.State().Scans != 0 {
		t.Errorf("%d statements and %d scans, though nothing has changed", statements, r.State().Scans)
	}
	serves(r)

	lost, err := r.SetStatus(ctx, all["tenant-1"].ID, tenancy.StatusSuspended)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		r.Close, s.postgres.Stop, func() error { return s.postgres.Restore(backup) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	r = s.start(t)
	servers.Eventually(t, "tenants are served", func() bool { return r.State().Serving })
	if got, err := r.GetByID(ctx, lost.ID); err != nil || got != lost {
		t.Errorf("%+v, %v, want what the file has: the test proves nothing", got, err)
	}
	if err := s.postgres.Start(ctx); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "synced", isSynced(r))
	serves(r) // the tenant is active, as it is in the backup
	if r.State().Scans != 1 {
		t.Errorf("%d scans, want one: the file is of another history", r.State().Scans)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestFleetStartsFromSnapshots: replicas that start at once from a file read what has
// changed since, and not all tenants.
func TestFleetStartsFromSnapshots(t *testing.T) {
	const nodes, changed = 50, 3
	n := 1000
	if *full {
		n = 100_000
	}
	ctx, dsn := t.Context(), servers.NewDatabase(t)
	primary, err := bunpg.Open(ctx, dsn, bunpg.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := primary.Close(); err != nil {
			t.Error(err)
		}
	})
	insertTenants(t, dsn, n)
	file := replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snap"), time.Hour)
	start := func(statements *atomic.Int64) *replica.Store {
		r, err := replica.New(counted{tenancy.Decorator{Next: primary}, primary, statements, true}, file, replica.WithLogger(nil))
		return must(t, r, err)
	}
	first := start(new(atomic.Int64))
	servers.Eventually(t, "synced", isSynced(first))
	var last tenancy.Tenant
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for range changed {
		last, err = primary.Create(ctx, tenancy.Tenant{Identifier: "new-" + tenancy.NewID()[24:], Name: "New"})
		if err != nil {
			t.Fatal(err)
		}
	}
	var statements atomic.Int64
	var fleet sync.WaitGroup
	replicas := make([]*replica.Store, nodes)
	for i := range replicas {
		fleet.Go(func() { replicas[i] = start(&statements) })
	}
	fleet.Wait()
	for _, r := range replicas {
		servers.Eventually(t, "synced", isSynced(r))
		if got, err := r.GetByID(ctx, last.ID); err != nil || got != last {
			t.Errorf("%+v, %v, want what was written last", got, err)
		}
		if state := r.State(); state.Scans != 0 || state.Tenants != n+changed {
			t.Errorf("%d scans, %d tenants, want none and %d", state.Scans, state.Tenants, n+changed)
		}
	}
	t.Logf("%d replicas of %d tenants: %d statements in all", nodes, n, statements.Load())
	if most := int64(4 * nodes); statements.Load() > most {
		t.Errorf("%d statements, want at most %d", statements.Load(), most)
	}
	for _, r := range replicas {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
