package bunstore_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// A session that listens in a transaction keeps all notifications of the server, and
// somebody is told before the queue is full.
func TestQueueOfNotifyFillsUp(t *testing.T) {
	dsn := newPostgres(t)
	const some = 0.0001 // of 8 GB
	var log strings.Builder
	db := postgresDB(t, dsn)
	for used := 1.0; used >= some; { // the queue is that of the server, which others use
		if err := db.QueryRowContext(t.Context(), "SELECT pg_notification_queue_usage()").Scan(&used); err != nil {
			t.Fatal(err)
		}
	}
	s := newStore(t, db, bunstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), bunstore.WithUpkeep(time.Hour, some))
	if log.Len() > 0 {
		t.Errorf("before: the log says %q", log.String())
	}
	sleeper, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Close(t.Context()) }()
	for _, text := range []string{"LISTEN x", "BEGIN"} {
		if _, err := sleeper.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	admin(t, dsn, "SELECT pg_notify('x', repeat('x', 7900) || n) FROM generate_series(1, 500) AS n")
	for range 3 {
		s.LogFindings(t.Context())
	}
	if strings.Count(log.String(), "queue of NOTIFY fills up") != 1 {
		t.Errorf("the log says %q", log.String())
	}
	if _, err := sleeper.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	admin(t, dsn, "SELECT pg_notify('x', '')")
	for deadline := time.Now().Add(5 * time.Minute); !strings.Contains(log.String(), "finding=notify_queue"); {
		if time.Now().After(deadline) {
			t.Fatalf("afterwards: the log says %q", log.String())
		}
		s.LogFindings(t.Context())
	}
}
