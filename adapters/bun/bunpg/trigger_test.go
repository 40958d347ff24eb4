package bunpg_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestHandUpdate(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme'), ('2', 'beta', 'Beta')`)
	exec(t, conn, `UPDATE tenants SET identifier = 'acme-inc' WHERE id = '1'`)
	exec(t, conn, `UPDATE tenants SET id = '9' WHERE id = '1'`)
	exec(t, conn, `UPDATE tenants SET id = '1', identifier = 'acme' WHERE id = '9'`)
	exec(t, conn, `UPDATE tenants SET name = name`)
	exec(t, conn, `DELETE FROM tenants WHERE id = '2'`)
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 create 2 id:2 identifier:beta",
		"4 update 1 id:1 identifier:acme-inc identifier:acme",
		"5 update 9 id:9 identifier:acme-inc id:1",
		"6 update 1 id:1 identifier:acme id:9 identifier:acme-inc",
		"7 update 2 id:2 identifier:beta",
		"8 update 1 id:1 identifier:acme",
		"9 delete 2 id:2 identifier:beta",
	)
}

func TestRevisionCannotBeSetByHand(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name, revision) VALUES ('1', 'acme', 'Acme', 1000)`)
	exec(t, conn, `UPDATE tenants SET revision = 1000`)
	exec(t, conn, `UPDATE tenants SET revision = NULL`)
	if got := one[int64](t, conn, `SELECT revision FROM tenants`); got != 4 {
		t.Errorf("revision %d, want 4", got)
	}
	checkLog(t, conn)
}

func TestUpdatedAtGrowsWithEveryEdit(t *testing.T) {
	conn := connect(t, newSchema(t))
	future := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	last := one[time.Time](t, conn, `SELECT updated_at FROM tenants`)
	for _, c := range []struct {
		set  string
		args []any
	}{
		{`name = 'B'`, nil},
		{`updated_at = '2000-01-01'`, nil},
		{`updated_at = $1`, []any{future}},
		{`updated_at = $1`, []any{future}},
		{`name = 'C'`, nil}, // the clock is behind
	} {
		exec(t, conn, `UPDATE tenants SET `+c.set, c.args...)
		now := one[time.Time](t, conn, `SELECT updated_at FROM tenants`)
		if !now.After(last) {
			t.Errorf("SET %s: updated_at went from %v to %v", c.set, last, now)
		}
		last = now
	}
	if want := future.Add(2 * time.Microsecond); !last.Equal(want) {
		t.Errorf("updated_at %v, want %v", last, want)
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
		if got := one[string](t, conn, `SELECT coalesce(name_folded, '<NULL>') FROM tenants`); got != c.want {
			t.Errorf("SET %s: name_folded %q, want %q", c.set, got, c.want)
		}
	}
}

func TestInsertOnConflict(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('2', 'acme', 'Other'), ('3', 'gamma', 'Gamma')
		ON CONFLICT DO NOTHING`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'beta', 'Beta')
		ON CONFLICT (id) DO UPDATE SET identifier = EXCLUDED.identifier, revision = EXCLUDED.revision`)
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 create 2 id:2 identifier:acme", // burnt
		"4 create 3 id:3 identifier:gamma",
		"5 create 1 id:1 identifier:beta", // burnt
		"6 update 1 id:1 identifier:beta identifier:acme",
	)
	if got := one[int64](t, conn, `SELECT revision FROM tenants WHERE id = '1'`); got != 6 {
		t.Errorf("revision %d, want 6", got)
	}
}

func TestMerge(t *testing.T) {
	conn := connect(t, newSchema(t))
	if one[int](t, conn, `SELECT current_setting('server_version_num')::int`) < 150000 {
		t.Skip("MERGE came with PostgreSQL 15")
	}
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme'), ('2', 'beta', 'Beta')`)
	exec(t, conn, `MERGE INTO tenants t
		USING (VALUES ('1', 'acme-inc'), ('2', NULL), ('3', 'gamma')) AS s(id, identifier) ON t.id = s.id
		WHEN MATCHED AND s.identifier IS NULL THEN DELETE
		WHEN MATCHED THEN UPDATE SET identifier = s.identifier
		WHEN NOT MATCHED THEN INSERT (id, identifier, name) VALUES (s.id, s.identifier, 'New')`)
	checkLog(t, conn)
	if n := len(changes(t, conn)); n != 6 {
		t.Errorf("%d changes, want 6", n)
	}
}

func TestDataModifyingCTE(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme'), ('2', 'beta', 'Beta')`)
	exec(t, conn, `WITH gone AS (DELETE FROM tenants WHERE id = '1' RETURNING *),
		renamed AS (UPDATE tenants SET identifier = 'beta-inc' WHERE id = '2' RETURNING *),
		new AS (INSERT INTO tenants (id, identifier, name) VALUES ('3', 'gamma', 'Gamma') RETURNING *)
		SELECT revision FROM gone UNION ALL SELECT revision FROM renamed UNION ALL SELECT revision FROM new`)
	checkLog(t, conn)
	if n := len(changes(t, conn)); n != 6 {
		t.Errorf("%d changes, want 6", n)
	}
}

func TestReturningShowsTheStampedRow(t *testing.T) {
	conn := connect(t, newSchema(t))
	if got := one[int64](t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme') RETURNING revision`); got != 2 {
		t.Errorf("INSERT returns revision %d, want 2", got)
	}
	if got := one[int64](t, conn, `UPDATE tenants SET name = 'B' RETURNING revision`); got != 3 {
		t.Errorf("UPDATE returns revision %d, want 3", got)
	}
}

func TestCopy(t *testing.T) {
	conn := connect(t, newSchema(t))
	const rows = 2500 // more than COPY buffers
	n, err := conn.CopyFrom(t.Context(), pgx.Identifier{"tenants"}, []string{"identifier", "name"},
		pgx.CopyFromSlice(rows, func(i int) ([]any, error) {
			return []any{"t-" + strings.Repeat("x", i%20) + string(rune('a'+i%26)) + itoa(i), "T"}, nil
		}))
	if err != nil || n != rows {
		t.Fatalf("copied %d rows, error %v", n, err)
	}
	checkLog(t, conn)
	if n := len(changes(t, conn)); n != rows+1 {
		t.Errorf("%d changes, want %d", n, rows+1)
	}
}

func TestRollbackToSavepoint(t *testing.T) {
	conn := connect(t, newSchema(t))
	for _, sql := range []string{
		`BEGIN`,
		`INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`,
		`SAVEPOINT a`,
		`INSERT INTO tenants (id, identifier, name) SELECT 'x' || n, 'x-' || n, 'X' FROM generate_series(1, 100) n`,
		`DELETE FROM tenants WHERE id = '1'`,
		`ROLLBACK TO a`,
		`UPDATE tenants SET identifier = 'beta'`,
		`SAVEPOINT b`,
		`UPDATE tenants SET name = 'B'`,
		`RELEASE b`,
		`COMMIT`,
	} {
		exec(t, conn, sql)
	}
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 update 1 id:1 identifier:beta identifier:acme",
		"4 update 1 id:1 identifier:beta")
	checkLog(t, conn)
}

func TestTruncate(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, conn, `TRUNCATE tenants`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	wantChanges(t, conn, "2 create 1 id:1 identifier:acme", "3 reset", "4 create 1 id:1 identifier:acme")
	checkLog(t, conn)
}

func TestLogKeepsItsNewestRow(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) SELECT n, 't-' || n, 'T' FROM generate_series(1, 10) n`)
	const notNow = "55000"
	if err := wantRefused(t, conn, notNow, `TRUNCATE tenants_changes`); !strings.Contains(err.Message, "newest") {
		t.Errorf("unclear error: %v", err)
	}
	wantRefused(t, conn, notNow, `TRUNCATE tenants, tenants_changes`)
	wantRefused(t, conn, notNow, `DELETE FROM tenants_changes`)
	wantRefused(t, conn, notNow, `DELETE FROM tenants_changes WHERE revision = 11`)
	exec(t, conn, `DELETE FROM tenants_changes WHERE false`)
	exec(t, conn, `DELETE FROM tenants_changes WHERE revision < 11`)
	exec(t, conn, `UPDATE tenants SET name = 'U' WHERE id = '1'`)
	if got := one[int64](t, conn, `SELECT revision FROM tenants WHERE id = '1'`); got != 12 {
		t.Errorf("revision %d, want 12", got)
	}
}

func TestLostLockRowIsReported(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `DELETE FROM tenants_lock`)
	err := wantRefused(t, conn, "55000", `INSERT INTO tenants (identifier, name) VALUES ('acme', 'Acme')`)
	exec(t, conn, err.Hint)
	exec(t, conn, `INSERT INTO tenants (identifier, name) VALUES ('acme', 'Acme')`)
}

func TestUsersTriggersComeFirst(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `
		CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.name := upper(NEW.name); NEW.identifier := NEW.identifier || '-x'; RETURN NEW; END $$;
		CREATE TRIGGER yyy BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION shout();
		CREATE FUNCTION veto() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.status = 'veto' THEN RETURN NULL; END IF; RETURN NEW; END $$;
		CREATE TRIGGER yyy_veto BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION veto();
		CREATE FUNCTION spread() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			UPDATE tenants SET status = NEW.status WHERE id = (NEW.id::int + 1)::text;
			RETURN NEW;
		END $$;
		CREATE TRIGGER spread_before BEFORE UPDATE ON tenants FOR EACH ROW WHEN (NEW.id = '2') EXECUTE FUNCTION spread();
		CREATE TRIGGER spread_after AFTER UPDATE ON tenants FOR EACH ROW WHEN (NEW.id = '1') EXECUTE FUNCTION spread();`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'a'), ('2', 'beta', 'b'), ('3', 'gamma', 'c')`)
	exec(t, conn, `UPDATE tenants SET status = 'veto'`)
	exec(t, conn, `UPDATE tenants SET status = 'suspended' WHERE id = '1'`)
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme-x",
		"3 create 2 id:2 identifier:beta-x",
		"4 create 3 id:3 identifier:gamma-x",
		"5 update 1 id:1 identifier:acme-x",
		"6 update 3 id:3 identifier:gamma-x", // from the trigger on 2, before 2 itself
		"7 update 2 id:2 identifier:beta-x")
	if got := query[string](t, conn, `SELECT name || name_folded || status FROM tenants ORDER BY id`); strings.Join(got, " ") != "Aasuspended Bbsuspended Ccsuspended" {
		t.Errorf("rows %v", got)
	}
	checkLog(t, conn)
}

func TestForeignKeyCascade(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `CREATE TABLE plans (id text PRIMARY KEY);
		ALTER TABLE tenants ADD plan text REFERENCES plans ON DELETE CASCADE ON UPDATE CASCADE;
		INSERT INTO plans VALUES ('free'), ('paid');
		INSERT INTO tenants (id, identifier, name, plan) VALUES ('1', 'acme', 'Acme', 'free'), ('2', 'beta', 'Beta', 'paid')`)
	exec(t, conn, `UPDATE plans SET id = 'gratis' WHERE id = 'free'`)
	exec(t, conn, `DELETE FROM plans`)
	checkLog(t, conn)
	if got := one[string](t, conn, `SELECT string_agg(op, ' ' ORDER BY revision) FROM tenants_changes`); got != "reset create create update delete delete" {
		t.Errorf("log: %s", got)
	}
}

func TestReplicaRoleFiresTriggers(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `SET session_replication_role = replica`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	exec(t, conn, `UPDATE tenants SET identifier = 'beta'`)
	exec(t, conn, `DELETE FROM tenants`)
	exec(t, conn, `TRUNCATE tenants`)
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 update 1 id:1 identifier:beta identifier:acme",
		"4 delete 1 id:1 identifier:beta",
		"5 reset")
}

func TestOneNotificationPerTransaction(t *testing.T) {
	dsn := newSchema(t)
	conn, listener := connect(t, dsn), connect(t, dsn)
	exec(t, listener, `LISTEN changed`)
	for _, sql := range []string{
		`BEGIN`,
		`INSERT INTO tenants (id, identifier, name) SELECT n, 't-' || n, 'T' FROM generate_series(1, 50) n`,
		`SAVEPOINT a`,
		`UPDATE tenants SET name = 'U'`,
		`RELEASE a`,
		`DELETE FROM tenants`,
		`COMMIT`,
		`BEGIN`, `TRUNCATE tenants`, `ROLLBACK`, // nothing to announce
		`NOTIFY changed, 'end'`,
	} {
		exec(t, conn, sql)
	}
	var got []string
	for len(got) == 0 || got[len(got)-1] != "end" {
		n, err := listener.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n.Payload)
	}
	if len(got) != 2 {
		t.Errorf("%d notifications, want 1 and the end: %q", len(got), got)
	}
}

// Sessions with a snapshot that does not see the newest row of the log must
// fail in the way that their owners retry.
func TestOlderSnapshotsFailToSerialize(t *testing.T) {
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			dsn := newSchema(t)
			conn, other := connect(t, dsn), connect(t, dsn)
			begin := func() {
				exec(t, conn, `BEGIN ISOLATION LEVEL `+level)
				one[int](t, conn, `SELECT count(*) FROM tenants_changes`) // takes the snapshot
			}
			begin()
			exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
			exec(t, conn, `UPDATE tenants SET identifier = 'beta'`)
			exec(t, conn, `COMMIT`)

			begin()
			exec(t, other, `INSERT INTO tenants (id, identifier, name) VALUES ('2', 'gamma', 'Gamma')`)
			const cannotSerialize = "40001"
			wantRefused(t, conn, cannotSerialize, `INSERT INTO tenants (id, identifier, name) VALUES ('3', 'delta', 'Delta')`)
			exec(t, conn, `ROLLBACK`)

			begin()
			exec(t, other, `TRUNCATE tenants`)
			wantRefused(t, conn, cannotSerialize, `TRUNCATE tenants`)
			exec(t, conn, `ROLLBACK`)
			checkLog(t, conn)
		})
	}
}

// The apply worker of a logical replication fires row triggers only, so it does
// not hold the lock.
func TestWriterWithoutTheLock(t *testing.T) {
	dsn := newSchema(t)
	conn, worker := connect(t, dsn), connect(t, dsn)
	exec(t, conn, `ALTER TABLE tenants DISABLE TRIGGER aaa_tenants_lock`)
	exec(t, worker, `BEGIN`)
	exec(t, worker, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), `INSERT INTO tenants (id, identifier, name) VALUES ('2', 'beta', 'Beta')`)
		done <- err
	}()
	waitForLock(t, dsn, conn.PgConn().PID())
	exec(t, worker, `INSERT INTO tenants (id, identifier, name) VALUES ('3', 'gamma', 'Gamma')`)
	exec(t, worker, `COMMIT`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantChanges(t, worker,
		"2 create 1 id:1 identifier:acme", "3 create 3 id:3 identifier:gamma", "4 create 2 id:2 identifier:beta")
}
