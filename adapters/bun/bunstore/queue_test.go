package bunstore_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// A session that listens in a transaction keeps all notifications of the server, and
// somebody is told before the queue is full.
func TestQueueOfNotifyFillsUp(t *testing.T) {
	dsn := newPostgres(t)
	var log strings.Builder
	s := newStore(t, postgresDB(t, dsn), bunstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
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
	const some = 0.0001 // of 8 GB
	if s.WarnOfQueue(t.Context(), false, 1) || log.Len() > 0 {
		t.Errorf("before: the log says %q", log.String())
	}
	filling := false
	for range 3 {
		filling = s.WarnOfQueue(t.Context(), filling, some)
	}
	if !filling || strings.Count(log.String(), "queue of NOTIFY fills up") != 1 {
		t.Errorf("the log says %q", log.String())
	}
	if s.WarnOfQueue(t.Context(), true, 1) || !strings.Contains(log.String(), "emptied") {
		t.Errorf("afterwards: the log says %q", log.String())
	}
}
