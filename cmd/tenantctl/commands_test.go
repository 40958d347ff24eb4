package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// An operator creates tenants, finds them, and takes them through their life.
func TestLifeOfATenant(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		acme := decode[tenancy.Tenant](c.ok("create", "acme", "--name", "Acme Inc.", "--isolation", "schema", "--schema-name", "acme_1", "--metadata", `{"plan":"pro"}`, "-o", "json"))
		if acme.Name != "Acme Inc." || acme.Isolation != tenancy.IsolationSchema || acme.SchemaName != "acme_1" || acme.Metadata.String() != `{"plan":"pro"}` || acme.Status != tenancy.StatusActive {
			t.Errorf("created %+v", acme)
		}
		c.ok("create", "beta", "--id", "b-1", "--status", "provisioning")
		c.run("create", "acme").want(5)
		c.run("create", "Bad Name").want(4)
		c.run("create", "gamma", "--metadata", "[1]").want(4)

		if got := decode[tenancy.Tenant](c.ok("get", "acme", "-o", "json")); got != acme {
			t.Errorf("get: %+v, want %+v", got, acme)
		}
		if got := c.ok("get", "id:b-1", "acme", "-o", "name").names(); !slices.Equal(got, []string{"beta", "acme"}) {
			t.Errorf("get two: %q", got)
		}
		c.run("get", "nobody").want(3).says(`"nobody": not found`)
		c.run("get", "NOBODY").want(4)
		if got := c.ok("list", "-o", "name").names(); !slices.Equal(got, []string{"beta", "acme"}) {
			t.Errorf("list: %q", got)
		}
		if got := decode[[]tenancy.Tenant](c.ok("list", "--status", "active", "-o", "json")); len(got) != 1 || got[0] != acme {
			t.Errorf("list active: %+v", got)
		}
		if got := c.ok("list", "--limit", "1", "-o", "name").names(); len(got) != 1 {
			t.Errorf("list --limit: %q", got)
		}
		c.run("list", "--status", "asleep").want(4)
		if got := decode[[]tenancy.Tenant](c.ok("search", "inc", "-o", "json")); len(got) != 1 || got[0] != acme {
			t.Errorf("search: %+v", got)
		}
		if got := c.ok("search", "nothing-like-it", "-o", "json").out; got != "[]\n" {
			t.Errorf("search in vain: %q", got)
		}

		c.ok("suspend", "acme", "beta")
		if got := c.ok("list", "--status", "suspended", "-o", "name").names(); len(got) != 2 {
			t.Errorf("suspended: %q", got)
		}
		c.run("activate", "beta", "nobody").want(3)
		c.ok("list", "--status", "active", "-o", "name")
		if got := c.ok("list", "--status", "active", "-o", "name").names(); len(got) != 0 {
			t.Errorf("activate of one that there is and one that there is not: %q", got)
		}
		if got := decode[tenancy.Tenant](c.ok("activate", "beta", "-o", "json")); got.Status != tenancy.StatusActive {
			t.Errorf("activate: %+v", got)
		}
		if got := decode[tenancy.Tenant](c.ok("edit", "acme", "--name", "Acme", "--isolation", "", "-o", "json")); got.Name != "Acme" || got.Isolation != "" || got.SchemaName != "acme_1" {
			t.Errorf("edit: %+v", got)
		}
		c.run("edit", "acme", "--name", "").want(4)

		c.ok("rename", "acme", "acme-2", "--keep-former", "24h")
		c.run("get", "acme").want(3)
		if got := decode[[]tenancy.Name](c.ok("domains", "list", "acme-2", "-o", "json")); len(got) != 1 || got[0].Value != "acme" || got[0].Kind != tenancy.KindFormer {
			t.Errorf("former: %+v", got)
		}

		c.with("acme\n", "delete", "acme-2").want(9).says("not confirmed")
		c.run("delete", "acme-2").want(9)
		if got := decode[tenancy.Tenant](c.with("acme-2\n", "delete", "acme-2", "-o", "json").want(0)); got.Status != tenancy.StatusDeleted {
			t.Errorf("delete: %+v", got)
		}
		c.with("acme-2\n", "purge", "acme-2", "beta").want(9) // one answer is not enough for two
		c.with("acme-2\nbeta\n", "purge", "acme-2", "beta").want(0)
		c.run("purge", "beta", "--yes").want(3)
		if got := c.ok("list", "-o", "json").out; got != "[]\n" {
			t.Errorf("at last: %q", got)
		}
	})
}

func TestMetadata(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		c.ok("create", "acme", "--metadata", `{"plan":"free","old":1}`)
		c.ok("metadata", "set", "acme", "plan=pro", "seats=12", `code="12"`, "none=null", "empty=", "text=a=b")
		want := `{"code":"12","empty":"","none":null,"old":1,"plan":"pro","seats":12,"text":"a=b"}`
		if got := strings.TrimSpace(c.ok("metadata", "get", "acme").out); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := c.ok("metadata", "get", "acme", "plan").out; got != "\"pro\"\n" {
			t.Errorf("one member: %q", got)
		}
		c.run("metadata", "get", "acme", "color").want(3)
		c.run("metadata", "set", "acme", "plan").want(2)
		if got := decode[tenancy.Tenant](c.ok("metadata", "unset", "acme", "old", "none", "-o", "json")); got.Metadata.String() != `{"code":"12","empty":"","plan":"pro","seats":12,"text":"a=b"}` {
			t.Errorf("unset: %s", got.Metadata)
		}
	})
}

func TestDomains(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		c.ok("create", "acme")
		c.ok("create", "beta")
		claim := decode[tenancy.Name](c.ok("domains", "add", "acme", "shop.example.com", "-o", "json"))
		if claim.Token == "" || !claim.VerifiedAt.IsZero() {
			t.Errorf("claim %+v", claim)
		}
		c.run("get", "domain:shop.example.com").want(3)
		c.run("domains", "verify", "beta", "shop.example.com").want(3)
		c.run("domains", "add", "acme", "Shop.Example.com").want(4)
		c.ok("domains", "verify", "acme", "shop.example.com")
		c.ok("domains", "add", "beta", "shop.example.com")
		c.run("domains", "verify", "beta", "shop.example.com").want(5)
		if got := c.ok("get", "domain:shop.example.com", "-o", "name").names(); !slices.Equal(got, []string{"acme"}) {
			t.Errorf("by domain: %q", got)
		}
		c.ok("domains", "primary", "acme", "shop.example.com")
		if got := decode[[]tenancy.Name](c.ok("domains", "list", "acme", "-o", "json")); len(got) != 1 || !got[0].Primary {
			t.Errorf("primary: %+v", got)
		}
		c.ok("domains", "list", "acme", "-o", "table").prints("shop.example.com", "primary")
		c.ok("domains", "primary", "acme")
		c.ok("domains", "remove", "acme", "shop.example.com")
		if got := c.ok("domains", "list", "acme", "-o", "name").out; got != "" {
			t.Errorf("removed: %q", got)
		}
	})
}

// A dry run says what would happen, by the rules of the database, and leaves no trace.
func TestDryRun(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		c.ok("create", "acme")
		c.ok("domains", "add", "acme", "a.example.com")
		before := c.ok("watch", "--help").out + c.ok("get", "acme", "-o", "json").out
		file := filepath.Join(c.dir, "new.jsonl")
		if err := os.WriteFile(file, []byte(`{"identifier":"gamma","name":"G"}`+"\n"+`{"identifier":"acme","name":"Other"}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := decode[tenancy.Tenant](c.ok("suspend", "acme", "--dry-run", "-o", "json")); got.Status != tenancy.StatusSuspended {
			t.Errorf("shows %+v", got)
		}
		for _, args := range [][]string{
			{"create", "beta"}, {"edit", "acme", "--name", "X"}, {"rename", "acme", "acme-2"}, {"activate", "acme"}, {"delete", "acme"}, {"purge", "acme"},
			{"metadata", "set", "acme", "a=1"}, {"metadata", "unset", "acme", "a"}, {"domains", "add", "acme", "b.example.com"}, {"domains", "verify", "acme", "a.example.com"},
			{"domains", "remove", "acme", "a.example.com"}, {"domains", "primary", "acme"},
		} {
			c.ok(append(args, "--dry-run")...)
		}
		c.run("create", "acme", "--dry-run").want(5)
		c.run("domains", "primary", "acme", "a.example.com", "--dry-run").want(3)
		report := decode[imported](c.run("import", file, "--dry-run", "-o", "json").want(10))
		if report != (imported{Created: 1, Failed: 1}) {
			t.Errorf("import: %+v", report)
		}
		after := c.ok("watch", "--help").out + c.ok("get", "acme", "-o", "json").out
		if after != before || len(c.ok("list", "-o", "name").names()) != 1 || len(c.ok("domains", "list", "acme", "-o", "name").names()) != 1 {
			t.Errorf("something was written: %s, was %s", after, before)
		}
	})
}

// editor writes a shell script that stands for an editor, and has c use it.
func (c *ctl) editor(script string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "editor.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nset -e\n"+script+"\n"), 0o700); err != nil {
		c.t.Fatal(err)
	}
	c.env = append(c.env, "EDITOR=sh "+path)
}

func TestEditor(t *testing.T) {
	c := sqliteCtl(t)
	c.env = append(c.env, "TMPDIR="+c.dir)
	c.ok("create", "acme", "--metadata", `{"plan":"free"}`)
	left := func() int {
		files, err := filepath.Glob(filepath.Join(c.dir, "tenantctl-*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	c.editor(`sed -i -e 's/"acme"$/"no"/' -e 's/"name": "acme"/"name": "Acme"/' -e 's/free/pro/' "$1"`)
	if got := decode[tenancy.Tenant](c.ok("edit", "acme", "-o", "json")); got.Name != "Acme" || got.Metadata.String() != `{"plan":"pro"}` || left() != 0 {
		t.Errorf("edited %+v, %d files left", got, left())
	}
	c.editor(`sed -i 's/"name"/"nam"/' "$1"`)
	c.run("edit", "acme").want(4).says("what you wrote is in")
	c.editor(program + ` suspend acme >/dev/null; sed -i 's/Acme/Other/' "$1"`)
	c.run("edit", "acme").want(6).says("what you wrote is in")
	if got := decode[tenancy.Tenant](c.ok("get", "acme", "-o", "json")); got.Name != "Acme" || got.Status != tenancy.StatusSuspended || left() != 2 {
		t.Errorf("after a conflict %+v, %d files left", got, left())
	}
	c.editor("exit 3")
	c.run("edit", "acme").want(1)
}

func TestHistoryAndWatch(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		c.ok("create", "acme", "--id", "a-1", "--actor", "alice")
		c.ok("create", "beta")
		cmd := c.command("watch", "--after", "0", "--values", "-o", "json")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		next := func() (c change) {
			t.Helper()
			for lines.Scan() {
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatalf("%q: %v", lines.Text(), err)
				}
				if c.TenantID == "a-1" {
					return c
				}
			}
			t.Fatal("watch has ended")
			return c
		}
		if got := next(); got.Kind != "create" || got.Actor != "alice" || got.Tenant == nil || got.Tenant.Identifier != "acme" {
			t.Errorf("watched %+v", got)
		}
		c.ok("suspend", "acme", "--actor", "bob") // another process
		suspended := next()
		if suspended.Kind != "update" || suspended.Actor != "bob" || !slices.Equal(suspended.Fields, []string{"status"}) {
			t.Errorf("watched %+v", suspended)
		}
		c.ok("purge", "acme", "--yes")
		if got := next(); got.Kind != "delete" || got.Tenant != nil {
			t.Errorf("watched %+v", got)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("exit code %d after SIGINT, want 130", cmd.ProcessState.ExitCode())
		}

		for _, name := range []string{"acme", "id:a-1"} {
			history := decode[[]change](c.ok("history", name, "-o", "json"))
			var kinds []string
			for _, one := range history {
				kinds = append(kinds, one.Kind+" by "+one.Actor)
			}
			if len(kinds) != 3 || kinds[0] != "create by alice" || kinds[1] != "update by bob" || !strings.HasPrefix(kinds[2], "delete by ") {
				t.Errorf("history of %s: %q", name, kinds)
			}
		}
		c.run("history", "nobody").want(3)
		c.run("watch", "--after", "99-0000000000000000").want(8)
		c.run("watch", "--after", "yesterday").want(4)
	})
}

func TestImportAndExport(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		var lines strings.Builder
		for i := range 1200 {
			fmt.Fprintf(&lines, "{\"identifier\":\"t-%04d\",\"name\":\"T %d\",\"database_url\":\"postgres://canary-%d\"}\n", i, i, i)
		}
		lines.WriteString("{\"identifier\":\"BAD\",\"name\":\"x\"}\nnonsense\n")
		report := decode[imported](c.with(lines.String(), "import", "-", "-o", "json").want(10).says("line 1201"))
		if report != (imported{Created: 1200, Failed: 2}) {
			t.Errorf("import: %+v", report)
		}
		report = decode[imported](c.with(lines.String(), "import", "-", "-o", "json").want(10))
		if report != (imported{Unchanged: 1200, Failed: 2}) {
			t.Errorf("again: %+v", report)
		}
		file := filepath.Join(c.dir, "out.csv")
		c.ok("export", file).says("1200 tenants")
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v, want a file for its owner", info.Mode(), err)
		}
		data, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(data), "canary") || strings.Count(string(data), "\n") != 1201 {
			t.Errorf("%d lines, %v", strings.Count(string(data), "\n"), err)
		}
		if got := c.ok("export", "--secrets").out; strings.Count(got, "canary-") != 1200 {
			t.Errorf("--secrets: %d URLs", strings.Count(got, "canary-"))
		}
		c.ok("edit", "t-0007", "--name", "Seven")
		report = decode[imported](c.run("import", file, "--update", "-o", "json").want(0))
		if report != (imported{Updated: 1, Unchanged: 1199}) {
			t.Errorf("--update: %+v", report)
		}
		c.run("import", filepath.Join(c.dir, "none.jsonl")).want(1)
		c.run("import", "x.xml").want(2)
		c.run("export", filepath.Join(c.dir, "none", "x.jsonl")).want(1)
		if left, _ := filepath.Glob(filepath.Join(c.dir, "*.tmp")); len(left) != 0 {
			t.Errorf("left over: %q", left)
		}
	})
}

// Nothing shows a secret but what is asked to.
func TestSecrets(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		const canary = "postgres://acme:canary@db/acme"
		oldKey, newKey := "k1 "+seal.GenerateKey(), "k2 "+seal.GenerateKey()
		c.env = []string{keysVariable + "=" + oldKey}
		c.with(canary+"\n", "create", "acme", "--database-url-file", "-").want(0)
		for _, args := range [][]string{{"get", "acme"}, {"list"}, {"search", "acme"}, {"export"}, {"suspend", "acme", "-v"}, {"edit", "acme", "--name", "A", "-v"}, {"history", "acme"}} {
			for _, form := range forms {
				if args[0] == "export" && form != formLines {
					continue
				}
				if o := c.ok(append(args, "-o", form)...); strings.Contains(o.out+o.errs, "canary") {
					t.Errorf("%q shows the secret: %s%s", args, o.out, o.errs)
				}
			}
		}
		c.ok("get", "acme", "--secrets", "-o", "table").prints(canary)
		if got := decode[map[string]any](c.ok("get", "acme", "--secrets", "-o", "json"))["database_url"]; got != canary {
			t.Errorf("--secrets: %v", got)
		}
		c.env = nil
		c.ok("get", "acme", "-o", "table").prints("cannot be read")
		c.run("reseal").want(2)
		keys := filepath.Join(c.dir, "keys")
		if err := os.WriteFile(keys, []byte("# newest first\n"+newKey+"\n"+oldKey+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := decode[count](c.ok("reseal", "--keys", keys, "-o", "json")); got.Tenants != 1 {
			t.Errorf("resealed %+v", got)
		}
		c.env = []string{keysVariable + "=" + newKey}
		c.ok("get", "acme", "--secrets", "-o", "table").prints(canary)
		c.env = []string{keysVariable + "=k1 nonsense"}
		c.run("get", "acme").want(4)
	})
}

// What a tenant is called cannot move the cursor of a terminal.
func TestHostileNames(t *testing.T) {
	c := sqliteCtl(t)
	hostile := "a\x1b[2J\u202eb\nc\u200bd"
	c.ok("create", "acme", "--name", hostile)
	for _, args := range [][]string{{"list"}, {"get", "acme"}, {"search", "acme"}} {
		if got := c.ok(append(args, "-o", "table")...).out; strings.ContainsAny(got, "\x1b\u202e\u200b") || !strings.Contains(got, "a\ufffd[2J\ufffdb\ufffdc\ufffdd") {
			t.Errorf("%q: %q", args, got)
		}
	}
	if got := decode[tenancy.Tenant](c.ok("get", "acme", "-o", "json")); got.Name != hostile {
		t.Errorf("json: %q", got.Name)
	}
	if o := c.run("purge", "acme"); strings.ContainsAny(o.errs, "\x1b\u202e") {
		t.Errorf("the question: %q", o.errs)
	}
}

func TestCompletion(t *testing.T) {
	c := sqliteCtl(t)
	for _, name := range []string{"acme", "acme-2", "beta"} {
		c.ok("create", name)
	}
	if got := c.ok("__complete", "suspend", "acme", "ac").out; !strings.Contains(got, "acme-2\tacme-2\n") || strings.Contains(got, "beta") || strings.HasPrefix(got, "acme\t") {
		t.Errorf("identifiers: %q", got)
	}
	c.ok("__complete", "list", "--status", "").prints("suspended")
	c.ok("completion", "bash").prints("tenantctl")
}

// Only migrate touches a schema.
func TestSchema(t *testing.T) {
	dir := t.TempDir()
	c := ctl{t: t, dir: dir, address: "sqlite:" + filepath.Join(dir, "none.db")}
	c.run("list").want(7).says("there is no file")
	c.ok("migrate", "--print").prints("CREATE TABLE", "CREATE TRIGGER")
	if _, err := os.Stat(filepath.Join(dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("list or --print have created a file: %v", err)
	}
	c.sql("CREATE TABLE other (a)")
	c.run("list").want(7).says("run Migrate")
	c.ok("migrate")
	c.ok("migrate").says("up to date")
	c.ok("list")

	p := ctl{t: t, dir: dir, address: newPostgres(t)}
	p.run("list").want(7).says("run Migrate")
	p.ok("migrate", "--print", "--table", "customers").prints("customers", "plpgsql")
	p.ok("migrate", "--table", "customers")
	p.ok("list", "--table", "customers")
	p.run("list").want(7)
}

func TestCommandLine(t *testing.T) {
	c := sqliteCtl(t)
	c.ok("--version").prints("tenantctl ")
	c.ok("--help").prints("TENANT stands for")
	c.run("frobnicate").want(2)
	c.run("get").want(2)
	c.run("list", "--no-such-flag").want(2)
	c.run("list", "-o", "yaml").want(2)
	c.run("list", "-a", "oracle://scott:tiger@db").want(4).says("postgres://")
	if o := c.run("list", "-a", "mystery://scott:canary@db"); strings.Contains(o.errs, "canary") {
		t.Errorf("shows the address: %s", o.errs)
	}
	c.run("list", "-a", "postgres://nobody@127.0.0.1:1/none").want(7)
	c.address = ""
	c.run("list").want(2).says(addressVariable)
}

// Every reason has its code, also through what wraps it.
func TestExitCodes(t *testing.T) {
	meanings := map[int]string{}
	for _, e := range exitCodes {
		if got := exitCode(fmt.Errorf("x: %w", &tenancy.Error{Err: e.reason})); got != e.code {
			t.Errorf("%v: exit code %d, want %d", e.reason, got, e.code)
		}
		if e.meaning != "" {
			meanings[e.code] += e.meaning
		}
	}
	for _, e := range exitCodes {
		if meanings[e.code] == "" {
			t.Errorf("code %d has no meaning", e.code)
		}
	}
	if exitCode(nil) != 0 || exitCode(errors.New("x")) != 1 || exitCode(fmt.Errorf("%w: %w", tenancy.ErrUnavailable, context.DeadlineExceeded)) != 7 {
		t.Error("0, 1 or 7")
	}
}
