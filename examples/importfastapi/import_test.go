package main

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// ddl is the table as SQLAlchemy creates it for fastapi-tenancy 0.4.0, with the type of
// times of each database.
const ddl = `CREATE TABLE tenants (
	id VARCHAR(255) NOT NULL, identifier VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL,
	status VARCHAR(50) NOT NULL, isolation_strategy VARCHAR(50), database_url TEXT, schema_name VARCHAR(255),
	tenant_metadata TEXT NOT NULL, created_at $TIME NOT NULL,
	updated_at $TIME NOT NULL, PRIMARY KEY (id), UNIQUE (identifier))`

const (
	testKey = "a-test-key-of-at-least-32-characters"
	// Made by TenancyEncryption.encrypt, that is by Fernet of Python's cryptography.
	encryptedURL = "enc::gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD3C1oNqBFRP0b-2J8YWuaYx2VbGxqXqOdm3mDz6FHA-ear1I7N3hSfpHbw2EOnMCjmoxSUZ4kRv68aBvrJNCsC9XBhGY4hDE3qKRV7yvrfjk"
	plainURL     = "postgresql+asyncpg://acme:secret@db/acme"
)

const rowsSQL = `INSERT INTO tenants VALUES
	('tenant-1', 'acme', 'Acme Inc.', 'active', NULL, NULL, NULL, '{}', '2025-01-02 03:04:05.678901', '2025-02-01 00:00:00'),
	('tenant-2', 'globex', 'Globex ünd Söhne', 'suspended', 'schema', NULL, 'tenant_globex', '{"plan": "pro", "big": 12345678901234567890, "none": null}', '2025-01-03 00:00:00', '2025-02-01 00:00:00'),
	('tenant-3', 'initech', 'Initech', 'deleted', 'rls', '` + encryptedURL + `', NULL, '{"_enc_key": "enc::stays"}', '2025-01-04 00:00:00', '2025-02-01 00:00:00'),
	('tenant-4', 'plain-url', 'Plain', 'provisioning', 'database', '` + plainURL + `', NULL, '{}', '2025-01-05 00:00:00', '2025-02-01 00:00:00'),
	('tenant-5', 'Acme_Corp', 'Old rule', 'active', 'hybrid', NULL, NULL, '{"plan": "free"}', '2025-01-06 00:00:00', '2025-02-01 00:00:00'),
	('tenant-6', 'ACME', 'Collides once it is fixed', 'active', NULL, NULL, NULL, '{}', '2025-01-07 00:00:00', '2025-02-01 00:00:00'),
	('tenant-7', 'corrupt', 'Corrupt metadata', 'active', NULL, NULL, NULL, '{"a":', '2025-01-08 00:00:00', '2025-02-01 00:00:00'),
	('tenant-8', 'unknown', 'Unknown status', 'archived', NULL, NULL, NULL, '{}', '2025-01-09 00:00:00', '2025-02-01 00:00:00')`

// databases are those that fastapi-tenancy and the store may be in, filled by
// fastapi-tenancy.
var databases = []struct {
	name string
	open func(t *testing.T) (from, to string)
}{
	{"SQLite", func(t *testing.T) (from, to string) {
		from = filepath.Join(t.TempDir(), "tenancy.db")
		fill(t, "sqlite", from, "DATETIME DEFAULT CURRENT_TIMESTAMP")
		return "sqlite+aiosqlite:///" + from, filepath.Join(t.TempDir(), "tenants.db")
	}},
	{"PostgreSQL", func(t *testing.T) (from, to string) {
		from, to = newPostgres(t), newPostgres(t)
		fill(t, "pgx", from, "TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP")
		return strings.Replace(from, "://", "+asyncpg://", 1), to
	}},
	{"MySQL", func(t *testing.T) (from, to string) {
		from, to = newMySQL(t), newMySQL(t)
		fill(t, "mysql", driverDSN(from), "DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6)")
		return strings.Replace(from, "://", "+aiomysql://", 1), to
	}},
}

func fill(t *testing.T, driver, name, timeType string) {
	t.Helper()
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows := rowsSQL
	if driver == "pgx" { // as asyncpg sends them: with their offset
		rows = strings.ReplaceAll(strings.ReplaceAll(rows, ":00', '2025", ":00+00', '2025"), ".678901'", ".678901+00'")
	}
	for _, statement := range []string{strings.ReplaceAll(ddl, "$TIME", timeType), rows} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func newPostgres(t *testing.T) string {
	t.Helper()
	u := server(t, "PostgreSQL", "TENANTSTORE_POSTGRES")
	u.Path = "/" + newDatabase(t, "pgx", u.String(), "", " WITH (FORCE)")
	return u.String()
}

// newMySQL creates a database whose texts differ by case, as fastapi-tenancy takes them.
func newMySQL(t *testing.T) string {
	t.Helper()
	u := server(t, "MySQL", "TENANTSTORE_MYSQL")
	u.Path = "/" + newDatabase(t, "mysql", driverDSN(u.String()), " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "")
	return u.String()
}

// driverDSN makes a URL of the tests to what the driver takes.
func driverDSN(address string) string {
	before, after, _ := strings.Cut(strings.TrimPrefix(address, "mysql://"), "@")
	host, database, _ := strings.Cut(after, "/")
	return before + "@tcp(" + host + ")/" + database
}

// server returns the URL of the server that tests share.
func server(t *testing.T, kind, variable string) *url.URL {
	t.Helper()
	shared := os.Getenv(variable)
	if shared == "" {
		how := "needs a " + kind + " server: run the tests by `make test`, or set " + variable
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	u, err := url.Parse(shared)
	if err != nil {
		t.Fatal(variable + " is not a URL")
	}
	return u
}

// newDatabase creates a database for the test and returns its name.
func newDatabase(t *testing.T, driver, dsn, create, drop string) string {
	t.Helper()
	admin, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "importfastapi_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+create); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+drop); err != nil {
			t.Error(err)
		}
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
	return name
}

// imported runs the import and returns what it printed, and the tenants by ID.
func imported(t *testing.T, cfg config) (out string, report tenantio.Report, tenants map[string]tenancy.Tenant) {
	t.Helper()
	if cfg.fromTable == "" {
		cfg.fromTable, cfg.toTable = "tenants", "tenants"
	}
	var printed strings.Builder
	report, err := run(t.Context(), cfg, &printed)
	if err != nil {
		t.Fatalf("%v\n%s", err, &printed)
	}
	if cfg.dry {
		return printed.String(), report, nil
	}
	store, err := openTarget(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	tenants = map[string]tenancy.Tenant{}
	for tenant, err := range tenancy.All(t.Context(), store, tenancy.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		tenants[tenant.ID] = tenant
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return printed.String(), report, tenants
}

func TestImport(t *testing.T) {
	for _, database := range databases {
		t.Run(database.name, func(t *testing.T) {
			from, to := database.open(t)
			cfg := config{from: from, to: to, key: testKey}
			out, report, got := imported(t, cfg)
			if report.Created != 4 || report.Failed != 4 || len(got) != 4 {
				t.Fatalf("%+v, %d tenants:\n%s", report.Counts, len(got), out)
			}
			for id, want := range map[string]tenancy.Tenant{
				"tenant-1": {Identifier: "acme", Name: "Acme Inc.", Status: tenancy.StatusActive, CreatedAt: time.Date(2025, 1, 2, 3, 4, 5, 678901000, time.UTC)},
				"tenant-2": {
					Identifier: "globex", Name: "Globex ünd Söhne", Status: tenancy.StatusSuspended,
					Isolation: tenancy.IsolationSchema, SchemaName: "tenant_globex", CreatedAt: time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC),
					Metadata: metadata(t, `{"plan":"pro","big":12345678901234567890,"none":null}`),
				},
				"tenant-3": {
					Identifier: "initech", Name: "Initech", Status: tenancy.StatusDeleted, Isolation: tenancy.IsolationRow,
					DatabaseURL: tenancy.NewSecret(plainURL), CreatedAt: time.Date(2025, 1, 4, 0, 0, 0, 0, time.UTC),
					Metadata: metadata(t, `{"_enc_key":"enc::stays"}`),
				},
				"tenant-4": {
					Identifier: "plain-url", Name: "Plain", Status: tenancy.StatusProvisioning, Isolation: tenancy.IsolationDatabase,
					DatabaseURL: tenancy.NewSecret(plainURL), CreatedAt: time.Date(2025, 1, 5, 0, 0, 0, 0, time.UTC),
				},
			} {
				want.ID, want.UpdatedAt, want.Revision, want.Mark = id, got[id].UpdatedAt, got[id].Revision, got[id].Mark
				if got[id] != want {
					t.Errorf("%s: got %+v, want %+v", id, got[id], want)
				}
			}
			for _, want := range []string{
				`row 5: tenancy: Create: id "tenant-5": identifier "Acme_Corp": identifier: invalid`, `row 6:`, `row 7:`, "tenant_metadata: invalid: must be one JSON object", `row 8:`, "status",
				"created 4, updated 0, unchanged 0, not imported 4\n",
			} {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
			if strings.Contains(out, "secret") || strings.Contains(out, "enc::") {
				t.Errorf("the output holds a secret:\n%s", out)
			}

			_, report, _ = imported(t, cfg)
			if report.Created != 0 || report.Unchanged != 4 || report.Failed != 4 {
				t.Errorf("the second time: %+v", report.Counts)
			}
		})
	}
}

func TestFixIdentifiers(t *testing.T) {
	for _, database := range databases {
		t.Run(database.name, func(t *testing.T) {
			from, to := database.open(t)
			cfg := config{from: from, to: to, key: testKey, fix: true}
			out, report, got := imported(t, cfg)
			if report.Created != 5 || report.Failed != 3 {
				t.Errorf("%+v", report.Counts)
			}
			if five := got["tenant-5"]; five.Identifier != "acme-corp" || five.Metadata != metadata(t, `{"fastapi_tenancy_identifier":"Acme_Corp","plan":"free"}`) {
				t.Errorf("got %+v", five)
			}
			for _, want := range []string{`identifier "Acme_Corp" becomes acme-corp`, "row 6:", "already exists"} {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
			_, report, _ = imported(t, cfg)
			if report.Created != 0 || report.Unchanged != 5 || report.Failed != 3 {
				t.Errorf("the second time: %+v", report.Counts)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	from, to := databases[0].open(t)
	cfg := config{from: from, to: to, key: testKey}
	imported(t, cfg)
	db, err := sql.Open("sqlite", strings.TrimPrefix(from, "sqlite+aiosqlite:///"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE tenants SET status = 'suspended' WHERE id = 'tenant-1'"); err != nil {
		t.Fatal(err)
	}
	if _, report, got := imported(t, cfg); report.Failed != 5 || got["tenant-1"].Status != tenancy.StatusActive {
		t.Errorf("without -update: %+v, %s", report.Counts, got["tenant-1"].Status)
	}
	cfg.update = true
	if _, report, got := imported(t, cfg); report.Updated != 1 || got["tenant-1"].Status != tenancy.StatusSuspended {
		t.Errorf("with -update: %+v, %s", report.Counts, got["tenant-1"].Status)
	}
}

// SQLite keeps values of any type in any column. One that is wrong makes its own
// tenant fail, and no other.
func TestOddColumn(t *testing.T) {
	from, to := databases[0].open(t)
	db, err := sql.Open("sqlite", strings.TrimPrefix(from, "sqlite+aiosqlite:///"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE tenants SET created_at = 17.5 WHERE id = 'tenant-2'"); err != nil {
		t.Fatal(err)
	}
	out, report, _ := imported(t, config{from: from, to: to, key: testKey})
	if report.Created != 3 || report.Failed != 5 || !strings.Contains(out, `id "tenant-2": identifier "globex": created_at: invalid: "17.5" is no time`) {
		t.Errorf("%+v:\n%s", report.Counts, out)
	}
}

func TestDryRun(t *testing.T) {
	from, to := databases[0].open(t)
	out, report, _ := imported(t, config{from: from, to: to, dry: true}) // and no key
	if report.Created != 3 || report.Failed != 5 || !strings.Contains(out, "database_url: invalid: is encrypted, and TENANCY_ENCRYPTION_KEY is not set") {
		t.Errorf("%+v\n%s", report.Counts, out)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("the target was made")
	}
}

func TestCSV(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tenants.csv")
	const text = "id,identifier,name,status,isolation_strategy,database_url,schema_name,tenant_metadata,created_at,updated_at\n" +
		`tenant-1,acme,"Acme, Inc.",active,,,,"{""plan"": ""pro""}",2025-01-02 03:04:05.678901+00,2025-02-01 00:00:00+00` + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, report, got := imported(t, config{from: file, to: filepath.Join(dir, "tenants.db")})
	one := got["tenant-1"]
	if report.Created != 1 || one.Name != "Acme, Inc." || !one.CreatedAt.Equal(time.Date(2025, 1, 2, 3, 4, 5, 678901000, time.UTC)) || one.Metadata != metadata(t, `{"plan":"pro"}`) {
		t.Errorf("%+v: %+v", report.Counts, one)
	}
}

// In one database, the store needs another table than fastapi-tenancy.
func TestSameDatabase(t *testing.T) {
	for _, database := range databases {
		t.Run(database.name, func(t *testing.T) {
			from, _ := database.open(t)
			cfg := config{from: from, to: from, fromTable: "tenants", toTable: "tenants", key: testKey}
			if _, err := run(t.Context(), cfg, &strings.Builder{}); err == nil {
				t.Error("the store has taken over the table of fastapi-tenancy")
			}
			cfg.toTable = "tenant_store"
			if _, report, got := imported(t, cfg); report.Created != 4 || len(got) != 4 {
				t.Errorf("%+v", report.Counts)
			}
		})
	}
}

func TestWrongSources(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, want string }{
		"no file":      {filepath.Join(dir, "gone.db"), "no such file"},
		"no CSV":       {filepath.Join(dir, "gone.csv"), "no such file"},
		"no table":     {empty, "no such table"},
		"no server":    {"postgresql+asyncpg://u:hunter2@127.0.0.1:1/db", "refused"},
		"no valid URL": {"postgresql://u:hunter2@127.0.0.1:port/db", "not valid"},
		"@ as it is":   {"postgresql://u:p@hunter2@127.0.0.1:1/db", "percent-encode"},
		"no MySQL":     {"mysql+aiomysql://u:hunter2@127.0.0.1:1/db", "refused"},
		"MySQL, .csv":  {"mysql://u:hunter2@127.0.0.1:1/db.csv", "refused"},
		"MySQL, @":     {"mysql://u:p/@hunter2@127.0.0.1:1/db", "percent-encode"},
		"Oracle":       {"oracle://u:hunter2@127.0.0.1/db", "csv"},
		"no slashes":   {"mysql:u:hunter2@127.0.0.1/db", "no such file"},
		"JDBC":         {"jdbc:postgresql://127.0.0.1/db?password=hunter2", "none of"},
		"keywords":     {"host=127.0.0.1 password=hunter2", "keyword=value"},
		"in capitals":  {"HOST = 127.0.0.1 password=hunter2", "keyword=value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t.Context(), config{from: c.from, fromTable: "tenants", dry: true}, &strings.Builder{})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func metadata(t *testing.T, text string) tenancy.Metadata {
	t.Helper()
	m, err := tenancy.ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
