package isolation_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// withTenant runs f in a transaction of the tenant in ctx, for which prepare has prepared it.
// If f fails or panics, or ctx ends, nothing of the transaction remains, the preparation
// included.
func withTenant(ctx context.Context, pool *pgxpool.Pool, prepare func(context.Context, pgx.Tx, tenancy.Tenant) error, f func(pgx.Tx) error) error {
	t, ok := tenancy.FromContext(ctx)
	if !ok {
		return errors.New("no tenant in the context")
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := prepare(ctx, tx, t); err != nil {
			return err
		}
		return f(tx)
	})
}

// database is one of the application, and a role that may use it and owns nothing.
type database struct {
	admin *pgxpool.Pool
	role  string
	dsn   string // as the role
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	dsn := servers.NewDatabase(t)
	d := &database{admin: connect(t, dsn), role: "app_" + strings.ToLower(rand.Text())}
	password := rand.Text()
	d.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", d.role, password))
	t.Cleanup(func() { d.exec(t, fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %[1]s", d.role)) })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is not a URL")
	}
	u.User = url.UserPassword(d.role, password)
	d.dsn = u.String()
	return d
}

func (d *database) exec(t *testing.T, statements string) {
	t.Helper()
	if _, err := d.admin.Exec(context.Background(), statements); err != nil { // that of t has ended when the clean-up runs
		t.Fatal(err)
	}
}

// connect returns a pool with one connection, which all requests share.
func connect(t *testing.T, dsn string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal("the connection string cannot be read")
	}
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

var (
	acme   = tenancy.Tenant{ID: "acme", SchemaName: `acme"; DROP TABLE notes; --`}
	globex = tenancy.Tenant{ID: "globex", SchemaName: "globex"}
)
