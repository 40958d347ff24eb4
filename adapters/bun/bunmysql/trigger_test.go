package bunmysql_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// newSchema returns the URL of a database with the schema of a store.
func newSchema(t testing.TB) string {
	t.Helper()
	dsn := newDatabase(t)
	open(t, dsn)
	return dsn
}

// open returns a store, which is closed when the test ends.
func open(t testing.TB, dsn string, opts ...bunmysql.Option) *bunstore.Store {
	t.Helper()
	s, err := bunmysql.Open(t.Context(), dsn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// changes returns the log as "revision op tenant key …".
func changes(t testing.TB, conn *sql.Conn) (all []string) {
	t.Helper()
	for _, line := range query[string](t, conn, "SELECT CONCAT_WS('\t', revision, op, tenant_id, `keys`) FROM tenants_changes WHERE op <> 'reset' ORDER BY revision") {
		parts := strings.SplitN(line, "\t", 4)
		var keys [][2]string
		if err := json.Unmarshal([]byte(parts[3]), &keys); err != nil {
			t.Fatalf("keys %s: %v", parts[3], err)
		}
		for _, k := range keys {
			parts[2] += " " + k[0] + ":" + k[1]
		}
		all = append(all, strings.Join(parts[:3], " "))
	}
	return all
}

func wantChanges(t testing.TB, conn *sql.Conn, want ...string) {
	t.Helper()
	if got := changes(t, conn); !slices.Equal(got, want) {
		t.Errorf("log:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	checkLog(t, conn)
}

// checkLog sees that the log has no gap, that each row of a tenant has the position of a row
// of the log, the newest with its ID unless an ignored statement came later, and that the
// head is the newest.
func checkLog(t testing.TB, conn *sql.Conn) {
	t.Helper()
	for what, text := range map[string]string{
		"gaps":              "SELECT MAX(revision) - MIN(revision) + 1 - COUNT(*) FROM tenants_changes",
		"positions unknown": "SELECT COUNT(*) FROM tenants AS t WHERE NOT EXISTS (SELECT 1 FROM tenants_changes AS c WHERE c.revision = t.revision AND c.mark = t.mark AND c.tenant_id = t.id)",
		"head behind":       "SELECT (SELECT MAX(revision) FROM tenants_changes) - revision FROM tenants_head",
		"marks of 0":        "SELECT COUNT(*) FROM tenants_changes WHERE mark = 0",
	} {
		if n := one[int64](t, conn, text); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
}

func TestHandUpdate(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme'), ('2', 'beta', 'Beta')`)
	exec(t, conn, `UPDATE tenants SET identifier = 'acme-inc' WHERE id = '1'`)
	exec(t, conn, `UPDATE tenants SET id = '9' WHERE id = '1'`)
	exec(t, conn, `UPDATE tenants SET id = '1', identifier = 'acme' WHERE id = '9'`)
	exec(t, conn, `UPDATE tenants SET name = name ORDER BY id`)
	exec(t, conn, `DELETE FROM tenants WHERE id = '2'`)
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 create 2 id:2 identifier:beta",
		"4 update 1 id:1 identifier:acme-inc identifier:acme",
		"5 update 9 id:9 identifier:acme-inc id:1",
		"6 update 1 id:1 identifier:acme id:9 identifier:acme-inc",
		"7 update 1 id:1 identifier:acme",
		"8 update 2 id:2 identifier:beta",
		"9 delete 2 id:2 identifier:beta",
	)
}

func TestRevisionCannotBeSetByHand(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name, revision, mark) VALUES ('1', 'acme', 'Acme', 1000, 5)`)
	exec(t, conn, `UPDATE tenants SET revision = 1000, mark = 7`)
	if got := one[int64](t, conn, `SELECT revision FROM tenants WHERE mark NOT IN (0, 5, 7)`); got != 3 {
		t.Errorf("revision %d, want 3", got)
	}
	checkLog(t, conn)
}

func TestUpdatedAtGrowsWithEveryEdit(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	const future int64 = 4_000_000_000_000_000
	last := one[int64](t, conn, `SELECT updated_at FROM tenants`)
	for _, set := range []string{`name = 'B'`, `updated_at = 0`, fmt.Sprint(`updated_at = `, future), fmt.Sprint(`updated_at = `, future), `name = 'C'`} {
		exec(t, conn, `UPDATE tenants SET `+set)
		now := one[int64](t, conn, `SELECT updated_at FROM tenants`)
		if now <= last {
			t.Errorf("SET %s: updated_at went from %d to %d", set, last, now)
		}
		last = now
	}
	if last != future+2 { // the clock is behind
		t.Errorf("updated_at %d, want %d", last, future+2)
	}
}

func TestFoldedNameFollowsName(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	for _, c := range []struct{ set, want string }{
		{`name = 'ACME Inc.'`, "acme inc."},
		{`name = 'Bücher'`, "<NULL>"},
		{`status = 'suspended'`, "<NULL>"},
		{`name_folded = 'bücher'`, "bücher"},
		{`status = 'active'`, "bücher"},
		{`name = 'BÜCHER'`, "<NULL>"},
		{`name = 'Ärzte', name_folded = 'ärzte'`, "ärzte"},
		{`name = 'Doctors'`, "doctors"},
		{`name_folded = NULL`, "doctors"},
	} {
		exec(t, conn, `UPDATE tenants SET `+c.set)
		if got := one[string](t, conn, `SELECT COALESCE(name_folded, '<NULL>') FROM tenants`); got != c.want {
			t.Errorf("SET %s: name_folded %q, want %q", c.set, got, c.want)
		}
	}
}

// Each of these writes fewer rows than it names, or other ones.
func TestInsertThatCollides(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, conn, `INSERT IGNORE INTO tenants (id, identifier, name) VALUES ('2', 'acme', 'Other'), ('3', 'gamma', 'Gamma'), ('4', 'BAD', 'Refused')`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'other', 'x'), ('5', 'five', 'Five') ON DUPLICATE KEY UPDATE identifier = 'beta'`)
	exec(t, conn, `REPLACE INTO tenants (id, identifier, name) VALUES ('1', 'gamma', 'Both'), ('6', 'six', 'New'), ('6', 'six', 'Twice')`)
	if err := try(conn, `INSERT INTO tenants (id, identifier, name) VALUES ('7', 'seven', 'Seven'), ('1', 'eight', 'Taken')`); err == nil {
		t.Error("a taken ID was inserted")
	}
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 create 3 id:3 identifier:gamma",
		"4 update 1 id:1 identifier:beta identifier:acme",
		"5 create 5 id:5 identifier:five",
		"6 delete 1 id:1 identifier:beta",
		"7 delete 3 id:3 identifier:gamma",
		"8 create 1 id:1 identifier:gamma",
		"9 create 6 id:6 identifier:six",
		"10 delete 6 id:6 identifier:six",
		"11 create 6 id:6 identifier:six",
	)
}

// The server fires AFTER UPDATE for a row that UPDATE IGNORE has left alone: the log then
// has a change that was none.
func TestUpdateIgnore(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme'), ('2', 'beta', 'Beta')`)
	exec(t, conn, `UPDATE IGNORE tenants SET identifier = 'acme' WHERE id = '2'`)
	exec(t, conn, `UPDATE tenants SET name = 'Later' WHERE id = '1'`)
	if got := one[string](t, conn, `SELECT identifier FROM tenants WHERE id = '2'`); got != "beta" {
		t.Errorf("identifier %q", got)
	}
	if got := changes(t, conn); !strings.HasPrefix(got[len(got)-1], fmt.Sprint(len(got)+1, " update 1 ")) {
		t.Errorf("log %q", got)
	}
	checkLog(t, conn)
}

func TestLoadData(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	mysql.RegisterReaderHandler("tenants", func() io.Reader { return strings.NewReader("1\tbeta\tReplaced\n2\ttwo\tTwo\n") })
	defer mysql.DeregisterReaderHandler("tenants")
	exec(t, conn, `LOAD DATA LOCAL INFILE 'Reader::tenants' REPLACE INTO TABLE tenants (id, identifier, name)`)
	mysql.RegisterReaderHandler("tenants", func() io.Reader { return strings.NewReader("2\tx-x\tIgnored\n3\tthree\tThree\n") })
	exec(t, conn, `LOAD DATA LOCAL INFILE 'Reader::tenants' IGNORE INTO TABLE tenants (id, identifier, name)`)
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 delete 1 id:1 identifier:acme",
		"4 create 1 id:1 identifier:beta",
		"5 create 2 id:2 identifier:two",
		"6 create 3 id:3 identifier:three",
	)
}

// Under REPEATABLE READ, a statement sees rows as they were when its transaction began,
// and takes the newest revision all the same.
func TestTransactionWithAnOldSnapshot(t *testing.T) {
	dsn := newSchema(t)
	conn, other := connect(t, dsn), connect(t, dsn)
	exec(t, conn, `SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ`)
	exec(t, other, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, conn, `START TRANSACTION WITH CONSISTENT SNAPSHOT`)
	exec(t, other, `INSERT INTO tenants (id, identifier, name) VALUES ('2', 'beta', 'Beta')`)
	exec(t, conn, `UPDATE tenants SET name = 'Later' WHERE id = '1'`)
	exec(t, conn, `REPLACE INTO tenants (id, identifier, name) VALUES ('2', 'two', 'Two')`)
	exec(t, conn, `COMMIT`)
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 create 2 id:2 identifier:beta",
		"4 update 1 id:1 identifier:acme",
		"5 delete 2 id:2 identifier:beta",
		"6 create 2 id:2 identifier:two",
	)
}

func TestRollbackLeavesNoTrace(t *testing.T) {
	conn := connect(t, newSchema(t))
	for _, text := range []string{
		`START TRANSACTION`, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`, `ROLLBACK`,
		`START TRANSACTION`, `INSERT INTO tenants (id, identifier, name) VALUES ('2', 'beta', 'Beta')`,
		`SAVEPOINT s`, `DELETE FROM tenants`, `ROLLBACK TO s`, `UPDATE tenants SET name = 'B'`, `COMMIT`,
	} {
		exec(t, conn, text)
	}
	wantChanges(t, conn, "2 create 2 id:2 identifier:beta", "3 update 2 id:2 identifier:beta")
}

// What fires no triggers is refused.
func TestTruncate(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	for _, text := range []string{`TRUNCATE tenants`, `TRUNCATE tenants_changes`, `DROP TABLE tenants`, `DELETE FROM tenants_changes`} {
		if try(conn, text) == nil {
			t.Errorf("%s was not refused", text)
		}
	}
	wantChanges(t, conn, "2 create 1 id:1 identifier:acme")
}

// Triggers do not fire for the cascades of a foreign key, so a store may not have one.
func TestCascade(t *testing.T) {
	dsn := newSchema(t)
	conn := connect(t, dsn)
	exec(t, conn, "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE "+one[string](t, conn, `SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'tenants' AND COLUMN_NAME = 'id'`))
	exec(t, conn, `CREATE TABLE owners (id VARCHAR(255) NOT NULL PRIMARY KEY)`)
	exec(t, conn, `ALTER TABLE tenants ADD CONSTRAINT owned FOREIGN KEY (schema_name) REFERENCES owners (id) ON DELETE RESTRICT`)
	open(t, dsn)
	exec(t, conn, `ALTER TABLE tenants DROP FOREIGN KEY owned`)
	exec(t, conn, `ALTER TABLE tenants ADD CONSTRAINT owned FOREIGN KEY (schema_name) REFERENCES owners (id) ON DELETE CASCADE`)
	if _, err := bunmysql.Open(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "foreign key owned") {
		t.Errorf("Open: %v", err)
	}
}

func TestActorOfAnEditByHand(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, conn, `SET @tenantstore_actor = 'alice'`)
	exec(t, conn, `UPDATE tenants SET status = 'suspended', metadata = '{"a": 1}'`)
	exec(t, conn, `SET @tenantstore_actor = REPEAT('x', 300)`)
	exec(t, conn, `DELETE FROM tenants`)
	got := query[string](t, conn, `SELECT CONCAT(op, ' ', actor, ' ', fields) FROM tenants_changes ORDER BY revision`)
	if want := []string{"reset  []", "create  []", `update alice ["metadata","status"]`, "delete " + strings.Repeat("x", 255) + " []"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestConstraints(t *testing.T) {
	conn := connect(t, newSchema(t))
	for _, row := range []string{
		`('', 'acme', 'Acme', '{}')`, `('1', 'Acme', 'Acme', '{}')`, `('1', 'acme\n', 'Acme', '{}')`, `('1', 'acme-', 'Acme', '{}')`, `('1', 'ac', 'Acme', '{}')`,
		`('1', 'acme', '', '{}')`, `('1', 'acme', 'Acme', '[]')`, `('1', 'acme', 'Acme', '{')`, `('1', 'acme ', 'Acme', '{}')`,
	} {
		if try(conn, `INSERT INTO tenants (id, identifier, name, metadata) VALUES `+row) == nil {
			t.Errorf("%s was taken", row)
		}
	}
	exec(t, conn, `INSERT INTO tenants (id, identifier, name, metadata) VALUES ('1', 'acme', 'Acme', CONCAT(REPEAT('{"a":', 90), '1', REPEAT('}', 90)))`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1 ', 'beta', 'trailing blank'), ('É', 'gamma', 'x'), ('é', 'delta', 'x'), ('E', 'eps', 'x')`)
	checkLog(t, conn)
}
