package bunsqlite_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// program returns the real shell.
func program(tb testing.TB) string {
	tb.Helper()
	binary, err := exec.LookPath("sqlite3")
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			tb.Fatal("the sqlite3 shell is not installed")
		}
		tb.Skip("needs the sqlite3 shell: apt install sqlite3")
	}
	return binary
}

// sqlite3 runs text in the real shell, on the file of a running store.
func sqlite3(tb testing.TB, path, text string) string {
	tb.Helper()
	command := exec.CommandContext(tb.Context(), program(tb), "-bail", "-cmd", ".timeout 10000", path)
	command.Stdin = strings.NewReader(text)
	out, err := command.CombinedOutput()
	if err != nil {
		tb.Fatalf("sqlite3: %v: %s", err, out)
	}
	return string(out)
}

// change is what the log says, without what differs from run to run.
type change struct {
	Kind   tenancy.ChangeKind
	ID     string
	Keys   []string
	Fields []string
}

// since returns the changes after a position, each with its keys in order.
func since(tb testing.TB, s *bunstore.Store, after tenancy.Position) []change {
	tb.Helper()
	cs, err := s.Changes(tb.Context(), after, 0)
	if err != nil {
		tb.Fatalf("Changes: %v", err)
	}
	out := make([]change, len(cs))
	for i, c := range cs {
		out[i] = change{c.Kind, c.TenantID, nil, c.Fields}
		for _, k := range c.Keys {
			out[i].Keys = append(out[i].Keys, string(k.Kind)+":"+k.Value)
		}
		slices.Sort(out[i].Keys)
	}
	return out
}

func newest(tb testing.TB, s *bunstore.Store) tenancy.Position {
	tb.Helper()
	h, err := s.Bounds(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return h.Newest
}

func TestShellEdits(t *testing.T) {
	keys := func(pairs ...string) []string { return pairs }
	fields := keys
	const two = "INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Acme'), ('B', 'beta', 'Beta');"
	for _, c := range []struct {
		name, before, edit string
		want               []change
	}{
		{"insert", "", "INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Acme')", []change{
			{tenancy.ChangeCreate, "A", keys("id:A", "identifier:acme"), nil}}},
		{"rename", two, "UPDATE tenants SET identifier = 'acme-2' WHERE id = 'A'", []change{
			{tenancy.ChangeUpdate, "A", keys("id:A", "identifier:acme", "identifier:acme-2"), fields("identifier")}}},
		{"new id", two, "UPDATE tenants SET id = 'C' WHERE id = 'A'", []change{
			{tenancy.ChangeUpdate, "C", keys("id:A", "id:C", "identifier:acme"), fields("id")}}},
		{"all rows", two, "UPDATE tenants SET status = 'suspended'", []change{
			{tenancy.ChangeUpdate, "A", keys("id:A", "identifier:acme"), fields("status")}, {tenancy.ChangeUpdate, "B", keys("id:B", "identifier:beta"), fields("status")}}},
		{"revision by hand", two, "UPDATE tenants SET revision = 77 WHERE id = 'A'", []change{
			{tenancy.ChangeUpdate, "A", keys("id:A", "identifier:acme"), nil}}},
		{"mark by hand", two, "UPDATE tenants SET mark = 0 WHERE id = 'A'", []change{
			{tenancy.ChangeUpdate, "A", keys("id:A", "identifier:acme"), nil}}},
		{"every field", two, "UPDATE tenants SET id = 'C', identifier = 'ceta', name = 'C', status = 's', isolation = 'i', database_url = 'u', schema_name = 'n', metadata = '{\"a\":1}', created_at = 1, revision = revision, mark = mark WHERE id = 'A'", []change{
			{tenancy.ChangeUpdate, "C", keys("id:A", "id:C", "identifier:acme", "identifier:ceta"), fields("database_url", "id", "identifier", "isolation", "metadata", "name", "schema_name", "status")}}},
		{"nothing", two, "UPDATE tenants SET status = status WHERE id = 'A'", []change{
			{tenancy.ChangeUpdate, "A", keys("id:A", "identifier:acme"), nil}}},
		{"replaced, then another updated", two, "REPLACE INTO tenants (id, identifier, name) VALUES ('A', 'new', 'New'); UPDATE tenants SET status = 'suspended' WHERE id = 'B'", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}, {tenancy.ChangeCreate, "A", keys("id:A", "identifier:new"), nil},
			{tenancy.ChangeUpdate, "B", keys("id:B", "identifier:beta"), fields("status")}}},
		{"folded name only", two, "UPDATE tenants SET name_folded = 'x' WHERE id = 'A'", nil},
		{"delete", two, "DELETE FROM tenants WHERE id = 'A'", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}}},
		{"delete all", two, "DELETE FROM tenants", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}, {tenancy.ChangeDelete, "B", keys("id:B", "identifier:beta"), nil}}},
		{"insert or replace by id", two, "INSERT OR REPLACE INTO tenants (id, identifier, name) VALUES ('A', 'new', 'New')", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}, {tenancy.ChangeCreate, "A", keys("id:A", "identifier:new"), nil}}},
		{"insert or replace two", two, "REPLACE INTO tenants (id, identifier, name) VALUES ('A', 'beta', 'New')", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}, {tenancy.ChangeDelete, "B", keys("id:B", "identifier:beta"), nil},
			{tenancy.ChangeCreate, "A", keys("id:A", "identifier:beta"), nil}}},
		{"update or replace", two, "UPDATE OR REPLACE tenants SET identifier = 'beta' WHERE id = 'A'", []change{
			{tenancy.ChangeDelete, "B", keys("id:B", "identifier:beta"), nil}, {tenancy.ChangeUpdate, "A", keys("id:A", "identifier:acme", "identifier:beta"), fields("identifier")}}},
		{"insert or ignore", two, "INSERT OR IGNORE INTO tenants (id, identifier, name) VALUES ('C', 'acme', 'New'), ('D', 'delta', 'New')", []change{
			{tenancy.ChangeCreate, "D", keys("id:D", "identifier:delta"), nil}}},
		{"do nothing", two, "INSERT INTO tenants (id, identifier, name) VALUES ('C', 'acme', 'New') ON CONFLICT DO NOTHING", nil},
		{"upsert", two, "INSERT INTO tenants (id, identifier, name) VALUES ('C', 'acme', 'New') ON CONFLICT (identifier) DO UPDATE SET name = excluded.name", []change{
			{tenancy.ChangeUpdate, "A", keys("id:A", "identifier:acme"), fields("name")}}},
		{"ignored, then deleted, then inserted", two, "INSERT OR IGNORE INTO tenants (id, identifier, name) VALUES ('C', 'acme', 'New'); DELETE FROM tenants WHERE id = 'A'; INSERT INTO tenants (id, identifier, name) VALUES ('D', 'delta', 'New')", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}, {tenancy.ChangeCreate, "D", keys("id:D", "identifier:delta"), nil}}},
		{"ignored, vacuumed, updated", two + "DELETE FROM tenants WHERE id = 'A'; INSERT INTO tenants (id, identifier, name) VALUES ('C', 'ceta', 'C')", "INSERT OR IGNORE INTO tenants (id, identifier, name) VALUES ('D', 'ceta', 'New'); VACUUM; UPDATE tenants SET name = 'x' WHERE id = 'B'", []change{
			{tenancy.ChangeUpdate, "B", keys("id:B", "identifier:beta"), fields("name")}}},
		{"replace what is there", two, "REPLACE INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'New')", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}, {tenancy.ChangeCreate, "A", keys("id:A", "identifier:acme"), nil}}},
		{"replace by rowid", two, "REPLACE INTO tenants (rowid, id, identifier, name) SELECT rowid, 'C', 'ceta', 'C' FROM tenants WHERE id = 'A'", []change{
			{tenancy.ChangeDelete, "A", keys("id:A", "identifier:acme"), nil}, {tenancy.ChangeCreate, "C", keys("id:C", "identifier:ceta"), nil}}},
		{"update or replace by rowid", two, "UPDATE OR REPLACE tenants SET rowid = (SELECT rowid FROM tenants WHERE id = 'B') WHERE id = 'A'", []change{
			{tenancy.ChangeDelete, "B", keys("id:B", "identifier:beta"), nil}}},
		{"update by rowid", two, "UPDATE tenants SET rowid = 77 WHERE id = 'A'", nil},
		{"rolled back", two, "BEGIN; DELETE FROM tenants; ROLLBACK", nil},
		{"savepoint", two, "BEGIN; SAVEPOINT a; DELETE FROM tenants; ROLLBACK TO a; UPDATE tenants SET name = 'x' WHERE id = 'B'; COMMIT", []change{
			{tenancy.ChangeUpdate, "B", keys("id:B", "identifier:beta"), fields("name")}}},
	} {
		for _, recursive := range []string{"OFF", "ON"} {
			t.Run(c.name+", recursive triggers "+recursive, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "tenants.db")
				s := open(t, path)
				sqlite3(t, path, c.before)
				start := newest(t, s)
				sqlite3(t, path, "PRAGMA recursive_triggers = "+recursive+";"+c.edit)
				got := since(t, s, start)
				if recursive == "ON" {
					got = withoutEchoes(got, c.want)
				}
				if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("the log (-want +got):\n%s", diff)
				}
				stampsMatch(t, s)
			})
		}
	}
}

// withoutEchoes brings got into the order of want, and drops the second updates
// of a row that recursive triggers may log: they do no harm.
func withoutEchoes(got, want []change) []change {
	var out []change
	for _, w := range want {
		if i := slices.IndexFunc(got, func(g change) bool { return cmp.Equal(g, w) }); i >= 0 {
			out, got = append(out, w), slices.Delete(got, i, i+1)
		}
	}
	for _, g := range got {
		echo := g.Kind == tenancy.ChangeUpdate && slices.ContainsFunc(want, func(w change) bool { return w.Kind == tenancy.ChangeUpdate && w.ID == g.ID })
		if !echo {
			out = append(out, g)
		}
	}
	return out
}

// stampsMatch checks that every tenant has the position of its last change.
func stampsMatch(t *testing.T, s *bunstore.Store) {
	t.Helper()
	cs, err := s.Changes(t.Context(), tenancy.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]tenancy.Position{}
	for _, c := range cs {
		last[c.TenantID] = c.Position
	}
	for got, err := range tenancy.All(t.Context(), s, tenancy.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if got.Position() != last[got.ID] || got.Mark == 0 {
			t.Errorf("tenant %s is at %v, its last change at %v", got.ID, got.Position(), last[got.ID])
		}
	}
}

func TestShellEditReachesReadersAndSearch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	a := create(t, s, "acme")
	sqlite3(t, path, "UPDATE tenants SET name = 'ÜBER Öl' WHERE identifier = 'acme'")
	got, err := s.GetByID(t.Context(), a.ID)
	if err != nil || got.Name != "ÜBER Öl" || !got.UpdatedAt.After(a.UpdatedAt) || got.Revision <= a.Revision {
		t.Errorf("got %v, %v", got, err)
	}
	for query, want := range map[string]int{"über": 1, "ÖL": 1, "name of": 0} {
		if found, err := s.Search(t.Context(), query, tenancy.SearchOptions{}); err != nil || len(found) != want {
			t.Errorf("Search(%q) found %v, %v", query, found, err)
		}
	}
	sqlite3(t, path, "UPDATE tenants SET name = 'Plain ASCII' WHERE identifier = 'acme'")
	if found, err := s.Search(t.Context(), "plain ascii", tenancy.SearchOptions{}); err != nil || len(found) != 1 {
		t.Errorf("Search found %v, %v", found, err)
	}
	if _, err := s.Update(t.Context(), a); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("Update of what was edited: %v", err)
	}
}

func TestShellCannotBreakTheRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	create(t, s, "acme")
	before := newest(t, s)
	for _, edit := range []string{
		"UPDATE tenants SET identifier = 'Not A Slug'", "UPDATE tenants SET identifier = 'ab'", "UPDATE tenants SET identifier = 'abc-'",
		"UPDATE tenants SET identifier = '1abc'", "UPDATE tenants SET identifier = 'abc' || char(10)", "UPDATE tenants SET id = ''", "UPDATE tenants SET name = ''",
		"UPDATE tenants SET metadata = '[1]'", "UPDATE tenants SET metadata = 'x'", "UPDATE tenants SET created_at = 'yesterday'",
		"UPDATE tenants SET created_at = 253402300800000000", "UPDATE tenants SET created_at = -62135596800000001", // beyond the years 1 to 9999
		"UPDATE tenants SET updated_at = 9223372036854775807",
		"DELETE FROM tenants_changes",
	} {
		if out, err := exec.CommandContext(t.Context(), program(t), "-bail", path, edit).CombinedOutput(); err == nil {
			t.Errorf("%s succeeded: %s", edit, out)
		}
	}
	if after := newest(t, s); after != before {
		t.Errorf("the log moved from %v to %v", before, after)
	}
}

// A backup that is restored under the running store takes the log back, and the
// store says so.
func TestShellRestoresABackup(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "tenants.db"), filepath.Join(dir, "backup.db")
	s := open(t, path)
	kept := create(t, s, "kept")
	atBackup := newest(t, s)
	sqlite3(t, path, ".backup '"+backup+"'")
	lost := create(t, s, "lost")
	atLost := newest(t, s)
	sqlite3(t, path, ".restore '"+backup+"'")

	if _, err := s.GetByID(t.Context(), lost.ID); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("what was lost: %v", err)
	}
	if got, err := s.GetByID(t.Context(), kept.ID); err != nil || got != kept {
		t.Errorf("what was kept: %v, %v", got, err)
	}
	if _, err := s.Changes(t.Context(), atLost, 0); !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("Changes after a position that is gone: %v", err)
	}
	if cs, err := s.Changes(t.Context(), atBackup, 0); err != nil || len(cs) != 0 {
		t.Errorf("Changes after one that is there: %v, %v", cs, err)
	}
	create(t, s, "other") // takes the revision of what was lost
	if again := newest(t, s); again.Revision != atLost.Revision || again == atLost {
		t.Errorf("the new position is %v, the lost one was %v", again, atLost)
	}
	if _, err := s.Changes(t.Context(), atLost, 0); !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("Changes after the lost position, its revision taken again: %v", err)
	}
}

// A restored backup takes revisions a second time. What was read of the lost history
// must not overwrite what was written since, although it has the same revision.
func TestUpdateFromALostHistory(t *testing.T) {
	for name, over := range map[string]func(*testing.T, *bunstore.Store) tenancy.Store{
		"store": func(_ *testing.T, s *bunstore.Store) tenancy.Store { return s },
		"tier": func(t *testing.T, s *bunstore.Store) tenancy.Store {
			cached, err := tier.New(s, tier.Local(faults.NewLocal()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cached.Close() }) // and s, which is closed again
			return cached
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, backup := filepath.Join(dir, "tenants.db"), filepath.Join(dir, "backup.db")
			s := over(t, open(t, path))
			acme := create(t, s, "acme")
			sqlite3(t, path, ".backup '"+backup+"'")
			acme.Name = "as in the form"
			if _, err := s.Update(t.Context(), acme); err != nil {
				t.Fatal(err)
			}
			form, err := s.GetByID(t.Context(), acme.ID)
			if err != nil {
				t.Fatal(err)
			}
			sqlite3(t, path, ".restore '"+backup+"'")
			suspended, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
			if err != nil || suspended.Revision != form.Revision {
				t.Fatalf("suspended at %v (%v), the form was read at %v", suspended.Position(), err, form.Position())
			}
			if _, err := s.Update(t.Context(), form); !errors.Is(err, tenancy.ErrConflict) {
				t.Errorf("Update with what was lost: %v, want ErrConflict", err)
			}
			if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != suspended {
				t.Errorf("stored: %v, %v", got, err)
			}
		})
	}
}

// The log says who wrote: in each transaction anew, whatever one before has left.
func TestActors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	start := newest(t, s)
	alice := tenancy.WithActor(t.Context(), "alice")
	insert := func(identifier string) string {
		return "INSERT INTO tenants (identifier, name) VALUES ('" + identifier + "', 'x');"
	}
	acme, err := s.Create(alice, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	patch, err := tenancy.NewMetadata(map[string]int{"seats": 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { _, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); return err },
		func() error { _, err := s.UpdateMetadata(alice, acme.ID, patch); return err },
		func() error { return s.Delete(alice, acme.ID) },
		func() error { sqlite3(t, path, insert("by-hand")); return nil },
		func() error {
			sqlite3(t, path, "INSERT INTO tenants_actor VALUES ('bob');"+insert("by-bob"))
			sqlite3(t, path, "INSERT INTO tenants_actor VALUES ('carol');"+insert("by-carol"))
			return nil
		},
		func() error { create(t, s, "by-nobody"); return nil },
		func() error { sqlite3(t, path, insert("by-hand-again")); return nil },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Create(alice, tenancy.Tenant{ID: "A", Identifier: "by-nobody", Name: "taken"}); !errors.Is(err, tenancy.ErrAlreadyExists) {
		t.Fatal(err)
	}
	sqlite3(t, path, insert("after-a-failure"))
	cs, err := s.Changes(t.Context(), start, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cs {
		got = append(got, c.Actor)
	}
	want := []string{"alice", "", "alice", "alice", "", "bob", "carol", "", "", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actors (-want +got):\n%s", diff)
	}
}

func TestWatchSeesTheShell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	start := newest(t, s)
	edited := make(chan struct{})
	go func() {
		defer close(edited)
		sqlite3(t, path, "INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Acme')")
	}()
	for c, err := range tenancy.Watch(t.Context(), s, start) {
		if err != nil || c.TenantID != "A" {
			t.Errorf("saw %v, %v", c, err)
		}
		break
	}
	<-edited
}

// A user's own trigger may edit the row; the store returns what is stored.
func TestUsersTrigger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	sqlite3(t, path, "CREATE TRIGGER own AFTER INSERT ON tenants BEGIN UPDATE tenants SET schema_name = 'tenant_' || replace(NEW.identifier, '-', '_') WHERE id = NEW.id; END")
	created := create(t, s, "acme-inc")
	if created.SchemaName != "tenant_acme_inc" {
		t.Errorf("schema name %q", created.SchemaName)
	}
	if got, err := s.GetByID(t.Context(), created.ID); err != nil || got != created {
		t.Errorf("created %v, stored %v, %v", created, got, err)
	}
	stampsMatch(t, s)
}
