//go:build unix

package processes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// edits are scripts for a shell. A {word} stands for one of a few values, so that
// most scripts hit rows that are there, and many fail halfway.
var (
	editsAnywhere = []string{
		"INSERT INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}');",
		"INSERT INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}'), ('{id}', '{slug}', '{name}');",
		"INSERT INTO tenants (identifier, name) VALUES ('{slug}', '{name}');",
		"INSERT INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}') ON CONFLICT DO NOTHING;",
		"INSERT INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}') ON CONFLICT (id) DO UPDATE SET identifier = excluded.identifier, name = excluded.name;",
		"INSERT INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}') ON CONFLICT (identifier) DO UPDATE SET id = excluded.id;",
		"UPDATE tenants SET identifier = '{slug}' WHERE id = '{id}';",
		"UPDATE tenants SET id = '{id}' WHERE id = '{id}';",
		"UPDATE tenants SET id = '{id}', identifier = '{slug}', name = '{name}' WHERE identifier = '{slug}';",
		"UPDATE tenants SET name = '{name}' WHERE id IN ('{id}', '{id}');",
		`UPDATE tenants SET revision = 7, metadata = '{"a":1}', updated_at = created_at WHERE id = '{id}';`,
		"DELETE FROM tenants WHERE id IN ('{id}', '{id}');",
		"INSERT INTO tenants_names (tenant_id, value) VALUES ('{id}', '{domain}'), ('{id}', '{domain}');",
		"INSERT INTO tenants_names (tenant_id, value, verified_at) SELECT id, '{domain}', created_at FROM tenants WHERE id IN ('{id}', '{id}');",
		"INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('{id}', 'former', '{slug}') ON CONFLICT DO NOTHING;",
		"INSERT INTO tenants_names (tenant_id, kind, value) SELECT id, 'former', identifier FROM tenants WHERE id IN ('{id}', '{id}');",
		"UPDATE tenants_names SET verified_at = created_at WHERE value = '{domain}' AND tenant_id = '{id}';",
		"UPDATE tenants_names SET value = '{domain}' WHERE kind = 'domain' AND value = '{domain}';",
		"UPDATE tenants_names SET tenant_id = '{id}' WHERE tenant_id = '{id}';",
		"UPDATE tenants SET names = '[]', primary_domain = '{domain}' WHERE id = '{id}';",
		"DELETE FROM tenants_names WHERE tenant_id = '{id}' OR value = '{domain}';",
	}
	editsByPSQL = []string{
		"MERGE INTO tenants t USING (VALUES ('{id}', '{slug}'), ('{id}', '{slug}')) v(id, slug) ON t.id = v.id" +
			" WHEN MATCHED AND v.slug < 'slug-3' THEN DELETE WHEN MATCHED THEN UPDATE SET identifier = v.slug" +
			" WHEN NOT MATCHED THEN INSERT (id, identifier, name) VALUES (v.id, v.slug, '{name}');",
		"COPY tenants (id, identifier, name) FROM stdin;\n{id}\t{slug}\t{name}\n{id}\t{slug}\t{name}\n\\.\n",
		"SET session_replication_role = replica; UPDATE tenants SET identifier = '{slug}' WHERE id = '{id}'; RESET session_replication_role;",
		"WITH gone AS (DELETE FROM tenants WHERE id = '{id}' RETURNING name) INSERT INTO tenants (id, identifier, name) SELECT '{id}', '{slug}', name FROM gone;",
		"TRUNCATE tenants;", "TRUNCATE tenants_names;",
		"SET session_replication_role = replica; DELETE FROM tenants_names WHERE tenant_id = '{id}'; DELETE FROM tenants WHERE id = '{id}'; RESET session_replication_role;",
	}
	editsBySQLite3 = []string{
		"INSERT OR REPLACE INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}'), ('{id}', '{slug}', '{name}');",
		"INSERT OR IGNORE INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}'), ('{id}', '{slug}', '{name}');",
		"UPDATE OR REPLACE tenants SET identifier = '{slug}' WHERE id = '{id}';",
		"UPDATE OR REPLACE tenants SET id = '{id}', identifier = '{slug}' WHERE id = '{id}';",
		"UPDATE OR IGNORE tenants SET identifier = '{slug}', name = '{name}' WHERE id IN ('{id}', '{id}');",
		"PRAGMA recursive_triggers = ON; REPLACE INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}');",
		"DELETE FROM tenants;",
		"INSERT OR REPLACE INTO tenants_names (tenant_id, value, verified_at) VALUES ('{id}', '{domain}', NULL), ('{id}', '{domain}', 7);",
		"UPDATE OR REPLACE tenants_names SET value = '{domain}', verified_at = 7 WHERE kind = 'domain' AND tenant_id = '{id}';",
		"UPDATE OR REPLACE tenants_names SET tenant_id = '{id}' WHERE tenant_id = '{id}';",
		"UPDATE OR IGNORE tenants_names SET verified_at = 7;",
	}
	editsByMariaDB = []string{
		"INSERT IGNORE INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}'), ('{id}', '{slug}', '{name}');",
		"INSERT INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}'), ('{id}', '{slug}', '{name}') ON DUPLICATE KEY UPDATE identifier = '{slug}';",
		"INSERT INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}') ON DUPLICATE KEY UPDATE id = '{id}', name = '{name}';",
		"REPLACE INTO tenants (id, identifier, name) VALUES ('{id}', '{slug}', '{name}'), ('{id}', '{slug}', '{name}');",
		"UPDATE IGNORE tenants SET identifier = '{slug}', name = '{name}' WHERE id IN ('{id}', '{id}');",
		"UPDATE tenants AS a JOIN tenants AS b ON a.id < b.id SET a.name = '{name}', b.name = '{name}' WHERE b.id = '{id}';",
		"SET SESSION tx_isolation = 'SERIALIZABLE'; INSERT INTO tenants (id, identifier, name) SELECT '{id}', '{slug}', name FROM tenants WHERE id = '{id}';",
		"TRUNCATE tenants;", "DELETE FROM tenants LIMIT 2;",
	}
	around = []string{
		"%[1]s", "BEGIN; %[1]s %[2]s COMMIT;", "BEGIN; %[1]s %[2]s ROLLBACK;",
		"BEGIN; %[1]s SAVEPOINT a; %[2]s ROLLBACK TO a; %[3]s COMMIT;",
		"BEGIN; %[1]s SAVEPOINT a; %[2]s RELEASE a; %[3]s COMMIT;",
	}
	words = map[string][]string{
		"id":     {"a", "b", "c", "d", "e"},
		"slug":   {"slug-1", "slug-2", "slug-3", "slug-4", "slug-5"},
		"domain": {"a.test", "b.test", "c.test"},
		"name":   {"Alpha", "plain NAME", "ÄÖÜ", "ΣΑΣ", "50%_"},
	}
)

func TestRandomEditsBySQLite3(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	testRandomEdits(t, path, append(slices.Clone(editsBySQLite3), editsAnywhere...), "sqlite3", "-cmd", ".timeout 10000", path)
}

func TestRandomEditsByPSQL(t *testing.T) {
	dsn := servers.NewDatabase(t)
	testRandomEdits(t, dsn, append(slices.Clone(editsByPSQL), editsAnywhere...), "psql", "--no-psqlrc", "--quiet", dsn)
}

func TestRandomEditsByMariaDB(t *testing.T) {
	dsn := servers.NewMySQLDatabase(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the address of the database is no URL")
	}
	password, _ := u.User.Password()
	t.Setenv("MYSQL_PWD", password)
	testRandomEdits(t, dsn, append(slices.Clone(editsByMariaDB), editsAnywhere...), "mariadb", "--no-defaults", "--protocol=tcp", "--host="+u.Hostname(),
		"--port="+u.Port(), "--user="+u.User.Username(), "--default-character-set=utf8mb4", strings.TrimPrefix(u.Path, "/"))
}

// testRandomEdits runs scripts in a real shell under an open store. Whatever they
// do and however they fail, the log tells of every key whose answer changed, and
// search finds every tenant.
func testRandomEdits(t *testing.T, where string, edits []string, shell string, args ...string) {
	program, err := exec.LookPath(shell)
	if err != nil {
		if servers.Required() {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := openFor(t, where)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test that can be repeated
	head, err := s.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, before := head.Newest, answers(t, s)
	changed := func() tenancy.Revision { return at.Revision - head.Newest.Revision }
	// Luck decides how many scripts change anything: of 150, some change less than 50 rows.
	for scripts := 0; scripts < 150 || changed() < 50; scripts++ {
		if scripts == 3000 {
			t.Fatalf("seed %d: %d scripts made %d changes", seed, scripts, changed())
		}
		script := fmt.Sprintf(around[r.IntN(len(around))]+"%.0[1]s%.0[2]s%.0[3]s", fill(r, edits), fill(r, edits), fill(r, edits))
		cmd := exec.CommandContext(t.Context(), program, args...) //nolint:gosec // see the callers
		cmd.Stdin = strings.NewReader(script)
		output, _ := cmd.CombinedOutput() // scripts may fail
		changes, err := s.Changes(t.Context(), at, tenancy.MaxChangesLimit)
		if err != nil {
			t.Fatal(err)
		}
		after := answers(t, s)
		checkEdit(t, s, at, changes, before, after)
		if t.Failed() {
			t.Fatalf("seed %d, script %s\n%s", seed, script, output)
		}
		if before = after; len(changes) > 0 {
			at = changes[len(changes)-1].Position
		}
	}
}

// fill returns one of the edits with every word replaced by one of its values.
func fill(r *rand.Rand, edits []string) string {
	edit := edits[r.IntN(len(edits))]
	for _, word := range slices.Sorted(maps.Keys(words)) {
		for strings.Contains(edit, "{"+word+"}") {
			edit = strings.Replace(edit, "{"+word+"}", words[word][r.IntN(len(words[word]))], 1)
		}
	}
	return edit
}

// answers returns the tenant under each key.
func answers(t *testing.T, s tenancy.Store) map[tenancy.Key]tenancy.Tenant {
	t.Helper()
	out := map[tenancy.Key]tenancy.Tenant{}
	for tenant, err := range tenancy.All(t.Context(), s, tenancy.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		out[tenancy.IDKey(tenant.ID)], out[tenancy.IdentifierKey(tenant.Identifier)] = tenant, tenant
	}
	for _, domain := range words["domain"] {
		lookup(t, out, tenancy.Key{Kind: tenancy.KindDomain, Value: domain}, s.GetByDomain)
	}
	for _, identifier := range words["slug"] {
		lookup(t, out, tenancy.Key{Kind: tenancy.KindFormer, Value: identifier}, s.FormerOwner)
	}
	return out
}

func lookup(t *testing.T, out map[tenancy.Key]tenancy.Tenant, k tenancy.Key, by func(context.Context, string) (tenancy.Tenant, error)) {
	t.Helper()
	tenant, err := by(t.Context(), k.Value)
	switch {
	case err == nil:
		out[k] = tenant
	case !errors.Is(err, tenancy.ErrNotFound):
		t.Fatal(err)
	}
}

func checkEdit(t *testing.T, s tenancy.Source, at tenancy.Position, changes []tenancy.Change, before, after map[tenancy.Key]tenancy.Tenant) {
	t.Helper()
	for i, c := range changes {
		if want := at.Revision + tenancy.Revision(i) + 1; c.Position.Revision != want {
			t.Errorf("a change has revision %d, want %d", c.Position.Revision, want)
		}
	}
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for k := range keys {
		if before[k] == after[k] {
			continue
		}
		if !slices.ContainsFunc(changes, func(c tenancy.Change) bool { return c.Touches(k) }) {
			t.Errorf("%v was %+v, is %+v, and no change touches it", k, before[k], after[k])
		}
		if now, ok := after[k]; ok && !slices.ContainsFunc(changes, func(c tenancy.Change) bool {
			return c.Position.Revision == now.Revision && c.TenantID == now.ID
		}) {
			t.Errorf("%v is %+v, and no change of that tenant has its revision", k, now)
		}
	}
	for _, tenant := range after {
		found, err := s.Search(t.Context(), strings.ToLower(tenant.Name), tenancy.SearchOptions{Limit: tenancy.MaxSearchLimit})
		if err != nil || !slices.Contains(found, tenant) {
			t.Errorf("a search for the name of %+v found %+v, %v", tenant, found, err)
		}
	}
}
