package bunpg_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noHeartbeat lets the last statement of a listener be its LISTEN, by which tests find it.
var noHeartbeat = bunpg.WithHeartbeat(time.Hour)

// noPoll leaves the wake-up of Watch to notifications.
var noPoll = bunpg.WithStore(bunstore.WithPollInterval(time.Hour))

// changesOf watches what comes after the newest change, and returns a function that
// waits for the next one.
func changesOf(t testing.TB, store *bunstore.Store) func() tenancy.Change {
	t.Helper()
	head, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan tenancy.Change, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		after := head.Newest
		for over := false; !over; {
			for change, err := range tenancy.Watch(ctx, store, after) {
				switch {
				case err == nil:
					after = change.Position
					changes <- change
				case errors.Is(err, context.Canceled) || errors.Is(err, tenancy.ErrClosed):
					over = true
				case errors.Is(err, tenancy.ErrUnavailable):
					time.Sleep(time.Millisecond) // it is begun again
				default:
					t.Error(err)
					over = true
				}
			}
		}
	})
	t.Cleanup(func() { cancel(); watch.Wait() })
	return func() tenancy.Change {
		t.Helper()
		select {
		case change := <-changes:
			return change
		case <-time.After(patience):
			t.Fatal("no change came")
			return tenancy.Change{}
		}
	}
}

// listeners sees the sessions of a database that listen for its store.
type listeners struct {
	conn *pgx.Conn
	seen map[int32]bool
}

// next waits for one that was not there before. It may have checked its connection
// since it began to listen.
func (l listeners) next(t testing.TB) {
	t.Helper()
	waitUntil(t, func() (found bool) {
		for _, pid := range l.having(t, `query LIKE 'LISTEN%' OR query = '-- ping'`) {
			found = found || !l.seen[pid]
			l.seen[pid] = true
		}
		return found
	})
	for _, pid := range l.having(t, `true`) {
		l.seen[pid] = true
	}
}

func (l listeners) now(t testing.TB) []int32 {
	t.Helper()
	return l.having(t, `query LIKE 'LISTEN%'`)
}

// having returns the idle sessions of stores that meet a condition.
func (l listeners) having(t testing.TB, condition string) []int32 {
	t.Helper()
	return query[int32](t, l.conn, `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
		AND application_name = 'tenantstore' AND state = 'idle' AND (`+condition+`)`)
}

func TestListensFromTheFirstWatchUntilClose(t *testing.T) {
	dsn := newDatabase(t)
	conn := connect(t, dsn)
	store, err := bunpg.Open(t.Context(), dsn, noPoll, noHeartbeat)
	if err != nil {
		t.Fatal(err)
	}
	create(t, store, "acme")
	listeners := listeners{conn, map[int32]bool{}}
	if pids := listeners.now(t); len(pids) != 0 {
		t.Errorf("%d sessions listen before the first Watch", len(pids))
	}
	first, second := changesOf(t, store), changesOf(t, store)
	listeners.next(t)
	for range 20 {
		exec(t, conn, `UPDATE tenants SET name = 'B'`)
		for _, next := range []func() tenancy.Change{first, second} {
			if c := next(); c.Kind != tenancy.ChangeUpdate {
				t.Errorf("change %+v", c)
			}
		}
	}
	if pids := listeners.now(t); len(pids) != 1 {
		t.Errorf("%d sessions listen, want 1 for all watches", len(pids))
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	waitForSessions(t, dsn, 0)
}

// Whatever is committed while connections are broken, a watch sees all of it.
func TestTerminatedSessionsLoseNothing(t *testing.T) {
	const everySession = `datname = current_database() AND application_name = 'tenantstore'`
	for name, c := range map[string]struct {
		sessions string
		poll     time.Duration
	}{
		// Notifications alone wake the watch.
		"listener": {everySession + ` AND query LIKE 'LISTEN%'`, time.Hour},
		// The watch itself may fail to read, and tries again at the next poll.
		"all": {everySession, 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			store := open(t, dsn, noHeartbeat, bunpg.WithStore(bunstore.WithPollInterval(c.poll)))
			create(t, store, "acme")
			next, conn := changesOf(t, store), connect(t, dsn)
			listeners := listeners{conn, map[int32]bool{}}
			for round := range 20 {
				listeners.next(t)
				exec(t, conn, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE `+c.sessions)
				exec(t, conn, `UPDATE tenants SET name = name`)
				if change := next(); change.Position.Revision != tenancy.Revision(3+round) {
					t.Fatalf("round %d: change %+v", round, change)
				}
			}
		})
	}
}

func TestDroppedListenerLosesNothing(t *testing.T) {
	for name, drop := range map[string]func(*relay){
		"cut":        (*relay).cut,
		"black hole": (*relay).freeze, // nobody tells: the heartbeat finds out
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			relay := newRelay(t, dsn)
			store := open(t, dsn, noPoll, bunpg.WithListenDSN(relay.url),
				bunpg.WithConnectTimeout(time.Second), bunpg.WithHeartbeat(50*time.Millisecond))
			create(t, store, "acme")
			next, conn := changesOf(t, store), connect(t, dsn)
			listeners := listeners{conn, map[int32]bool{}}
			for round := range 5 {
				listeners.next(t)
				drop(relay)
				exec(t, conn, `UPDATE tenants SET name = name`)
				if change := next(); change.Position.Revision != tenancy.Revision(3+round) {
					t.Fatalf("round %d: change %+v", round, change)
				}
			}
		})
	}
}

func TestPollsWithoutListening(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn, bunpg.WithoutListen(), bunpg.WithStore(bunstore.WithPollInterval(time.Millisecond)))
	next, conn := changesOf(t, store), connect(t, dsn)
	exec(t, conn, `INSERT INTO tenants (identifier, name) VALUES ('acme', 'Acme')`)
	if c := next(); c.Kind != tenancy.ChangeCreate {
		t.Errorf("change %+v", c)
	}
	if pids := (listeners{conn: conn}).now(t); len(pids) != 0 {
		t.Errorf("%d sessions listen", len(pids))
	}
}

// syncWriter is written to by the goroutines of a store.
type syncWriter struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *syncWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func TestLogHidesDSNAndArguments(t *testing.T) {
	dsn := newDatabase(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), canary)
	var log syncWriter
	store := open(t, dsn, noPoll, bunpg.WithListenDSN(u.String()),
		bunpg.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	next := changesOf(t, store)
	created, err := store.Create(t.Context(), tenancy.Tenant{
		Identifier: "id-" + canary, Name: canary, DatabaseURL: tenancy.NewSecret(canary), Metadata: metadata(t, `{"k":"`+canary+`"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := next(); c.TenantID != created.ID { // the store's own write wakes it
		t.Errorf("change %+v", c)
	}
	_, err = store.Create(t.Context(), created)
	if !errors.Is(err, tenancy.ErrAlreadyExists) {
		t.Errorf("error %v", err)
	}
	waitUntil(t, func() bool { return strings.Contains(log.String(), "28P01") })
	text := log.String()
	if strings.Contains(text, canary) {
		t.Errorf("log:\n%s", text)
	}
	if !strings.Contains(text, "INSERT INTO") || strings.Contains(text, created.ID) {
		t.Errorf("log does not hold statements, or holds arguments:\n%s", text)
	}
}

// However often the listener tries to come back, an outage is one line, and its end
// another.
func TestListenerLogsEachOutageOnce(t *testing.T) {
	dsn := newDatabase(t)
	relay := newRelay(t, dsn)
	var log syncWriter
	store := open(t, dsn, noPoll, bunpg.WithListenDSN(relay.url), bunpg.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	next, conn := changesOf(t, store), connect(t, dsn)
	listeners{conn, map[int32]bool{}}.next(t)
	for outage := 1; outage <= 2; outage++ {
		before := relay.accepted.Load()
		relay.limit(0)
		relay.cut()
		waitUntil(t, func() bool { return relay.accepted.Load() >= before+3 })
		relay.heal()
		waitUntil(t, func() bool { return strings.Count(log.String(), "arrive again") == outage })
		if n := strings.Count(log.String(), "do not arrive"); n != outage {
			t.Errorf("%d lines for %d outages:\n%s", n, outage, log.String())
		}
	}
	if n := strings.Count(log.String(), "the connection was lost"); n != 2 {
		t.Errorf("%d lines say that a connection was lost, want 2:\n%s", n, log.String())
	}
	exec(t, conn, `INSERT INTO tenants (identifier, name) VALUES ('acme', 'Acme')`)
	next()
}
