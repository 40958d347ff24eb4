package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/cmd/internal/programtest"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/seal"
)

// checksOf returns the checks that doctor complains about, each once, sorted.
func checksOf(o outcome) (names []string) {
	o.t.Helper()
	for _, f := range decode[[]finding](o) {
		names = append(names, f.Check)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Doctor finds each defect, and nothing else; and when it is cured, nothing.
func TestDoctor(t *testing.T) {
	key := "k1 " + seal.GenerateKey()
	type defect struct {
		name, check     string
		plant, cure     []string // SQL
		plantBy, cureBy []string // a command
		only            string   // a database
	}
	defects := []defect{
		{name: "a trigger is disabled", check: "triggers", plant: []string{"ALTER TABLE tenants DISABLE TRIGGER ALL"}, cureBy: []string{"migrate"}, only: "postgres"},
		{name: "a trigger is missing", check: "triggers", plant: []string{"DROP TRIGGER tenants_record_update"}, cureBy: []string{"migrate"}, only: "sqlite"},
		{name: "a rule", check: "rules", plant: []string{"CREATE RULE nothing AS ON UPDATE TO tenants DO INSTEAD NOTHING"}, cure: []string{"DROP RULE nothing ON tenants"}, only: "postgres"},
		{name: "everybody may read", check: "roles", plant: []string{"GRANT SELECT ON tenants TO PUBLIC"}, cure: []string{"REVOKE SELECT ON tenants FROM PUBLIC"}, only: "postgres"},
		{name: "an unknown status", check: "statuses", plant: []string{"UPDATE tenants SET status = 'paused' WHERE identifier = 't-0001'"}, cureBy: []string{"activate", "t-0001"}},
		{name: "a gap in the log", check: "log", plant: []string{"DELETE FROM tenants_changes WHERE revision = 5"}, cure: []string{"DELETE FROM tenants_changes WHERE revision < 5"}},
		{name: "the end of the log is lost", check: "log", plant: []string{"ALTER TABLE tenants_changes DISABLE TRIGGER ALL", "DELETE FROM tenants_changes WHERE revision > 7"}, plantBy: []string{"migrate"}, cure: []string{"UPDATE tenants SET name = name || '.'"}, only: "postgres"},
		{name: "a change of the future", check: "clock", plant: []string{"UPDATE tenants_changes SET at = at + {day} WHERE revision = 8"}, cure: []string{"UPDATE tenants_changes SET at = at - {day} WHERE revision = 8"}},
		{name: "a tenant of the future", check: "clock", plant: []string{"UPDATE tenants SET created_at = created_at + 366 * {day} WHERE identifier = 't-0002'"}, cure: []string{"UPDATE tenants SET created_at = created_at - 366 * {day} WHERE identifier = 't-0002'"}},
		{name: "metadata that cannot be read", check: "metadata", only: "postgres", plant: []string{"ALTER TABLE tenants DROP CONSTRAINT tenants_metadata_check", "UPDATE tenants SET metadata = '[1]' WHERE identifier = 't-0003'"}, cure: []string{"UPDATE tenants SET metadata = '{}' WHERE identifier = 't-0003'"}},
		{name: "a secret under a lost key", check: "secrets", plant: []string{"UPDATE tenants SET database_url = 'sealed:1:gone:AAAA' WHERE identifier = 't-0004'"}, cure: []string{"UPDATE tenants SET database_url = '' WHERE identifier = 't-0004'"}},
		{name: "no table of names", check: "schema", plant: []string{"ALTER TABLE tenants_names RENAME TO elsewhere"}, cure: []string{"ALTER TABLE elsewhere RENAME TO tenants_names"}},
	}
	each(t, func(t *testing.T, c ctl) {
		if strings.HasPrefix(c.address, "mysql") {
			c.fill(10)
			c.ok("doctor") // the store's own tests plant defects there
			return
		}
		database := "postgres"
		day := "interval '1 day'"
		if strings.HasPrefix(c.address, "sqlite") {
			database, day = "sqlite", "86400000000"
		}
		c.env = []string{keysVariable + "=" + key}
		c.fill(10)
		found := 0
		for _, d := range defects {
			if d.only != "" && d.only != database {
				continue
			}
			do := func(statements, command []string) {
				t.Helper()
				for _, s := range statements {
					c.sql(strings.ReplaceAll(s, "{day}", day))
				}
				if command != nil {
					c.ok(command...)
				}
			}
			if o := c.ok("doctor", "-o", "json"); o.out != "[]\n" {
				t.Fatalf("before %s: %s", d.name, o.out)
			}
			do(d.plant, d.plantBy)
			o := c.run("doctor", "-o", "json")
			if got := checksOf(o); o.code != 10 || !slices.Equal(got, []string{d.check}) {
				t.Fatalf("%s: exit code %d, found %s", d.name, o.code, o.out)
			}
			c.run("doctor", "-o", "table").want(10).prints("PROBLEM", d.check)
			do(d.cure, d.cureBy)
			found++
		}
		if o := c.ok("doctor", "-o", "json"); o.out != "[]\n" {
			t.Errorf("at last: %s", o.out)
		}
		if found < 7 {
			t.Errorf("%d defects", found)
		}
	})
}

// A session that somebody has left open.
func TestDoctorFindsIdleSessions(t *testing.T) {
	c := postgresCtl(t)
	db, err := sql.Open("pgx", c.address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT 1"); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, "10 seconds in a transaction", func() bool {
		return slices.Equal(checksOf(c.run("doctor", "-o", "json")), []string{"sessions"})
	})
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	c.ok("doctor")
}

func TestDoctorOfValkey(t *testing.T) {
	good := map[string]string{"redis_version": "7.2.4", "role": "master", "maxmemory": "1000000", "maxmemory_policy": "allkeys-lru"}
	if got := valkeyFindings(good); len(got) != 0 {
		t.Errorf("good: %v", got)
	}
	for name, bad := range map[string]string{"redis_version": "6.2.0", "role": "slave", "maxmemory": "0", "maxmemory_policy": "noeviction"} {
		info := map[string]string{}
		for k, v := range good {
			info[k] = v
		}
		info[name] = bad
		if got := valkeyFindings(info); len(got) != 1 || !strings.Contains(got[0].Details[0], bad) {
			t.Errorf("%s %s: %v", name, bad, got)
		}
	}
	c := sqliteCtl(t)
	if got := checksOf(c.run("doctor", "-o", "json", "--valkey", "127.0.0.1:1").want(10)); !slices.Equal(got, []string{"valkey"}) {
		t.Errorf("no server: %q", got)
	}
	o := c.run("doctor", "-o", "json", "--valkey", programtest.Server(t, "TENANTSTORE_VALKEY"))
	for _, f := range decode[[]finding](o) { // the server of the tests has no limit
		if f.Check != "valkey" || !strings.Contains(f.Details[0], "maxmemory") {
			t.Errorf("%+v", f)
		}
	}
}

func TestSnapshotFile(t *testing.T) {
	c := sqliteCtl(t)
	c.fill(30)
	c.ok("domains", "add", "t-0001", "shop.example.com")
	c.ok("domains", "verify", "t-0001", "shop.example.com")
	path := filepath.Join(c.dir, "tenants.snap")
	c.snapshot(path)
	if got := c.ok("snapshot", "show", path, "-o", "name").names(); len(got) != 30 {
		t.Errorf("show: %q", got)
	}
	o := c.ok("snapshot", "show", path, "-o", "jsonl")
	o.prints(`"names":["domain:shop.example.com"]`)
	if strings.Contains(o.out, "canary") {
		t.Error("shows a secret")
	}
	info := decode[fileInfo](c.ok("snapshot", "verify", path, "-o", "json"))
	if info.Tenants != 30 || !info.Known || !info.Names || info.Position.IsZero() {
		t.Errorf("%+v", info)
	}
	c.run("snapshot", "verify", path, "--max-age", "1ns").want(10).says("were current")
	other := sqliteCtl(t)
	other.fill(40)
	other.run("snapshot", "verify", path).want(10).says("does not know")
	other.address = ""
	other.ok("snapshot", "verify", path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"cut": data[:len(data)-3], "foreign": []byte("nonsense, and more of it"), "altered": append(slices.Clone(data[:len(data)-1]), data[len(data)-1]+1)} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.run("snapshot", "verify", path); got.code != 10 {
			t.Errorf("%s: exit code %d: %s", name, got.code, got.errs)
		}
	}
	c.run("snapshot", "verify", filepath.Join(c.dir, "none")).want(1)
}

// snapshot has a replica write its file.
func (c ctl) snapshot(path string) {
	c.t.Helper()
	a := &app{address: c.address}
	source, err := a.open(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := replica.New(source, replica.WithSnapshotFile(path, 1<<40), replica.WithLogger(nil))
	if err != nil {
		c.t.Fatal(err)
	}
	<-r.Synced()
	if err := r.Close(); err != nil {
		c.t.Fatal(err)
	}
}
