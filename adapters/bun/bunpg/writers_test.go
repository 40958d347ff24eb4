package bunpg_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"
)

func itoa(i int) string { return strconv.Itoa(i) }

// waitForLock returns when the session with this process ID waits for a lock.
func waitForLock(t testing.TB, dsn string, pid uint32) {
	t.Helper()
	conn := connect(t, dsn)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if one[bool](t, conn, `SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`, pid) {
			return
		}
	}
	t.Fatalf("session %d does not wait for a lock", pid)
}

// Sixteen sessions write whatever they like, some of it in transactions that
// they abandon, while a reader checks that the log never has a gap: a revision
// is visible only if all smaller ones are.
func TestRevisionsFollowCommits(t *testing.T) {
	dsn := newSchema(t)
	const writers, rounds = 16, 60
	ctx := t.Context()
	var wg sync.WaitGroup
	for w := range writers {
		conn := connect(t, dsn)
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for i := range rounds {
				id := strconv.Itoa(random.IntN(40))
				insert := fmt.Sprintf(`INSERT INTO tenants (id, identifier, name)
					SELECT '%s-' || n, 't-%s-' || n, 'T' FROM generate_series(1, 3) n ON CONFLICT DO NOTHING`, id, id)
				update := fmt.Sprintf(`UPDATE tenants SET identifier = 'r-%d-%d-' || revision WHERE id = '%s-1'`, w, i, id)
				remove := fmt.Sprintf(`DELETE FROM tenants WHERE id LIKE '%s-%%'`, id)
				script := [...]string{
					insert, update, remove,
					`BEGIN; ` + insert + `; ` + update + `; COMMIT`,
					`BEGIN; ` + remove + `; ROLLBACK`,
					`BEGIN; ` + insert + `; SAVEPOINT s; ` + remove + `; ROLLBACK TO s; ` + update + `; COMMIT`,
				}[random.IntN(6)]
				if _, err := conn.Exec(ctx, script); err != nil {
					t.Errorf("%s: %v", script, err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()

	reader := connect(t, dsn)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if gap := one[int64](t, reader, `SELECT max(revision) - count(*) FROM tenants_changes`); gap != 0 {
			t.Errorf("%d revisions below the newest one are not visible", gap)
			<-done
			running = false
		}
	}
	checkLog(t, reader)
	if n := len(changes(t, reader)); n < writers*rounds/2 {
		t.Errorf("only %d changes: the test has lost its load", n)
	}
}

func TestBulkStatement(t *testing.T) {
	conn := connect(t, newSchema(t))
	const rows = 20_000
	exec(t, conn, `INSERT INTO tenants (identifier, name) SELECT 't-' || n, 'T' FROM generate_series(1, $1::int) n`, rows)
	exec(t, conn, `UPDATE tenants SET status = 'suspended'`)
	exec(t, conn, `DELETE FROM tenants`)
	got := one[string](t, conn, `SELECT concat_ws(' ', count(*), min(revision), max(revision), count(DISTINCT mark)) FROM tenants_changes`)
	if n := 3*rows + 1; got != fmt.Sprint(n, 1, n, n) {
		t.Errorf("count, min, max, marks: %s", got)
	}
}

// A statement's cost for each row must not depend on the number of rows, nor on
// how many statements came before it in its transaction, nor on an old snapshot
// that keeps the server from pruning.
func BenchmarkTriggers(b *testing.B) {
	insert := `INSERT INTO tenants (identifier, name)
		SELECT 't-' || n, 'T' FROM generate_series(1, $1::int) n`
	run := func(b *testing.B, rows int, write func(b *testing.B, dsn string)) {
		for range b.N {
			b.StopTimer()
			dsn := newSchema(b)
			b.StartTimer()
			write(b, dsn)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rows), "µs/row")
	}
	for _, rows := range []int{2_000, 20_000} {
		b.Run(fmt.Sprintf("bulk/rows=%d", rows), func(b *testing.B) {
			run(b, rows, func(b *testing.B, dsn string) { exec(b, connect(b, dsn), insert, rows) })
		})
		b.Run(fmt.Sprintf("bulk-without-triggers/rows=%d", rows), func(b *testing.B) {
			run(b, rows, func(b *testing.B, dsn string) {
				conn := connect(b, dsn)
				exec(b, conn, `ALTER TABLE tenants DISABLE TRIGGER USER, ALTER revision SET DEFAULT 1`)
				exec(b, conn, insert, rows)
			})
		})
		b.Run(fmt.Sprintf("one-transaction/rows=%d", rows), func(b *testing.B) {
			run(b, rows, func(b *testing.B, dsn string) {
				conn := connect(b, dsn)
				exec(b, conn, `BEGIN`)
				for i := range rows {
					exec(b, conn, `INSERT INTO tenants (identifier, name) VALUES ('t-' || $1::int, 'T')`, i)
				}
				exec(b, conn, `COMMIT`)
			})
		})
		b.Run(fmt.Sprintf("old-snapshot/rows=%d", rows), func(b *testing.B) {
			run(b, rows, func(b *testing.B, dsn string) {
				conn, old := connect(b, dsn), connect(b, dsn)
				exec(b, old, `BEGIN ISOLATION LEVEL REPEATABLE READ`)
				one[int](b, old, `SELECT count(*) FROM tenants`)
				for i := range rows {
					exec(b, conn, `INSERT INTO tenants (identifier, name) VALUES ('t-' || $1::int, 'T')`, i)
				}
				exec(b, old, `COMMIT`)
			})
		})
	}
}
