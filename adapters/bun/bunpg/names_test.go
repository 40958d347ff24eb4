package bunpg_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// byHand is an edit by anybody, and what it must be in the log.
type byHand struct {
	before, edit string
	want         []string
}

func namesByHand() map[string]byHand {
	const (
		two   = `INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Acme'), ('B', 'beta', 'Beta');`
		named = two + `INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('A', 'a.test', now()), ('B', 'b.test', now());
			INSERT INTO tenants_names (tenant_id, value) VALUES ('A', 'claim.test');
			INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'former', 'once'), ('B', 'former', 'before');`
		a, b = "id:A identifier:acme domain:a.test former:once", "id:B identifier:beta domain:b.test former:before"
	)
	return map[string]byHand{
		"a claim":            {two, `INSERT INTO tenants_names (tenant_id, value) VALUES ('A', 'a.test')`, []string{"update A id:A identifier:acme [names]"}},
		"a claim of another": {named, `INSERT INTO tenants_names (tenant_id, value) VALUES ('B', 'a.test')`, []string{"update B " + b + " [names]"}},
		"a former one":       {named, `INSERT INTO tenants_names (tenant_id, kind, value, expires_at) VALUES ('A', 'former', 'earlier', now() + interval '90 days')`, []string{"update A " + a + " former:earlier [names]"}},
		"verified":           {named, `UPDATE tenants_names SET verified_at = now() WHERE value = 'claim.test'`, []string{"update A " + a + " domain:claim.test [names]"}},
		"no more":            {named, `UPDATE tenants_names SET verified_at = NULL WHERE value = 'a.test'`, []string{"update A " + a + " [names]"}},
		"removed":            {named, `DELETE FROM tenants_names WHERE value = 'a.test'`, []string{"update A " + a + " [names]"}},
		"all in a statement": {named, `DELETE FROM tenants_names`, []string{"update A " + a + " [names]", "update B " + b + " [names]"}},
		"renamed":            {named, `UPDATE tenants_names SET value = 'new.test' WHERE value = 'a.test'`, []string{"update A " + a + " domain:new.test [names]"}},
		"moved":              {named, `UPDATE tenants_names SET tenant_id = 'B' WHERE value = 'a.test'`, []string{"update A " + a + " [names]", "update B " + b + " domain:a.test [names]"}},
		"a time":             {named, `UPDATE tenants_names SET created_at = 'epoch'`, nil},
		"primary":            {named, `UPDATE tenants SET primary_domain = 'a.test' WHERE id = 'A'`, []string{"update A " + a + " [names]"}},
		"in short":           {named, `UPDATE tenants SET names = '[]' WHERE id = 'A'`, []string{"update A " + a + " []"}},
		"in a tenant":        {two, `INSERT INTO tenants (id, identifier, name, names) VALUES ('C', 'ceta', 'C', '[["domain","a.test"]]')`, []string{"create C id:C identifier:ceta []"}},
		"deleted":            {named, `DELETE FROM tenants WHERE id = 'A'`, []string{"delete A " + a + " []"}},
		"another ID":         {named, `UPDATE tenants SET id = 'C' WHERE id = 'A'`, []string{"update C id:A id:C identifier:acme domain:a.test former:once [id]"}},
		"before a rename":    {two, `INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'former', 'acme')`, nil},
		"a rename that keeps": {
			two + `INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('A', 'former', 'acme');`, `UPDATE tenants SET identifier = 'ceta' WHERE id = 'A'`,
			[]string{"update A id:A identifier:acme identifier:ceta former:acme [identifier names]"},
		},
		"a rename back, and away again": {named + `UPDATE tenants SET identifier = 'once' WHERE id = 'A';`, `UPDATE tenants SET identifier = 'acme' WHERE id = 'A'`, []string{
			"update A id:A identifier:acme identifier:once domain:a.test [identifier]"}},
		"the primary, removed": {named + `UPDATE tenants SET primary_domain = 'a.test' WHERE id = 'A';`, `DELETE FROM tenants_names WHERE value = 'a.test'`, []string{"update A " + a + " [names]"}},
		"a rename back":        {named, `UPDATE tenants SET identifier = 'once' WHERE id = 'A'`, []string{"update A id:A identifier:acme identifier:once domain:a.test former:once [identifier names]"}},
		"taken":                {named, `UPDATE tenants SET identifier = 'before' WHERE id = 'A'`, []string{"update A id:A identifier:acme identifier:before domain:a.test former:once [identifier]", "update B " + b + " [names]"}},
		"taken by a new":       {named, `INSERT INTO tenants (id, identifier, name) VALUES ('C', 'once', 'C'), ('D', 'before', 'D')`, []string{"create C id:C identifier:once []", "create D id:D identifier:before []", "update A " + a + " [names]", "update B " + b + " [names]"}},
		"taken by an upsert that does nothing": {
			named, `INSERT INTO tenants (id, identifier, name) VALUES ('A', 'once', 'C') ON CONFLICT DO NOTHING`, nil,
		},
		"emptied":         {named, `TRUNCATE tenants`, []string{"reset []"}},
		"names emptied":   {named, `TRUNCATE tenants_names`, []string{"update A " + a + " [names]", "update B " + b + " [names]"}},
		"both emptied":    {named, `TRUNCATE tenants, tenants_names`, []string{"reset []"}},
		"rolled back":     {named, `BEGIN; DELETE FROM tenants_names; ROLLBACK`, nil},
		"for replication": {named, `SET session_replication_role = replica; DELETE FROM tenants_names WHERE value = 'a.test'; DELETE FROM tenants WHERE id = 'B'`, []string{"update A " + a + " [names]", "delete B " + b + " []"}},
		"taken in replication": {named, `SET session_replication_role = replica; INSERT INTO tenants (id, identifier, name) VALUES ('C', 'once', 'C'); UPDATE tenants SET identifier = 'before' WHERE id = 'A'`, []string{
			"create C id:C identifier:once []", "update A " + a + " [names]", "update A id:A identifier:acme identifier:before domain:a.test [identifier]", "update B " + b + " [names]"}},
		"a domain becomes a former identifier": {named, `UPDATE tenants_names SET kind = 'former', value = 'earlier', verified_at = NULL WHERE value = 'a.test'`, []string{"update A " + a + " former:earlier [names]"}},
		"a cascade": {
			named + `CREATE TABLE owners (id text PRIMARY KEY); INSERT INTO owners VALUES ('A'); ALTER TABLE tenants ADD owner text REFERENCES owners ON DELETE CASCADE; UPDATE tenants SET owner = id WHERE id = 'A';`,
			`DELETE FROM owners; ALTER TABLE tenants DROP owner; DROP TABLE owners`, []string{"delete A " + a + " []"},
		},
		"in one transaction": {
			two, `BEGIN; INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('A', 'a.test', now()); DELETE FROM tenants WHERE id = 'A';
				INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Again'); COMMIT`,
			[]string{"update A id:A identifier:acme domain:a.test [names]", "delete A id:A identifier:acme domain:a.test []", "create A id:A identifier:acme []"},
		},
	}
}

// What anybody does to the table of names is a change of the tenants that it touches, and what
// is done to tenants leaves no name behind.
func TestNamesByHand(t *testing.T) {
	dsn := newSchema(t)
	conn := connect(t, dsn)
	for what, c := range namesByHand() {
		t.Run(what, func(t *testing.T) {
			if wrong := c.wrong(t, dsn, conn); wrong != "" {
				t.Error(wrong)
			}
			checkLog(t, conn)
		})
	}
}

// wrong makes the edit in an empty store, and returns what came of it that should not.
func (c byHand) wrong(t *testing.T, dsn string, conn *pgx.Conn) string {
	t.Helper()
	exec(t, conn, `DELETE FROM tenants; DELETE FROM tenants_names`)
	psql(t, dsn, c.before)
	start := one[int64](t, conn, `SELECT max(revision) FROM tenants_changes`)
	psql(t, dsn, c.edit)
	got, want := namesLogged(t, conn, start), make([]string, len(c.want))
	for i, line := range c.want {
		want[i] = sortedKeys(line)
	}
	if !strings.HasPrefix(c.edit, "BEGIN") { // what one statement has touched comes in any order
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		return "log:\n" + strings.Join(got, "\n") + "\nwant:\n" + strings.Join(want, "\n")
	}
	return namesDisagree(t, conn)
}

// namesLogged returns the changes after a revision: kind, tenant, keys, fields.
func namesLogged(t *testing.T, conn *pgx.Conn, after int64) []string {
	t.Helper()
	rows := query[string](t, conn, `SELECT concat_ws(' ', op, nullif(tenant_id, ''), (SELECT string_agg((k ->> 0) || ':' || (k ->> 1), ' ') FROM jsonb_array_elements(keys) AS k),
		'[' || coalesce((SELECT string_agg(f, ' ') FROM jsonb_array_elements_text(fields) AS f), '') || ']') FROM tenants_changes WHERE revision > $1 ORDER BY revision`, after)
	for i := range rows {
		rows[i] = sortedKeys(rows[i])
	}
	return rows
}

// sortedKeys puts the keys of a line in order.
func sortedKeys(line string) string {
	head, fields, _ := strings.Cut(line, " [")
	words := strings.Fields(head)
	from := min(2, len(words))
	slices.Sort(words[from:])
	return strings.Join(words, " ") + " [" + fields
}

// namesDisagree compares the names in the rows of tenants, and their primary domains, with the
// table of names.
func namesDisagree(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	return strings.Join(query[string](t, conn, `SELECT format('tenant %s: %s', id, names) FROM tenants WHERE names <> tenants_names_of(id, identifier)
		UNION ALL SELECT format('%s of %s, who is not there', value, tenant_id) FROM tenants_names WHERE tenant_id NOT IN (SELECT id FROM tenants)
		UNION ALL SELECT format('%s of %s, and of somebody', value, tenant_id) FROM tenants_names AS n WHERE kind = 'former' AND value IN (SELECT identifier FROM tenants AS t WHERE t.id <> n.tenant_id)
		UNION ALL SELECT format('the primary of %s: %s', id, primary_domain) FROM tenants AS t WHERE primary_domain <> '' AND NOT EXISTS (
			SELECT FROM tenants_names AS n WHERE n.tenant_id = t.id AND n.kind = 'domain' AND n.value = t.primary_domain AND n.verified_at IS NOT NULL)`), "\n")
}

func namesAgree(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	if wrong := namesDisagree(t, conn); wrong != "" {
		t.Error(wrong)
	}
}

// The database refuses names that nobody may have.
func TestNamesAreChecked(t *testing.T) {
	dsn := newSchema(t)
	conn := connect(t, dsn)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Acme'), ('B', 'beta', 'Beta')`)
	exec(t, conn, `INSERT INTO tenants_names (tenant_id, kind, value, verified_at) VALUES ('A', 'domain', 'a.test', now()), ('A', 'former', 'once', NULL)`)
	for what, c := range refusedNames() {
		t.Run(what, func(t *testing.T) {
			wantRefused(t, conn, c.code, insertName+c.values)
		})
	}
	checkLog(t, conn)
	namesAgree(t, conn)
}

const insertName = `INSERT INTO tenants_names (tenant_id, kind, value, verified_at) VALUES `

type refusedName struct{ code, values string }

func refusedNames() map[string]refusedName {
	return map[string]refusedName{
		"verified by two":         {"23505", `('B', 'domain', 'a.test', now())`},
		"former of two":           {"23505", `('B', 'former', 'once', NULL)`},
		"former, and somebody's":  {"23505", `('B', 'former', 'acme', NULL)`},
		"nobody's":                {"23503", `('C', 'domain', 'c.test', NULL)`},
		"twice":                   {"23505", `('A', 'domain', 'a.test', NULL)`},
		"an unknown kind":         {"23514", `('A', 'alias', 'x', NULL)`},
		"upper case":              {"23514", `('A', 'domain', 'A.test', NULL)`},
		"other letters":           {"23514", `('A', 'domain', 'bücher.test', NULL)`},
		"a dot at the end":        {"23514", `('A', 'domain', 'c.test.', NULL)`},
		"one label":               {"23514", `('A', 'domain', 'test', NULL)`},
		"no identifier":           {"23514", `('A', 'former', 'no slug', NULL)`},
		"a hyphen before the dot": {"23514", `('A', 'domain', 'c-.test', NULL)`},
	}
}

// Each rule about names is broken here in the functions and triggers, and the case above that
// is about it must show that.
func TestNameTriggerMutants(t *testing.T) {
	dsn := newSchema(t)
	conn := connect(t, dsn)
	sound := ddl(t, "public", "tenants")
	cases, refused := namesByHand(), refusedNames()
	for _, m := range []struct{ rule, old, replacement string }{
		{"a claim", `WHERE e.name ->> 0 <> 'claim'`, ``},
		{"a claim of another", `WHERE e.name ->> 0 <> 'claim'`, ``},
		{"verified", `name_keys"(o.names || n.names)`, `name_keys"(o.names)`},
		{"no more", `name_keys"(o.names || n.names)`, `name_keys"(n.names)`},
		{"removed", `AFTER INSERT OR UPDATE OR DELETE ON "public"."tenants_names"`, `AFTER INSERT OR UPDATE ON "public"."tenants_names"`},
		{"renamed", `AFTER INSERT OR UPDATE OR DELETE ON "public"."tenants_names"`, `AFTER INSERT OR DELETE ON "public"."tenants_names"`},
		{"moved", `ELSE ARRAY[OLD.tenant_id, NEW.tenant_id]`, `ELSE ARRAY[NEW.tenant_id]`},
		{"a time", `AND c.names <> "public"."tenants_names_of"(c.id, c.identifier)`, ``},
		{"primary", `OR n.primary_domain <> o.primary_domain`, ``},
		{"the primary, removed", `NEW.primary_domain := ''`, `NULL`},
		{"in short", `NEW.names := "public"."tenants_names_of"(OLD.id, NEW.identifier)`, `NULL`},
		{"in a tenant", `NEW.names := '[]'`, `NULL`},
		{"deleted", `DELETE FROM ONLY "public"."tenants_names" AS n WHERE n.tenant_id = OLD.id`, `NULL`},
		{"another ID", `SET tenant_id = NEW.id WHERE n.tenant_id = OLD.id`, `SET tenant_id = NEW.id WHERE FALSE`},
		{"before a rename", `AND NOT (n.kind = 'former' AND n.value = _identifier)`, ``},
		{"a rename that keeps", `OR NEW.identifier <> OLD.identifier THEN
                NEW.names`, `THEN
                NEW.names`},
		{"a rename back, and away again", `WHERE n.kind = 'former' AND n.value = NEW.identifier`, `WHERE n.kind = 'former' AND n.value = NEW.identifier AND n.tenant_id <> NEW.id`},
		{"taken", `IF NEW.identifier = OLD.identifier THEN`, `IF TRUE THEN`},
		{"another ID", `IF NEW.id <> OLD.id THEN
            UPDATE`, `IF FALSE THEN
            UPDATE`},
		{"taken by a new", `USING new_rows AS t WHERE n.kind = 'former'`, `USING new_rows AS t WHERE FALSE`},
		{"emptied", `DELETE FROM ONLY "public"."tenants_names";`, `NULL;`},
		{"names emptied", `SET names = '[]' WHERE t.names <> '[]'`, `SET names = '[]' WHERE FALSE`},
		{"for replication", `ENABLE ALWAYS TRIGGER "zzz_tenants_names_record"`, `ENABLE TRIGGER "zzz_tenants_names_record"`},
		{"taken in replication", `ENABLE REPLICA TRIGGER "zzz_tenants_names_insert_row"`, `DISABLE TRIGGER "zzz_tenants_names_insert_row"`},
		{"taken in replication", `ENABLE ALWAYS TRIGGER "zzz_tenants_names_update"`, `ENABLE TRIGGER "zzz_tenants_names_update"`},
		{"for replication", `ENABLE ALWAYS TRIGGER "zzz_tenants_names_delete"`, `ENABLE TRIGGER "zzz_tenants_names_delete"`},
		{"former, and somebody's", `WHERE t.identifier = NEW.value AND t.id <> NEW.tenant_id`, `WHERE FALSE`},
		{"nobody's", `WHERE t.id = NEW.tenant_id`, ``},
	} {
		t.Run(m.rule, func(t *testing.T) {
			mutant := strings.ReplaceAll(sound, m.old, m.replacement)
			if mutant == sound {
				t.Fatalf("the schema has no %q", m.old)
			}
			exec(t, conn, mutant)
			defer func() {
				exec(t, conn, "DELETE FROM tenants; DELETE FROM tenants_names")
				exec(t, conn, sound)
			}()
			if c, ok := cases[m.rule]; ok {
				wrong := c.wrong(t, dsn, conn)
				if wrong == "" {
					t.Error("not rejected")
				}
				t.Log(wrong)
				return
			}
			exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('A', 'acme', 'Acme'), ('B', 'beta', 'Beta')`)
			if _, err := conn.Exec(t.Context(), insertName+refused[m.rule].values); err != nil {
				t.Errorf("not rejected: %v", err)
			}
		})
	}
}

// Where triggers do not do their work, a write of a name would reach neither log nor caches:
// it fails, changes nothing, and says what is wrong; Check finds it, and Migrate mends it,
// with what was written meanwhile.
func TestNamesNeedTheTriggers(t *testing.T) {
	for what, spoil := range map[string]string{
		"names disabled":    `ALTER TABLE tenants_names DISABLE TRIGGER ALL`,
		"names dropped":     `DROP TRIGGER zzz_tenants_names_record ON tenants_names`,
		"log disabled":      `ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_update`,
		"stamp disabled":    `ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_record`,
		"function emptied":  `CREATE OR REPLACE FUNCTION tenants_names_record() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
		"functions dropped": `DROP FUNCTION tenants_names_record, tenants_names_follow CASCADE`,
		"table gone":        `DROP TABLE tenants_names`,
	} {
		t.Run(what, func(t *testing.T) {
			dsn := newDatabase(t)
			store, admin := open(t, dsn), connect(t, dsn)
			acme, gone := create(t, store, "acme"), create(t, store, "gone")
			exec(t, admin, spoil)
			before := one[string](t, admin, `SELECT string_agg(t::text, ' ') FROM tenants AS t`)
			_, err := store.AddDomain(t.Context(), acme.ID, "acme.test")
			if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "run Migrate") {
				t.Errorf("AddDomain: %v, want ErrUnavailable that was not applied, and what to do", err)
			}
			if after := one[string](t, admin, `SELECT string_agg(t::text, ' ') FROM tenants AS t`); after != before {
				t.Errorf("the table has %s", after)
			}
			if found, err := store.Check(t.Context()); err != nil || len(found) != 1 || found[0].Kind != bunstore.FindingTriggers {
				t.Errorf("Check finds %+v, %v", found, err)
			}
			if what == "names disabled" { // by hand, and nobody sees it
				exec(t, admin, `INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('`+acme.ID+`', 'acme.test', now()), ('nobody', 'nobody.test', now());
					INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('`+acme.ID+`', 'former', 'gone')`)
			}
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			namesAgree(t, admin)
			if found, err := store.Check(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("after Migrate, Check finds %+v, %v", found, err)
			}
			if _, err := store.AddDomain(t.Context(), acme.ID, "acme.test"); err != nil {
				t.Errorf("after Migrate: %v", err)
			}
			if err := store.Delete(t.Context(), gone.ID); err != nil {
				t.Errorf("after Migrate: %v", err)
			}
		})
	}
}
