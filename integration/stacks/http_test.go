//go:build unix

package stacks

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestConformanceOverHTTP is TestConformance of stores that another process serves: alone, and
// with -full under caches. Each store of the suite has a server of its own, as in a fleet that has
// several of them over one database.
func TestConformanceOverHTTP(t *testing.T) {
	for name, open := range map[string]func(*testing.T) database{"sqlite": inSQLite, "postgres": inPostgres} {
		t.Run(name, func(t *testing.T) {
			for _, a := range []arrangement{{}, {local, shared}} {
				if !*full && len(a) > 0 {
					continue
				}
				t.Run(a.String(), func(t *testing.T) {
					h := harness(a, servers.ValkeyEnv, overHTTP(open(t)))
					h.OpenChecked = nil // its error is no value that a client could have
					storetest.Run(t, h)
				})
			}
		})
	}
}

// remote is a client with the server and the store that it alone uses.
type remote struct {
	*tenantclient.Store
	end func() error // once
}

func (r *remote) Close() error {
	return errors.Join(r.Store.Close(), r.end())
}

// overHTTP serves the stores of d, and opens clients in their place.
func overHTTP(d database) database {
	var sources sync.Map // of clients
	of := func(s tenancy.Store) tenancy.Store {
		source, _ := sources.Load(s)
		return source.(tenancy.Store)
	}
	out := database{reopens: d.reopens, edit: d.edit, cut: d.cut}
	out.open = func(tb testing.TB, at place, anew bool) tenancy.Store {
		source := d.open(tb, at, anew)
		handler, err := tenantserver.New(source.(tenancy.Source), tenantserver.Full, tenantserver.WithLogger(slog.New(slog.DiscardHandler)))
		server := httptest.NewServer(must(tb, handler, err))
		client, err := tenantclient.Open(server.URL)
		r := &remote{Store: must(tb, client, err), end: sync.OnceValue(func() error {
			_ = handler.Close()
			server.Close()
			return source.Close()
		})}
		sources.Store(r, source)
		return r
	}
	out.compact = func(tb testing.TB, s tenancy.Store, revision tenancy.Revision) { d.compact(tb, of(s), revision) }
	return out
}
