package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/go-tenancy/tenantstore/cmd/internal/programtest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// program is the binary that operators run.
var program string

func TestMain(m *testing.M) { programtest.Main(m, &program) }

// ctl runs tenantctl on one store.
type ctl struct {
	t       testing.TB
	address string
	dir     string   // where it runs
	env     []string // beside that of the test
}

// outcome is what a run of the program came to.
type outcome struct {
	t         testing.TB
	args      []string
	code      int
	out, errs string
}

// command returns the program, not yet started.
func (c ctl) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), programtest.Patience)
	c.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = c.dir
	cmd.Env = append(append(os.Environ(), addressVariable+"="+c.address, "USER=", "EDITOR=", "VISUAL="), c.env...)
	return cmd
}

// run runs the program to its end.
func (c ctl) run(args ...string) outcome { return c.with("", args...) }

// with is run with an input.
func (c ctl) with(input string, args ...string) outcome {
	c.t.Helper()
	cmd := c.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return outcome{c.t, args, cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ok runs the program, which must succeed.
func (c ctl) ok(args ...string) outcome {
	c.t.Helper()
	return c.run(args...).want(0)
}

// want checks the exit code.
func (o outcome) want(code int) outcome {
	o.t.Helper()
	if o.code != code {
		o.t.Fatalf("tenantctl %s: exit code %d, want %d\n%s\n%s", strings.Join(o.args, " "), o.code, code, o.out, o.errs)
	}
	return o
}

// says checks that the program has said this on standard error.
func (o outcome) says(text string) outcome {
	o.t.Helper()
	if !strings.Contains(o.errs, text) {
		o.t.Errorf("tenantctl %s says %q, want %q", strings.Join(o.args, " "), o.errs, text)
	}
	return o
}

// prints checks that the output has this.
func (o outcome) prints(texts ...string) outcome {
	o.t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.out, text) {
			o.t.Errorf("tenantctl %s prints %q, want %q", strings.Join(o.args, " "), o.out, text)
		}
	}
	return o
}

// decode decodes the output of -o json.
func decode[T any](o outcome) (v T) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(o.out), &v); err != nil {
		o.t.Fatalf("tenantctl %s prints %q: %v", strings.Join(o.args, " "), o.out, err)
	}
	return v
}

// names returns the lines of -o name.
func (o outcome) names() []string { return strings.Fields(o.out) }

// sqliteCtl returns a ctl with an empty store in a file.
func sqliteCtl(t testing.TB) ctl {
	dir := t.TempDir()
	c := ctl{t: t, address: "sqlite:" + filepath.Join(dir, "tenants.db"), dir: dir}
	c.ok("migrate")
	return c
}

// postgresCtl returns a ctl with an empty store in a database of its own.
func postgresCtl(t testing.TB) ctl {
	c := ctl{t: t, address: newPostgres(t), dir: t.TempDir()}
	c.ok("migrate")
	return c
}

// mysqlCtl is postgresCtl for MariaDB or MySQL.
func mysqlCtl(t testing.TB) ctl {
	t.Helper()
	u := server(t, "TENANTSTORE_MYSQL")
	password, _ := u.User.Password()
	dsn := fmt.Sprintf("%s:%s@tcp(%s)/", u.User.Username(), password, u.Host)
	u.Path = "/" + newDatabase(t, "mysql", dsn, "")
	c := ctl{t: t, address: u.String(), dir: t.TempDir()}
	c.ok("migrate")
	return c
}

// each runs a test on every database.
func each(t *testing.T, test func(t *testing.T, c ctl)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, sqliteCtl(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, postgresCtl(t)) })
	t.Run("mysql", func(t *testing.T) { t.Parallel(); test(t, mysqlCtl(t)) })
}

// newPostgres creates a database for the test and returns its address.
func newPostgres(t testing.TB) string {
	t.Helper()
	u := server(t, "TENANTSTORE_POSTGRES")
	u.Path = "/" + newDatabase(t, "pgx", u.String(), " WITH (FORCE)")
	return u.String()
}

// server returns the URL of a server of the tests.
func server(t testing.TB, variable string) *url.URL {
	t.Helper()
	u, err := url.Parse(programtest.Server(t, variable))
	if err != nil {
		t.Fatalf("%s is not a URL", variable)
	}
	return u
}

// newDatabase creates a database, and returns its name.
func newDatabase(t testing.TB, driver, dsn, force string) string {
	t.Helper()
	name := "test_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	execute(t, driver, dsn, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, driver, dsn, "DROP DATABASE "+name+force) })
	return name
}

// sql runs statements by hand in the store's database.
func (c ctl) sql(statements ...string) {
	c.t.Helper()
	driver, dsn := "pgx", c.address
	if path, ok := strings.CutPrefix(c.address, "sqlite:"); ok {
		driver, dsn = "sqlite", path
	}
	execute(c.t, driver, dsn, statements...)
}

// execute runs statements on one connection.
func execute(t testing.TB, driver, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
