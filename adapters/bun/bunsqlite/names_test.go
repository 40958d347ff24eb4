package bunsqlite_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

const (
	twoTenants = `INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Acme'), ('B', 'beta', 'Beta');`
	twoNamed   = twoTenants + `INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('A', 'a.test', 1), ('B', 'b.test', 1);
		INSERT INTO tenants_names (tenant_id, value) VALUES ('A', 'claim.test');
		INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'former', 'once'), ('B', 'former', 'before');`
)

// byHand is an edit by anybody, and what it must be in the log.
type byHand struct {
	before, edit string
	want         []string
}

func namesByHand() map[string]byHand {
	const (
		a, b     = "domain:a.test former:once id:A identifier:acme", "domain:b.test former:before id:B identifier:beta"
		deletedA = "delete A " + a + " []"
	)
	return map[string]byHand{
		"a claim":              {twoTenants, `INSERT INTO tenants_names (tenant_id, value) VALUES ('A', 'a.test')`, []string{"update A id:A identifier:acme [names]"}},
		"a claim of another":   {twoNamed, `INSERT INTO tenants_names (tenant_id, value) VALUES ('B', 'a.test')`, []string{"update B " + b + " [names]"}},
		"a former one":         {twoNamed, `INSERT INTO tenants_names (tenant_id, kind, value, expires_at) VALUES ('A', 'former', 'earlier', unixepoch('now', '+90 days') * 1000000)`, []string{"update A domain:a.test former:earlier former:once id:A identifier:acme [names]"}},
		"verified":             {twoNamed, `UPDATE tenants_names SET verified_at = 1 WHERE value = 'claim.test'`, []string{"update A domain:a.test domain:claim.test former:once id:A identifier:acme [names]"}},
		"no more":              {twoNamed, `UPDATE tenants_names SET verified_at = NULL WHERE value = 'a.test'`, []string{"update A " + a + " [names]"}},
		"removed":              {twoNamed, `DELETE FROM tenants_names WHERE value = 'a.test'`, []string{"update A " + a + " [names]"}},
		"removed and put back": {twoNamed, `REPLACE INTO tenants_names (tenant_id, value, verified_at) VALUES ('A', 'a.test', 2)`, nil},
		"replaced by a claim":  {twoNamed, `REPLACE INTO tenants_names (tenant_id, value) VALUES ('A', 'a.test')`, []string{"update A " + a + " [names]"}},
		"renamed":              {twoNamed, `UPDATE tenants_names SET value = 'new.test' WHERE value = 'a.test'`, []string{"update A domain:a.test domain:new.test former:once id:A identifier:acme [names]"}},
		"moved": {twoNamed, `UPDATE tenants_names SET tenant_id = 'B' WHERE value = 'a.test'`, []string{
			"update A " + a + " [names]", "update B domain:a.test domain:b.test former:before id:B identifier:beta [names]"}},
		"a time":      {twoNamed, `UPDATE tenants_names SET created_at = 0`, nil},
		"primary":     {twoNamed, `UPDATE tenants SET primary_domain = 'a.test' WHERE id = 'A'`, []string{"update A " + a + " [names]"}},
		"in short":    {twoNamed, `UPDATE tenants SET names = '[]' WHERE id = 'A'`, nil},
		"in a tenant": {twoTenants, `INSERT INTO tenants (id, identifier, name, names) VALUES ('C', 'ceta', 'C', '[["domain","a.test"]]')`, []string{"create C id:C identifier:ceta []"}},
		"deleted":     {twoNamed, `DELETE FROM tenants WHERE id = 'A'`, []string{deletedA}},
		"another ID":  {twoNamed, `UPDATE tenants SET id = 'C' WHERE id = 'A'`, []string{"update C domain:a.test former:once id:A id:C identifier:acme [id]"}},
		"another ID, and identifier": {twoNamed, `UPDATE tenants SET id = 'C', identifier = 'once' WHERE id = 'A'`, []string{
			"update C domain:a.test former:once id:A id:C identifier:acme identifier:once [id identifier names]"}},
		"before a rename": {twoTenants, `INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'former', 'acme')`, nil},
		"a rename that keeps": {
			twoTenants + `INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'former', 'acme');`, `UPDATE tenants SET identifier = 'ceta' WHERE id = 'A'`,
			[]string{"update A former:acme id:A identifier:acme identifier:ceta [identifier names]"},
		},
		"a rename back, and away again": {twoNamed + `UPDATE tenants SET identifier = 'once' WHERE id = 'A';`, `UPDATE tenants SET identifier = 'acme' WHERE id = 'A'`, []string{
			"update A domain:a.test id:A identifier:acme identifier:once [identifier]"}},
		"the primary, removed": {twoNamed + `UPDATE tenants SET primary_domain = 'a.test' WHERE id = 'A';`, `DELETE FROM tenants_names WHERE value = 'a.test'`, []string{"update A " + a + " [names]"}},
		"the primary, renamed": {twoNamed + `UPDATE tenants SET primary_domain = 'a.test' WHERE id = 'A';`, `UPDATE tenants_names SET value = 'new.test' WHERE value = 'a.test'`, []string{
			"update A domain:a.test domain:new.test former:once id:A identifier:acme [names]"}},
		"a rename back": {twoNamed, `UPDATE tenants SET identifier = 'once' WHERE id = 'A'`, []string{"update A domain:a.test former:once id:A identifier:acme identifier:once [identifier names]"}},
		"taken": {twoNamed, `UPDATE tenants SET identifier = 'before' WHERE id = 'A'`, []string{
			"update A domain:a.test former:once id:A identifier:acme identifier:before [identifier]", "update B " + b + " [names]"}},
		"taken by a new":        {twoNamed, `INSERT INTO tenants (id, identifier, name) VALUES ('C', 'once', 'C')`, []string{"create C id:C identifier:once []", "update A " + a + " [names]"}},
		"taken by none":         {twoNamed, `INSERT OR IGNORE INTO tenants (id, identifier, name) VALUES ('A', 'once', 'C')`, nil},
		"ignored, then removed": {twoNamed, `INSERT OR IGNORE INTO tenants (id, identifier, name) VALUES ('A', 'other', 'C'); DELETE FROM tenants_names WHERE value = 'a.test'`, []string{"update A " + a + " [names]"}},
		"replaced by another": {twoNamed, `REPLACE INTO tenants (id, identifier, name) VALUES ('C', 'acme', 'C')`, []string{
			deletedA, "create C id:C identifier:acme []"}},
		"replaced by an update": {twoNamed, `UPDATE OR REPLACE tenants SET identifier = 'acme' WHERE id = 'B'`, []string{
			deletedA, "update B domain:b.test former:before id:B identifier:acme identifier:beta [identifier]"}},
		"its ID replaced by an update": {twoNamed, `UPDATE OR REPLACE tenants SET id = 'A', identifier = 'acme' WHERE id = 'B'`, []string{
			deletedA, "update A domain:b.test former:before id:A id:B identifier:acme identifier:beta [id identifier]"}},
		"its rowid taken": {twoNamed, `UPDATE OR REPLACE tenants SET rowid = (SELECT rowid FROM tenants WHERE id = 'A') WHERE id = 'B'`, []string{deletedA}},
		"its rowid replaced": {twoNamed, `REPLACE INTO tenants (rowid, id, identifier, name) SELECT rowid, 'C', 'ceta', 'C' FROM tenants WHERE id = 'A'`, []string{
			deletedA, "create C id:C identifier:ceta []"}},
		"a domain becomes a former identifier": {twoNamed, `UPDATE tenants_names SET kind = 'former', value = 'earlier', verified_at = NULL WHERE value = 'a.test'`, []string{
			"update A domain:a.test former:earlier former:once id:A identifier:acme [names]"}},
		"an upsert": {twoNamed, `INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name`, []string{"update A " + a + " [name]"}},
		"an upsert of the ID": {twoNamed, `INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'x') ON CONFLICT (id) DO UPDATE SET id = 'C'`, []string{
			"update C domain:a.test former:once id:A id:C identifier:acme [id]"}},
		"rolled back": {twoNamed, `BEGIN; DELETE FROM tenants_names; ROLLBACK`, nil},
		"a cascade": {
			twoNamed + `CREATE TABLE owners (id TEXT PRIMARY KEY); INSERT INTO owners VALUES ('A'); ALTER TABLE tenants ADD owner TEXT REFERENCES owners ON DELETE CASCADE; UPDATE tenants SET owner = id WHERE id = 'A';`,
			`PRAGMA foreign_keys = ON; DELETE FROM owners`, []string{deletedA},
		},
		"a cascade by REPLACE": {
			twoNamed + `CREATE TABLE owners (id TEXT PRIMARY KEY); INSERT INTO owners VALUES ('A'); ALTER TABLE tenants ADD owner TEXT REFERENCES owners ON DELETE CASCADE; UPDATE tenants SET owner = id WHERE id = 'A';`,
			`PRAGMA foreign_keys = ON; REPLACE INTO owners VALUES ('A')`, []string{deletedA},
		},
		"in one transaction": {
			twoTenants, `BEGIN; INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('A', 'a.test', 1); DELETE FROM tenants WHERE id = 'A';
				INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Again'); COMMIT`,
			[]string{"update A domain:a.test id:A identifier:acme [names]", "delete A domain:a.test id:A identifier:acme []", "create A id:A identifier:acme []"},
		},
	}
}

// What anybody does to the table of names is a change of the tenants that it touches, and what
// is done to tenants leaves no name behind.
func TestNamesByHand(t *testing.T) {
	for what, c := range namesByHand() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "tenants.db")
			s := open(t, path)
			if wrong := c.wrong(t, s, path); wrong != "" {
				t.Error(wrong)
			}
			stampsMatch(t, s)
			if _, err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// wrong makes the edit, and returns what came of it that should not.
func (c byHand) wrong(t *testing.T, s *bunstore.Store, path string) string {
	t.Helper()
	sqlite3(t, path, c.before)
	start := newest(t, s)
	sqlite3(t, path, c.edit)
	var got []string
	for _, c := range since(t, s, start) {
		got = append(got, string(c.Kind)+" "+c.ID+" "+strings.Join(c.Keys, " ")+" ["+strings.Join(c.Fields, " ")+"]")
	}
	want := slices.Clone(c.want)
	if len(want) == 2 { // in either order: SQLite promises none of triggers
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		return "log:\n" + strings.Join(got, "\n") + "\nwant:\n" + strings.Join(want, "\n")
	}
	return namesDisagree(t, path)
}

// A row that takes the place of a tenant with its ID has none of its names.
func TestNamesOfAReplacedTenant(t *testing.T) {
	for _, recursive := range []string{"OFF", "ON"} {
		path := filepath.Join(t.TempDir(), "tenants.db")
		s := open(t, path)
		sqlite3(t, path, twoNamed)
		start := newest(t, s)
		sqlite3(t, path, "PRAGMA recursive_triggers = "+recursive+"; REPLACE INTO tenants (id, identifier, name) VALUES ('A', 'other', 'Other')")
		names, err := s.NamesOf(t.Context(), "A")
		if err != nil || len(names) > 0 {
			t.Errorf("recursive %s: %+v, %v", recursive, names, err)
		}
		first := since(t, s, start)[0]
		if first.Kind != "delete" || strings.Join(first.Keys, " ") != "domain:a.test former:once id:A identifier:acme" {
			t.Errorf("recursive %s: the log begins with %+v", recursive, first)
		}
		stampsMatch(t, s)
		namesAgree(t, s, path)
	}
}

// namesDisagree compares the names in the rows of tenants, and their primary domains, with the
// table of names.
func namesDisagree(t *testing.T, path string) string {
	t.Helper()
	return sqlite3(t, path, `SELECT id, names, found FROM (SELECT t.id, t.names, (SELECT json_group_array(json(name)) FROM (
			SELECT CASE WHEN n.kind = 'domain' AND n.verified_at IS NULL THEN json_array('claim', n.value, n.token) ELSE json_array(n.kind, n.value) END AS name
			FROM tenants_names AS n WHERE n.tenant_id = t.id AND NOT (n.kind = 'former' AND n.value = t.identifier) ORDER BY n.kind, n.value)) AS found FROM tenants AS t)
		WHERE names <> found;
		SELECT * FROM tenants_names WHERE tenant_id NOT IN (SELECT id FROM tenants);
		SELECT * FROM tenants_names AS n WHERE kind = 'former' AND value IN (SELECT identifier FROM tenants AS t WHERE t.id <> n.tenant_id);
		SELECT id, primary_domain FROM tenants AS t WHERE primary_domain <> '' AND NOT EXISTS (
			SELECT 1 FROM tenants_names AS n WHERE n.tenant_id = t.id AND n.kind = 'domain' AND n.value = t.primary_domain AND n.verified_at IS NOT NULL);`)
}

func namesAgree(t *testing.T, s *bunstore.Store, path string) {
	t.Helper()
	if wrong := namesDisagree(t, path); wrong != "" {
		t.Errorf("names and tenants do not agree:\n%s", wrong)
	}
	if _, err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// The database refuses names that nobody may have, whatever the statement does with what it
// collides with.
func TestNamesAreChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	sqlite3(t, path, twoNamed)
	start := newest(t, s)
	for what, text := range refusedNames() {
		for _, conflict := range []string{"", " OR REPLACE"} {
			if out, err := tryName(t, path, text, conflict); err == nil {
				t.Errorf("%s%s: not refused: %s", what, conflict, out)
			}
		}
	}
	if changes := since(t, s, start); len(changes) > 0 {
		t.Errorf("logged %+v", changes)
	}
	namesAgree(t, s, path)
}

// refusedNames are what follows INSERT or UPDATE in statements that must fail.
func refusedNames() map[string]string {
	return map[string]string{
		"verified by two":            `INTO tenants_names (tenant_id, value, verified_at) VALUES ('B', 'a.test', 1)`,
		"former of two":              `INTO tenants_names (tenant_id, kind, value) VALUES ('B', 'former', 'once')`,
		"former, and somebody's":     `INTO tenants_names (tenant_id, kind, value) VALUES ('B', 'former', 'acme')`,
		"nobody's":                   `INTO tenants_names (tenant_id, value) VALUES ('C', 'c.test')`,
		"an unknown kind":            `INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'alias', 'x')`,
		"upper case":                 `INTO tenants_names (tenant_id, value) VALUES ('A', 'A.test')`,
		"other letters":              `INTO tenants_names (tenant_id, value) VALUES ('A', 'bücher.test')`,
		"a dot at the end":           `INTO tenants_names (tenant_id, value) VALUES ('A', 'c.test.')`,
		"one label":                  `INTO tenants_names (tenant_id, value) VALUES ('A', 'test')`,
		"a hyphen before the dot":    `INTO tenants_names (tenant_id, value) VALUES ('A', 'c-.test')`,
		"no identifier":              `INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'former', 'no slug')`,
		"verified by two, an update": `tenants_names SET value = 'b.test' WHERE value = 'a.test'`,
		"moved to nobody":            `tenants_names SET tenant_id = 'C' WHERE value = 'a.test'`,
	}
}

func tryName(t *testing.T, path, text, conflict string) (string, error) {
	t.Helper()
	verb := "INSERT"
	if !strings.HasPrefix(text, "INTO") {
		verb = "UPDATE"
	}
	out, err := exec.CommandContext(t.Context(), program(t), "-bail", "-cmd", ".timeout 10000", path, verb+conflict+" "+text).CombinedOutput()
	return string(out), err
}

// Each rule about names is broken here in the triggers, and the case above that is about it
// must show that.
func TestNameTriggerMutants(t *testing.T) {
	const update = "tenants_record_update"
	cases, refused := namesByHand(), refusedNames()
	for _, m := range []struct{ rule, trigger, old, replacement string }{
		{"a claim", "tenants_names_insert", "", ""},
		{"a claim of another", update, "FROM json_each(t.names) WHERE t.names <> '[]' AND value ->> 0 <> 'claim'", "FROM json_each(t.names)"},
		{"verified", "tenants_names_update", "", ""},
		{"verified", update, "FROM json_each(t.names) WHERE", "FROM json_each(t.names) WHERE FALSE AND"},
		{"no more", update, "FROM json_each(OLD.names) WHERE", "FROM json_each(OLD.names) WHERE FALSE AND"},
		{"removed", "tenants_names_delete", "", ""},
		{"moved", "tenants_names_update", "id IN (NEW.tenant_id, OLD.tenant_id)", "id = NEW.tenant_id"},
		{"a time", "tenants_names_update", "AND names IS NOT", "OR names IS NOT"},
		{"primary", update, "OR NEW.primary_domain IS NOT OLD.primary_domain", ""},
		{"the primary, removed", "tenants_names_delete", "THEN '' ELSE", "THEN primary_domain ELSE"},
		{"the primary, renamed", "tenants_names_update", "THEN '' ELSE", "THEN primary_domain ELSE"},
		{"in short", "tenants_names_keep", "", ""},
		{"in a tenant", "tenants_record_insert", "names = '[]'", "names = NEW.names"},
		{"deleted", "tenants_record_delete", "DELETE FROM \"tenants_names\" WHERE tenant_id = OLD.id;", ""},
		{"another ID", update, "UPDATE \"tenants_names\" SET tenant_id = NEW.id WHERE tenant_id = OLD.id AND NEW.id IS NOT OLD.id;", ""},
		{"before a rename", "tenants_names_insert", "AND NOT (n.kind = 'former' AND n.value = \"tenants\".identifier)", ""},
		{"a rename that keeps", update, "(NEW.id, NEW.identifier) IS NOT (OLD.id, OLD.identifier) AND", "FALSE AND"},
		{"a rename back, and away again", update, "DELETE FROM \"tenants_names\" WHERE tenant_id = NEW.id AND kind = 'former'", "DELETE FROM \"tenants_names\" WHERE FALSE AND kind = 'former'"},
		{"taken", "tenants_names_take", "", ""},
		{"taken by a new", "tenants_record_insert", "DELETE FROM \"tenants_names\" WHERE kind = 'former' AND value = NEW.identifier;", ""},
		{"replaced by another", "tenants_collide_insert", "", ""},
		{"replaced by an update", "tenants_collide_update", "", ""},
		{"verified by two", "tenants_names_check_insert", "n.verified_at IS NOT NULL AND n.value = NEW.value", "FALSE"},
		{"former of two", "tenants_names_check_insert", "n.kind = 'former' AND n.value = NEW.value", "FALSE"},
		{"former, and somebody's", "tenants_names_check_insert", "WHERE identifier = NEW.value AND id <> NEW.tenant_id", "WHERE FALSE"},
		{"nobody's", "tenants_names_check_insert", "WHERE NOT EXISTS", "WHERE FALSE AND NOT EXISTS"},
		{"verified by two, an update", "tenants_names_check_update", "n.verified_at IS NOT NULL AND n.value = NEW.value", "FALSE"},
		{"moved to nobody", "tenants_names_check_update", "WHERE NOT EXISTS", "WHERE FALSE AND NOT EXISTS"},
	} {
		t.Run(m.rule+"/"+m.trigger, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "tenants.db")
			s := open(t, path)
			text := sqlite3(t, path, "SELECT sql FROM sqlite_master WHERE name = '"+m.trigger+"'")
			mutant := "DROP TRIGGER " + m.trigger + ";"
			if m.old != "" {
				if !strings.Contains(text, m.old) {
					t.Fatalf("the trigger has no %q:\n%s", m.old, text)
				}
				mutant += strings.ReplaceAll(text, m.old, m.replacement) + ";"
			}
			sqlite3(t, path, mutant)
			if c, ok := cases[m.rule]; ok {
				wrong := c.wrong(t, s, path)
				if wrong == "" {
					t.Error("not rejected")
				}
				t.Log(wrong)
				return
			}
			sqlite3(t, path, twoNamed)
			if _, err := tryName(t, path, refused[m.rule], " OR REPLACE"); err != nil {
				t.Error("not rejected")
			}
		})
	}
}
