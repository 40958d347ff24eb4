package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// opened returns the store of c in this process.
func (c ctl) opened() tenancy.Source {
	c.t.Helper()
	source, err := (&app{address: c.address}).open(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := source.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return source
}

// nodeOf starts a node that serves a store, and returns the URL of its Debug handler.
func nodeOf(t testing.TB, store tenancy.Store) string {
	t.Helper()
	debug, err := tenancyhttp.Debug(store)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(debugPath, debug)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// replicaOf returns a replica of the store of c, with connections of its own.
func (c ctl) replicaOf() *replica.Store {
	c.t.Helper()
	r, err := replica.New(c.opened(), replica.WithLogger(nil))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = r.Close() })
	<-r.Synced()
	return r
}

// frozen serves one tenant in the state that it had, and follows the log all the same.
type frozen struct {
	tenancy.Decorator
	old tenancy.Tenant
}

func (f frozen) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	if id == f.old.ID {
		return f.old, nil
	}
	return f.Next.GetByID(ctx, id)
}

// Three nodes over one database are asked after every change; then one after the other is wrong.
func TestCoherence(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		c.fill(30)
		urls := []string{nodeOf(t, c.replicaOf()), nodeOf(t, c.replicaOf()), nodeOf(t, c.opened())}
		for _, args := range [][]string{{"suspend", "t-0007"}, {"rename", "t-0008", "other"}, {"purge", "t-0009", "--yes"}, {"create", "new"}} {
			c.ok(args...)
			all := decode[[]node](c.ok(append([]string{"coherence", "-o", "json", "--wait", "5m"}, urls...)...))
			for i, n := range all {
				if n.URL != urls[i] || n.Behind != 0 || n.Problem != "" || n.Samples != 20 || n.Position.IsZero() {
					t.Errorf("after %q: %+v", args, n)
				}
			}
		}

		old, err := c.opened().GetByIdentifier(t.Context(), "t-0010")
		if err != nil {
			t.Fatal(err)
		}
		c.ok("suspend", "t-0010")
		c.ok("coherence", "--wait", "5m", urls[0])
		stale := nodeOf(t, frozen{tenancy.Decorator{Next: c.replicaOf()}, old})
		gone := httptest.NewServer(nil)
		gone.Close()
		other := ctl{t: t, address: "sqlite:" + t.TempDir() + "/other.db"}
		other.ok("migrate")
		other.fill(40)
		behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"position":"` + old.Position().String() + `"}`))
		}))
		defer behind.Close()
		page := httptest.NewServer(http.NotFoundHandler())
		defer page.Close()

		o := c.run("coherence", "-o", "json", "--wait", "100ms", urls[0], stale, gone.URL, nodeOf(t, other.opened()), behind.URL, page.URL, "nonsense").want(10)
		for i, problem := range []string{"", "in another state than the store: " + old.ID, "cannot be reached", "another history", "does not come up", "404", "no URL"} {
			if n := decode[[]node](o)[i]; problem == "" && n.Problem != "" || !strings.Contains(n.Problem, problem) {
				t.Errorf("node %d: %q, want %q", i, n.Problem, problem)
			}
		}
		if n := decode[[]node](o)[4]; n.Behind == 0 {
			t.Errorf("behind: %+v", n)
		}
		c.run("coherence").want(2)
		c.run("coherence", "--samples", "1000", urls[0]).want(2)
	})
}

// The commands work on a service as on a database, and say where they do not.
func TestService(t *testing.T) {
	c := sqliteCtl(t)
	server, err := tenantserver.New(c.opened(), tenantserver.Full)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	defer func() { _ = server.Close() }()
	s := c
	s.address = listener.URL
	s.ok("create", "acme", "--name", "Acme")
	s.run("create", "acme").want(5)
	s.ok("suspend", "acme", "--actor", "alice")
	s.ok("rename", "acme", "acme-2")
	s.ok("metadata", "set", "acme-2", "plan=pro")
	s.ok("domains", "add", "acme-2", "shop.example.com")
	if got := decode[tenancy.Tenant](s.ok("get", "acme-2", "-o", "json")); got != decode[tenancy.Tenant](c.ok("get", "acme-2", "-o", "json")) || got.Status != tenancy.StatusSuspended {
		t.Errorf("%+v", got)
	}
	s.ok("history", "acme-2").prints("alice")
	s.ok("export").prints("acme-2")
	s.ok("each", "-o", "json", "--", "true").prints(`"succeeded": 1`)
	s.run("get", "nobody").want(3)
	for _, args := range [][]string{{"migrate"}, {"migrate", "--print"}, {"doctor"}, {"reseal"}, {"suspend", "acme-2", "--dry-run"}} {
		s.run(args...).want(12).says("address of a database")
	}
	s.ok("purge", "acme-2", "--yes")
	listener.Close()
	s.run("get", "acme-2").want(7)
}
