//go:build unix

package stacks

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// watched is a long request for a tenant.
type watched struct {
	node  int
	cause chan error
}

// newWatcher returns a watcher of a node's stack.
func newWatcher(tb testing.TB, store tenancy.Store, opts ...tenancyhttp.Option) *tenancyhttp.Watcher {
	tb.Helper()
	w, err := tenancyhttp.NewWatcher(store, append(opts, tenancyhttp.WithLogger(slog.New(slog.DiscardHandler)))...)
	must(tb, w, err)
	tb.Cleanup(func() {
		if err := w.Close(); err != nil {
			tb.Error(err)
		}
	})
	return w
}

// watch begins a request for the tenant, and returns when it is watched.
func watch(tb testing.TB, w *tenancyhttp.Watcher, node int, t tenancy.Tenant) watched {
	tb.Helper()
	begun, cause := make(chan struct{}), make(chan error, 1)
	h := w.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		cause <- context.Cause(r.Context())
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(tenancy.NewContext(context.Background(), t))
	refused := make(chan int, 1)
	go func() {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		refused <- answer.Code
	}()
	select {
	case <-begun:
	case code := <-refused:
		tb.Fatalf("node %d: a request for %s is answered %d", node, t.ID, code)
	}
	return watched{node, cause}
}

// endsBy waits for the end of the request.
func (w watched) endsBy(tb testing.TB, want error, what string) {
	tb.Helper()
	select {
	case got := <-w.cause:
		if !errors.Is(got, want) {
			tb.Errorf("node %d: after %s, ended by %v, want %v", w.node, what, got, want)
		}
	case <-time.After(patience):
		tb.Errorf("node %d: after %s, a request goes on, want %v", w.node, what, want)
	}
}

// TestWatchedAndEditedByHand: what somebody writes by hand ends the requests that it must
// end, on every node, however short it was, and no others.
func TestWatchedAndEditedByHand(t *testing.T) {
	const create = `INSERT INTO tenants (id, identifier, name) VALUES ('t1', 'acme', 'Acme')`
	edits := []struct {
		statements string // each in a transaction
		ends       bool
	}{
		{`UPDATE tenants SET id = 't2' WHERE id = 't1'`, true},
		{`UPDATE tenants SET id = 't2', status = 'suspended' WHERE id = 't1'`, true},
		{`UPDATE tenants SET status = 'suspended' WHERE id = 't1'; UPDATE tenants SET status = 'active' WHERE id = 't1'`, true},
		{`DELETE FROM tenants WHERE id = 't1'; ` + create, true},
		{`UPDATE tenants SET id = 't2' WHERE id = 't1'; UPDATE tenants SET id = 't1' WHERE id = 't2'`, true},
		{`UPDATE tenants SET identifier = 'other', name = 'Other' WHERE id = 't1'`, false},
		{`UPDATE tenants SET name = name WHERE id = 't1'`, false},
	}
	for name, open := range map[string]func(testing.TB) (node func() (*bunstore.Store, error), driver, dsn string){
		"postgres": func(tb testing.TB) (func() (*bunstore.Store, error), string, string) {
			dsn := servers.NewDatabase(tb)
			return func() (*bunstore.Store, error) {
				return bunpg.Open(context.Background(), dsn, bunpg.WithConnectTimeout(patience))
			}, "pgx", dsn
		},
		"sqlite": func(tb testing.TB) (func() (*bunstore.Store, error), string, string) {
			path := filepath.Join(tb.TempDir(), "tenants.db")
			return func() (*bunstore.Store, error) {
				return bunsqlite.Open(context.Background(), path, bunsqlite.WithStore(bunstore.WithPollInterval(20*time.Millisecond)))
			}, "sqlite", path + "?_pragma=busy_timeout(60000)"
		},
	} {
		t.Run(name, func(t *testing.T) {
			node, driver, dsn := open(t)
			edit := func(statements string) {
				t.Helper()
				db, err := sql.Open(driver, dsn)
				must(t, db, err)
				defer func() { _ = db.Close() }()
				tx, err := db.BeginTx(t.Context(), nil)
				must(t, tx, err)
				for statement := range strings.SplitSeq(statements, "; ") {
					if _, err := tx.ExecContext(t.Context(), statement); err != nil {
						t.Fatalf("%s: %v", statement, err)
					}
				}
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
			}
			var nodes []tenancy.Store
			var watchers []*tenancyhttp.Watcher
			for range 2 {
				nodes = append(nodes, patientStack(t, node))
				watchers = append(watchers, newWatcher(t, nodes[len(nodes)-1]))
			}
			for _, e := range edits {
				edit(`DELETE FROM tenants; ` + create + `; INSERT INTO tenants (id, identifier, name) VALUES ('last', 'last', 'Last')`)
				var requests, last []watched
				for i, n := range nodes {
					for range 3 {
						requests = append(requests, watch(t, watchers[i], i, must1(t)(tenancy.Fresh(n).GetByID(t.Context(), "t1"))))
					}
					last = append(last, watch(t, watchers[i], i, must1(t)(tenancy.Fresh(n).GetByID(t.Context(), "last"))))
				}
				edit(e.statements)
				edit(`DELETE FROM tenants WHERE id = 'last'`)
				for _, w := range last { // so that what was before that is dealt with, too
					w.endsBy(t, resolve.ErrNotServed, "DELETE")
				}
				if !e.ends {
					for _, w := range requests {
						select {
						case cause := <-w.cause:
							t.Errorf("node %d: after %s, ended by %v", w.node, e.statements, cause)
						default:
						}
					}
					edit(`DELETE FROM tenants WHERE id = 't1'`)
				}
				for _, w := range requests {
					w.endsBy(t, resolve.ErrNotServed, e.statements)
				}
			}
		})
	}
}

// patientStack puts a cache in the process on a store. No deadline of it can be missed
// because the machine is busy.
func patientStack(tb testing.TB, open func() (*bunstore.Store, error)) tenancy.Store {
	tb.Helper()
	base, err := open()
	must(tb, base, err)
	s, err := ristrettotier.New(base, ristrettotier.WithTier(tier.WithLogger(slog.New(slog.DiscardHandler)), tier.WithMaxStale(patience),
		tier.WithFollowTimeout(patience), tier.WithLoadTimeout(patience)))
	if err != nil {
		tb.Fatal(errors.Join(err, base.Close()))
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func must1(tb testing.TB) func(tenancy.Tenant, error) tenancy.Tenant {
	return func(t tenancy.Tenant, err error) tenancy.Tenant {
		tb.Helper()
		return must(tb, t, err)
	}
}

// TestSwallowedDatabase: whatever is sent to the database is swallowed, by new
// connections too. Everybody who waits for it hears of that, and goes on afterwards.
func TestSwallowedDatabase(t *testing.T) {
	const maxStale = 10 * time.Second
	dsn := servers.NewDatabase(t)
	u, err := url.Parse(dsn)
	must(t, u, err)
	proxy := newProxy(t, u.Host)
	u.Host = proxy.Listen
	primary, err := bunpg.Open(t.Context(), u.String())
	must(t, primary, err)
	store, err := ristrettotier.New(primary, ristrettotier.WithTier(tier.WithMaxStale(maxStale), tier.WithLogger(slog.New(slog.DiscardHandler))))
	if err != nil {
		t.Fatal(errors.Join(err, primary.Close()))
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	acme := must1(t)(store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}))
	watcher := newWatcher(t, store, tenancyhttp.WithMaxStale(maxStale))
	request := watch(t, watcher, 0, acme)

	var contacts, reports, follows atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() {
		for ctx.Err() == nil {
			for _, err := range tenancy.Watch(ctx, primary, acme.Position()) {
				if errors.Is(err, tenancy.ErrUnavailable) {
					reports.Add(1)
				}
			}
		}
		done <- nil
	}()
	go func() {
		done <- follow.Run(ctx, store, follow.Handler{
			Change: func(context.Context, tenancy.Change) error { follows.Add(1); return nil },
			Contact: func(err error) {
				if err != nil {
					contacts.Store(0)
				} else {
					contacts.Add(1)
				}
			},
		})
	}()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
	eventually(t, "there is contact", func() bool { return contacts.Load() > 0 })

	heal, err := proxy.swallow()
	must(t, heal, err)
	eventually(t, "Watch reports", func() bool { return reports.Load() > 0 })
	eventually(t, "follow.Run has no contact", func() bool { return contacts.Load() == 0 })
	request.endsBy(t, resolve.ErrStale, "MaxStale")
	eventually(t, "the tier serves no longer", func() bool {
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := store.GetByIdentifier(limited, "acme")
		return err != nil
	})
	limited, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := store.List(limited, tenancy.ListOptions{}); err == nil {
		t.Error("List has an answer")
	}

	if err := heal(); err != nil {
		t.Fatal(err)
	}
	execute(t, dsn, `UPDATE tenants SET status = 'suspended'`)
	eventually(t, "the change is seen", func() bool { return follows.Load() == 1 && contacts.Load() > 0 })
	eventually(t, "the tier serves what is there", func() bool {
		got, err := store.GetByIdentifier(t.Context(), "acme")
		return err == nil && got.Status == tenancy.StatusSuspended
	})
}
