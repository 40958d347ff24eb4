package isolation_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

var full = flag.Bool("full", false, "the long form: two minutes, 1,000 tenants and 50 resources")

// churn is a node that serves tenants which are suspended, moved and given other passwords.
type churn struct {
	t         *testing.T
	store     *replica.Store
	pools     *tenantpool.Pool[*resource]
	admin     *database
	databases []string // their names
	host      *url.URL
	app       string // application_name of all connections
	max       int

	tenants []tenancy.Tenant // as they were created: those of jobs that wait for long

	resources atomic.Int64
	served    atomic.Int64
	refused   atomic.Int64
	trouble   atomic.Int64
}

type resource struct {
	*pgxpool.Pool
	tenant tenancy.Tenant // for which it was opened
	closed atomic.Bool
}

// TestChurn serves tenants with databases of their own while these change, and looks that the
// guarantees of tenantpool hold with real connections.
func TestChurn(t *testing.T) {
	n, limit, duration := 12, 6, 2*time.Second
	if *full {
		n, limit, duration = 1000, 50, 2*time.Minute
	}
	goroutines := runtime.NumGoroutine()
	c := newChurn(t, n, limit)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var work sync.WaitGroup
	for i := range uint64(16) {
		rnd := mathrand.New(mathrand.NewPCG(i, 0))
		popular := mathrand.NewZipf(rnd, 1.1, 1, uint64(n-1))
		work.Go(func() {
			for ctx.Err() == nil {
				c.request(int(popular.Uint64()))
			}
		})
	}
	work.Go(func() {
		rnd := mathrand.New(mathrand.NewPCG(1, 1))
		popular := mathrand.NewZipf(rnd, 1.5, 1, uint64(n-1))
		for ctx.Err() == nil {
			c.change(rnd, int(popular.Uint64()))
			time.Sleep(time.Duration(rnd.IntN(10)) * time.Millisecond)
		}
	})
	time.Sleep(duration)
	eventually(t, "everything has happened", func() bool { // a busy machine takes longer
		st := c.pools.State()
		return min(c.served.Load(), st.Changed, st.NotServed, st.Evicted, st.Hits) >= 2
	})
	cancel()
	work.Wait()
	st := c.pools.State()
	t.Logf("%d served, %d refused, %d in trouble; %+v", c.served.Load(), c.refused.Load(), c.trouble.Load(), st)
	if st.Forced != 0 {
		t.Error("a resource was closed while it was in use")
	}
	c.checkSuspended()
	if err := errors.Join(c.pools.Close(), c.store.Close()); err != nil {
		t.Error(err)
	}
	eventually(t, "no connection is left", func() bool {
		var n int
		err := c.admin.admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", c.app).Scan(&n)
		return err == nil && n == 0
	})
	c.admin.admin.Reset() // whose goroutines are no concern of the pool
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines+5 })
}

func newChurn(t *testing.T, n, limit int) *churn {
	t.Helper()
	c := &churn{t: t, admin: newDatabase(t), app: "churn_" + strings.ToLower(rand.Text()), max: limit}
	for _, dsn := range []string{c.admin.dsn, servers.NewDatabase(t), servers.NewDatabase(t)} {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal("the DSN is not a URL")
		}
		c.host = u
		c.databases = append(c.databases, strings.TrimPrefix(u.Path, "/"))
	}
	primary, err := bunpg.Open(t.Context(), servers.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.store, err = replica.New(primary, replica.WithLogger(nil)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.store.Close() }) // before its database is dropped
	var roles, drops strings.Builder
	batch := make([]tenancy.Tenant, n)
	for i := range batch {
		password := rand.Text()
		fmt.Fprintf(&roles, "CREATE ROLE %s LOGIN PASSWORD '%s';", c.role(i), password)
		fmt.Fprintf(&drops, "DROP ROLE %s;", c.role(i))
		batch[i] = tenancy.Tenant{
			Identifier: fmt.Sprintf("tenant%d", i), Name: "Tenant", DatabaseURL: tenancy.NewSecret(c.url(i, c.databases[0], password)),
		}
	}
	c.admin.exec(t, roles.String())
	t.Cleanup(func() { c.admin.exec(t, drops.String()) })
	created, err := c.store.CreateBatch(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range created {
		if one.Err != nil {
			t.Fatal(one.Err)
		}
		c.tenants = append(c.tenants, one.Tenant)
	}
	if c.pools, err = tenantpool.New(c.store, c.open, c.close, tenantpool.WithMax(limit), tenantpool.WithLogger(nil)); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *churn) role(i int) string { return fmt.Sprintf("%s_%d", c.app, i) }

func (c *churn) url(i int, database, password string) string {
	u := *c.host
	u.User, u.Path = url.UserPassword(c.role(i), password), "/"+database
	q := u.Query()
	q.Set("application_name", c.app)
	u.RawQuery = q.Encode()
	return u.String()
}

func (c *churn) open(ctx context.Context, t tenancy.Tenant) (*resource, error) {
	if n := c.resources.Add(1); n > int64(c.max) {
		c.t.Errorf("there are %d resources", n)
	}
	pool, err := connectTenant(ctx, t)
	if err != nil {
		c.resources.Add(-1)
		return nil, err
	}
	return &resource{Pool: pool, tenant: t}, nil
}

func (c *churn) close(r *resource) error {
	r.closed.Store(true)
	r.Close()
	c.resources.Add(-1)
	return nil
}

// request is one of tenant i, which the node looks up, as tenancyhttp does.
func (c *churn) request(i int) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	t, err := c.store.GetByID(ctx, c.tenants[i].ID)
	switch {
	case err != nil:
		c.t.Error(err)
		return
	case t.Status != tenancy.StatusActive:
		c.refused.Add(1)
		return
	}
	ctx = tenancy.NewContext(ctx, t)
	lease, err := c.pools.Get(ctx)
	switch {
	case errors.Is(err, resolve.ErrNotServed): // suspended since
		c.refused.Add(1)
		return
	case errors.Is(err, tenantpool.ErrOpen), errors.Is(err, tenantpool.ErrExhausted): // a password between two writes
		c.trouble.Add(1)
		return
	case err != nil:
		c.t.Error(err)
		return
	}
	defer lease.Release()
	r := lease.Resource()
	if r.tenant.ID != t.ID || r.tenant.Revision < t.Revision && r.tenant.DatabaseURL != t.DatabaseURL {
		c.t.Errorf("the resource of revision %d of tenant %s for revision %d of %s", r.tenant.Revision, r.tenant.ID, t.Revision, t.ID)
	}
	var role, database string
	err = r.QueryRow(ctx, "SELECT current_user, current_database()").Scan(&role, &database)
	var refused *pgconn.PgError
	switch {
	case r.closed.Load():
		c.t.Error("it is closed while it is in use")
	case errors.As(err, &refused) && refused.Code == "28P01": // a further connection, with the former password
		c.trouble.Add(1)
	case err != nil:
		c.t.Error(err)
	case role != c.role(i) || !strings.Contains(r.tenant.DatabaseURL.Reveal(), "/"+database+"?"):
		c.t.Errorf("tenant %d is %s in %s", i, role, database)
	default:
		c.served.Add(1)
	}
}

// change suspends or activates tenant i, moves it, or gives it another password.
func (c *churn) change(rnd *mathrand.Rand, i int) {
	ctx := c.t.Context()
	var err error
	switch id := c.tenants[i].ID; rnd.IntN(4) {
	case 0:
		if _, err = c.store.SetStatus(ctx, id, tenancy.StatusSuspended); err == nil && rnd.IntN(4) > 0 {
			time.Sleep(time.Duration(rnd.IntN(50)) * time.Millisecond)
			_, err = c.store.SetStatus(ctx, id, tenancy.StatusActive)
		}
	case 1:
		_, err = c.store.SetStatus(ctx, id, tenancy.StatusActive)
	default:
		password, database := rand.Text(), c.databases[rnd.IntN(len(c.databases))]
		if _, err = c.admin.admin.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", c.role(i), password)); err == nil {
			_, err = tenancy.Modify(ctx, c.store, id, func(t *tenancy.Tenant) error {
				t.DatabaseURL = tenancy.NewSecret(c.url(i, database, password))
				return nil
			})
		}
	}
	if err != nil {
		c.t.Error(err)
	}
}

// checkSuspended looks that jobs of suspended tenants get nothing, though they began while
// these were active.
func (c *churn) checkSuspended() {
	for _, before := range c.tenants {
		now, err := c.store.GetByID(c.t.Context(), before.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		if now.Status == tenancy.StatusActive {
			continue
		}
		ctx := tenancy.NewContext(c.t.Context(), before)
		refused := func() bool {
			lease, err := c.pools.Get(ctx)
			lease.Release()
			return errors.Is(err, resolve.ErrNotServed)
		}
		eventually(c.t, "a suspended tenant is refused", refused)
		if !refused() {
			c.t.Errorf("%s is served again", before.Identifier)
		}
	}
}
