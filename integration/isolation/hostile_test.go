package isolation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

type prepare = func(context.Context, pgx.Tx, tenancy.Tenant) error

// each runs the test with PostgreSQL itself, and through PgBouncer. Both have one connection
// for everybody.
func each(t *testing.T, d *database, test func(t *testing.T, dsn string)) {
	t.Run("direct", func(t *testing.T) { test(t, d.dsn) })
	t.Run("pgbouncer", func(t *testing.T) { test(t, servers.NewPgBouncer(t, d.dsn, 1).DSN()) })
}

var errHostile = errors.New("the work fails")

// endings are the ways in which the request of a tenant ends after it has used its rows.
var endings = map[string]func(ctx context.Context, cancel context.CancelFunc, tx pgx.Tx) error{
	"success": func(context.Context, context.CancelFunc, pgx.Tx) error { return nil },
	"error":   func(context.Context, context.CancelFunc, pgx.Tx) error { return errHostile },
	"panic":   func(context.Context, context.CancelFunc, pgx.Tx) error { panic(errHostile) },
	"a statement fails": func(ctx context.Context, _ context.CancelFunc, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT 1 / 0")
		return err
	},
	"an error that is ignored": func(ctx context.Context, _ context.CancelFunc, tx pgx.Tx) error {
		_, _ = tx.Exec(ctx, "SELECT 1 / 0")
		return nil
	},
	"canceled between statements": func(ctx context.Context, cancel context.CancelFunc, _ pgx.Tx) error {
		cancel()
		return ctx.Err()
	},
	"canceled before the commit": func(_ context.Context, cancel context.CancelFunc, _ pgx.Tx) error {
		cancel()
		return nil
	},
	"canceled during a statement": func(ctx context.Context, cancel context.CancelFunc, tx pgx.Tx) error {
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := tx.Exec(ctx, "SELECT pg_sleep(60)")
		return err
	},
	"statement timeout": func(ctx context.Context, _ context.CancelFunc, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 20")
		if err == nil {
			_, err = tx.Exec(ctx, "SELECT pg_sleep(60)")
		}
		return err
	},
	"the connection breaks": func(ctx context.Context, _ context.CancelFunc, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
		return err
	},
	"rows are left unread": func(ctx context.Context, _ context.CancelFunc, tx pgx.Tx) error {
		_, err := tx.Query(ctx, "SELECT * FROM generate_series(1, 100000)")
		return errors.Join(err, errHostile)
	},
}

// hostile lets requests of one tenant end in every way, each followed by one of the other on
// the same connection, which must see its own rows and no others.
func hostile(t *testing.T, dsn string, prepare prepare) {
	t.Helper()
	for _, leak := range leaks(t, connect(t, dsn), prepare) {
		t.Error(leak)
	}
}

func leaks(t *testing.T, pool *pgxpool.Pool, prepare prepare) (found []string) {
	t.Helper()
	for _, tenant := range []tenancy.Tenant{acme, globex} {
		ctx := tenancy.NewContext(t.Context(), tenant)
		err := withTenant(ctx, pool, prepare, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO notes (text) VALUES ($1)", "of "+tenant.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, end := range endings {
		for _, pair := range [][2]tenancy.Tenant{{acme, globex}, {globex, acme}} {
			func() {
				defer func() { _ = recover() }()
				ctx, cancel := context.WithCancel(tenancy.NewContext(t.Context(), pair[0]))
				defer cancel()
				_ = withTenant(ctx, pool, prepare, func(tx pgx.Tx) error {
					if got, err := notes(ctx, tx); err != nil || !slices.Equal(got, []string{"of " + pair[0].ID}) {
						found = append(found, fmt.Sprintf("%s: %s sees %q: %v", name, pair[0].ID, got, err))
					}
					return end(ctx, cancel, tx)
				})
			}()
			ctx := tenancy.NewContext(t.Context(), pair[1])
			if got, err := notes(ctx, pool); err == nil && len(got) > 0 {
				found = append(found, fmt.Sprintf("%s: who has forgotten the tenant sees %q", name, got))
			}
			err := withTenant(ctx, pool, prepare, func(tx pgx.Tx) error {
				got, err := notes(ctx, tx)
				if !slices.Equal(got, []string{"of " + pair[1].ID}) {
					found = append(found, fmt.Sprintf("%s: after %s, %s sees %q", name, pair[0].ID, pair[1].ID, got))
				}
				return err
			})
			if err != nil {
				t.Errorf("%s: the next request fails: %v", name, err)
			}
		}
	}
	return found
}

// notes returns what is seen of the table.
func notes(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) ([]string, error) {
	rows, err := db.Query(ctx, "SELECT DISTINCT text FROM notes ORDER BY text")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// What sets the tenant on the connection, and not in the transaction, is found out.
func TestHostileCatches(t *testing.T) {
	for name, c := range map[string]struct {
		d         *database
		statement string
	}{
		"SET":        {newSchemas(t), `SET search_path TO globex`},
		"set_config": {newRows(t), `SELECT set_config('app.tenant_id', 'globex', false)`},
	} {
		d := c.d
		once := func(ctx context.Context, tx pgx.Tx, tenant tenancy.Tenant) error {
			if tenant.ID == globex.ID {
				_, err := tx.Exec(ctx, c.statement)
				return err
			}
			if name == "SET" {
				return useSchema(ctx, tx, tenant)
			}
			return useRows(ctx, tx, tenant)
		}
		t.Run(name, func(t *testing.T) {
			each(t, d, func(t *testing.T, dsn string) {
				if len(leaks(t, connect(t, dsn), once)) == 0 {
					t.Error("nothing was found")
				}
			})
		})
	}
}
