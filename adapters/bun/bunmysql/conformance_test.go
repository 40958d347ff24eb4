package bunmysql_test

import (
	"bytes"
	"context"
	"net/url"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	shared(t)
	storetest.Run(t, fixture{stores: &sync.Map{}}.harness())
}

func BenchmarkStore(b *testing.B) {
	shared(b)
	storetest.Bench(b, fixture{stores: &sync.Map{}}.harness())
}

// fixture makes stores for the suite, each in a database of its own.
type fixture struct {
	stores *sync.Map // of tenancy.Store: stored
}

// stored is where and how a store was opened.
type stored struct {
	dsn  string
	opts []bunstore.Option
}

func (f fixture) harness() storetest.Harness {
	fresh := func(t testing.TB, opts ...bunstore.Option) tenancy.Store {
		return f.open(t, stored{newDatabase(t), opts})
	}
	return storetest.Harness{
		Source: true,
		Open:   func(t testing.TB) tenancy.Store { return fresh(t) },
		OpenSoftDelete: func(t testing.TB) tenancy.Store {
			return fresh(t, bunstore.WithTable("customers"), bunstore.WithSoftDelete())
		},
		OpenChecked: func(t testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return fresh(t, bunstore.WithMetadataCheck(check))
		},
		OpenNames: func(t testing.TB, o storetest.NameOptions) tenancy.Store {
			return fresh(t, bunstore.WithClaimLifetime(o.ClaimLifetime), bunstore.WithKeepFormer(o.KeepFormer))
		},
		Peer: func(t testing.TB, s tenancy.Store) tenancy.Store { return f.open(t, f.of(t, s)) },
		Reopen: func(t testing.TB, s tenancy.Store) tenancy.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return f.open(t, f.of(t, s))
		},
		Compact: func(t testing.TB, s tenancy.Store, revision tenancy.Revision) {
			if _, err := s.(*bunstore.Store).Compact(t.Context(), revision); err != nil {
				t.Fatal(err)
			}
		},
		Edit: func(t testing.TB, s tenancy.Store, e tenancy.Tenant) {
			exec(t, connect(t, f.of(t, s).dsn), `UPDATE tenants SET identifier = ?, name = ?, status = ? WHERE id = ?`,
				e.Identifier, e.Name, string(e.Status), e.ID)
		},
		Disconnect: func(t testing.TB, s tenancy.Store) { disconnect(t, f.of(t, s).dsn) },
		Backup: func(t testing.TB, s tenancy.Store) func(testing.TB) {
			dsn := f.of(t, s).dsn
			dump := client(t, dsn, "", "mariadb-dump", "--single-transaction")
			return func(t testing.TB) { client(t, dsn, dump, "mariadb") }
		},
	}
}

// disconnect ends all sessions in the database of dsn, but that of the test.
func disconnect(t testing.TB, dsn string) {
	t.Helper()
	admin := connect(t, dsn)
	for _, id := range query[int64](t, admin, `SELECT id FROM information_schema.PROCESSLIST WHERE db = DATABASE() AND id <> CONNECTION_ID()`) {
		_ = try(admin, "KILL ?", id) // it may have ended
	}
}

// client runs a program of MariaDB on the database of dsn, and returns what it says.
func client(t testing.TB, dsn, input, program string, args ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	cmd := osexec.CommandContext(t.Context(), program, append([]string{
		"--no-defaults", "--protocol=tcp", "--host=" + u.Hostname(), "--port=" + u.Port(), "--user=" + u.User.Username(), "--default-character-set=utf8mb4",
	}, append(args, strings.TrimPrefix(u.Path, "/"))...)...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+password)
	cmd.Stdin = strings.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, complaint.String())
	}
	return out.String()
}

func (f fixture) of(t testing.TB, s tenancy.Store) stored {
	t.Helper()
	where, ok := f.stores.Load(s)
	if !ok {
		t.Fatal("not a store of this harness")
	}
	return where.(stored)
}

func (f fixture) open(t testing.TB, where stored) tenancy.Store {
	t.Helper()
	store, err := bunmysql.Open(context.Background(), where.dsn, bunmysql.WithStore(where.opts...))
	if err != nil {
		t.Fatal(err)
	}
	f.stores.Store(tenancy.Store(store), where)
	return store
}
