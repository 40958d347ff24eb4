//go:build unix

package comparison

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9/logging"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

var (
	full   = flag.Bool("full", false, "measure for minutes, and write docs/comparison.json and docs/comparison.md")
	render = flag.Bool("render", false, "write docs/comparison.md from docs/comparison.json")
)

func TestMain(m *testing.M) {
	// Parallel tests wait here, more than they work.
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	flag.Parse()
	logging.Disable() // go-redis logs what it returns as well
	servers.VerifyTestMain(m)
}

// floor is where contenders meet: a database, and a Valkey.
type floor struct {
	dsn    string
	db     *sql.DB // past every contender, as somebody with psql
	valkey *servers.Valkey
}

func newFloor(tb testing.TB) *floor {
	tb.Helper()
	f := &floor{dsn: servers.NewDatabase(tb), valkey: servers.NewValkey(tb, servers.ValkeyOptions{})}
	store, err := bunpg.Open(tb.Context(), f.dsn) // migrates
	if err != nil {
		tb.Fatal(err)
	}
	if err := store.Close(); err != nil {
		tb.Fatal(err)
	}
	if f.db, err = sql.Open("pgx", f.dsn); err != nil {
		tb.Fatal("not a DSN") // err would show it
	}
	tb.Cleanup(func() { _ = f.db.Close() }) // the database goes anyway
	return f
}

// tenant is one of those that were seeded.
type tenant struct{ id, slug string }

// seed writes tenants as they are in practice, past every contender, the oldest first. Their
// slugs are the prefix and a number.
func (f *floor) seed(tb testing.TB, prefix string, n int) []tenant {
	tb.Helper()
	_, err := f.db.ExecContext(tb.Context(), `INSERT INTO tenants (id, identifier, name, isolation, schema_name, metadata, created_at)
		SELECT gen_random_uuid()::text, $1::text || '-' || i, 'Tenant Number ' || i, 'schema', 'tenant_' || i,
		       '{"plan": "pro", "country": "DE", "seats": 250, "features": ["sso", "audit"]}',
		       now() - ($2::int - i) * interval '1 second'
		FROM generate_series(0, $2::int - 1) AS i`, prefix, n)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.db.ExecContext(tb.Context(), "ANALYZE tenants"); err != nil {
		tb.Fatal(err)
	}
	tenants := make([]tenant, n)
	rows, err := f.db.QueryContext(tb.Context(), "SELECT id, identifier FROM tenants WHERE identifier LIKE $1 || '-%'", prefix)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has it
	for i := 0; rows.Next(); i++ {
		if err := rows.Scan(&tenants[i].id, &tenants[i].slug); err != nil {
			tb.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return tenants
}

// setting is what contenders have in common on f: a cache of so many entries, and keys that
// nobody else has.
func (f *floor) setting(entries int) Setting {
	return Setting{DSN: f.dsn, Valkey: f.valkey.Addr(), Prefix: rand.Text() + ":", TTL: time.Minute, Entries: entries}
}

// open opens a node of c, until tb ends or it is closed. Zero fields of s are filled.
func (f *floor) open(tb testing.TB, c Contender, s Setting) Node {
	tb.Helper()
	common := f.setting(1024)
	if s.DSN == "" {
		s.DSN = common.DSN
	}
	if s.Prefix == "" {
		s.Valkey, s.Prefix, s.TTL, s.Entries = common.Valkey, common.Prefix, common.TTL, common.Entries
	}
	node, err := c.Open(tb.Context(), s)
	if err != nil {
		tb.Fatalf("%s: %v", c.Name, err)
	}
	tb.Cleanup(func() { _ = node.Close() }) // a server may be gone
	return node
}

// pair are two processes with the same contender, each with a wire of its own.
type pair struct {
	a, b         Node
	wireA, wireB *wire
}

func (f *floor) pair(tb testing.TB, c Contender, entries int) pair {
	tb.Helper()
	var p pair
	s := f.setting(entries)
	p.wireA, s.DSN = newWire(tb, f.dsn)
	p.a = f.open(tb, c, s)
	p.wireB, s.DSN = newWire(tb, f.dsn)
	p.b = f.open(tb, c, s)
	return p
}

// warm reads every tenant on a node, so that it is cached where the contender caches.
func warm(tb testing.TB, node Node, tenants []tenant) {
	tb.Helper()
	for _, t := range tenants {
		if _, err := node.Get(tb.Context(), t.slug); err != nil {
			tb.Fatal(t.slug, err)
		}
	}
}

// contender returns one by its name.
func contender(tb testing.TB, name string) Contender {
	tb.Helper()
	for _, c := range Contenders() {
		if c.Name == name {
			return c
		}
	}
	tb.Fatal("no contender is called " + name)
	return Contender{}
}

var eventually = servers.Eventually

// TestContendersAgree: every contender answers the same, on two nodes, as the work demands
// when nothing happens at once.
func TestContendersAgree(t *testing.T) {
	f := newFloor(t)
	for i, c := range Contenders() {
		t.Run(c.Name, func(t *testing.T) {
			tenants := f.seed(t, fmt.Sprintf("agree%d", i), 3)
			p := f.pair(t, c, 100)
			for range 2 { // from the database, and from a cache
				for _, node := range []Node{p.a, p.b} {
					warm(t, node, tenants)
					if a, err := node.Get(t.Context(), tenants[0].slug); err != nil || a.Status != "active" || a.Revision == 0 {
						t.Errorf("%+v, %v", a, err)
					}
					if a, err := node.Get(t.Context(), "missing-slug"); !errors.Is(err, ErrNotFound) {
						t.Errorf("a slug that is not there: %+v, %v", a, err)
					}
				}
			}
			revision, err := p.a.SetStatus(t.Context(), tenants[0].id, "suspended")
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the writer's node sees it", func() bool {
				a, err := p.a.Get(t.Context(), tenants[0].slug)
				return err == nil && a == Answer{"suspended", revision}
			})
			if c.Place != Nowhere {
				eventually(t, "300 reads are answered by a cache, most of them", func() bool {
					n := p.during(func() {
						for range 100 {
							warm(t, p.a, tenants)
						}
					})
					return n.sum() <= 100
				})
			}
		})
	}
}
