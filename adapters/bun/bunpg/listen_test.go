package bunpg_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noPoll leaves the wake-up of Watch to notifications.
var noPoll = bunpg.WithStore(bunstore.WithPollInterval(time.Hour))

// follow starts a watch after the newest change, and returns a function that
// waits for the next one.
func follow(t testing.TB, store *bunstore.Store) func() tenancy.Change {
	t.Helper()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	next, stop := iter.Pull2(store.Watch(ctx, head.Newest))
	t.Cleanup(func() { stop(); cancel() })
	return func() tenancy.Change {
		t.Helper()
		for {
			change, err, ok := next()
			switch {
			case !ok:
				t.Fatal("the watch has ended")
			case err == nil:
				return change
			case !errors.Is(err, tenancy.ErrUnavailable):
				t.Fatal(err)
			}
		}
	}
}

const listening = `SELECT count(*) FROM pg_stat_activity
	WHERE datname = current_database() AND application_name = 'tenantstore' AND query LIKE 'LISTEN%'`

func TestListensFromTheFirstWatchUntilClose(t *testing.T) {
	dsn := newDatabase(t)
	conn := connect(t, dsn)
	store, err := bunpg.Open(t.Context(), dsn, noPoll)
	if err != nil {
		t.Fatal(err)
	}
	create(t, store, "acme")
	if n := one[int](t, conn, listening); n != 0 {
		t.Errorf("%d sessions listen before the first Watch", n)
	}
	first, second := follow(t, store), follow(t, store)
	for range 2 {
		exec(t, conn, `UPDATE tenants SET name = 'B'`)
		for _, next := range []func() tenancy.Change{first, second} {
			if c := next(); c.Op != tenancy.OpUpdate {
				t.Errorf("change %+v", c)
			}
		}
		waitUntil(t, func() bool { return one[int](t, conn, listening) > 0 })
	}
	if n := one[int](t, conn, listening); n != 1 {
		t.Errorf("%d sessions listen, want 1 for all watches", n)
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
			store := open(t, dsn, bunpg.WithStore(bunstore.WithPollInterval(c.poll)))
			create(t, store, "acme")
			next, conn := follow(t, store), connect(t, dsn)
			last := tenancy.Revision(2)
			for range 10 {
				for range 3 {
					exec(t, conn, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE `+c.sessions)
					exec(t, conn, `UPDATE tenants SET name = name`)
				}
				for range 3 {
					change := next()
					if change.Position.Revision != last+1 {
						t.Fatalf("change %d follows %d", change.Position.Revision, last)
					}
					last = change.Position.Revision
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
				bunpg.WithConnectTimeout(100*time.Millisecond), bunpg.WithHeartbeat(50*time.Millisecond))
			create(t, store, "acme")
			next, conn := follow(t, store), connect(t, dsn)
			for round := range 3 {
				exec(t, conn, `UPDATE tenants SET name = name`)
				drop(relay)
				exec(t, conn, `UPDATE tenants SET name = name`)
				for i := range 2 {
					if c := next(); c.Position.Revision != tenancy.Revision(3+2*round+i) {
						t.Fatalf("round %d: change %+v", round, c)
					}
				}
			}
		})
	}
}

func TestPollsWithoutListening(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn, bunpg.WithoutListen(), bunpg.WithStore(bunstore.WithPollInterval(time.Millisecond)))
	next, conn := follow(t, store), connect(t, dsn)
	exec(t, conn, `INSERT INTO tenants (identifier, name) VALUES ('acme', 'Acme')`)
	if c := next(); c.Op != tenancy.OpCreate {
		t.Errorf("change %+v", c)
	}
	if n := one[int](t, conn, listening); n != 0 {
		t.Errorf("%d sessions listen", n)
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
	next := follow(t, store)
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
