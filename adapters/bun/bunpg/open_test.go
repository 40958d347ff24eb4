package bunpg_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// open opens a store and closes it when the test ends.
func open(t testing.TB, dsn string, opts ...bunpg.Option) *bunstore.Store {
	t.Helper()
	store, err := bunpg.Open(t.Context(), dsn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func create(t testing.TB, store tenancy.Store, identifier string) tenancy.Tenant {
	t.Helper()
	created, err := store.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: identifier})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func TestOpenMigrates(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn)
	want := create(t, store, "acme")
	for _, s := range []*bunstore.Store{store, open(t, dsn), open(t, dsn, bunpg.WithoutMigrate())} {
		got, err := s.GetByIdentifier(t.Context(), "acme")
		if err != nil || got != want {
			t.Errorf("got %+v, error %v, want %+v", got, err, want)
		}
		if got.CreatedAt.Location() != time.UTC || got.UpdatedAt.Location() != time.UTC {
			t.Errorf("times are not in UTC: %v, %v", got.CreatedAt, got.UpdatedAt)
		}
	}
}

func TestOpenWithoutMigrateLeavesTheDatabaseAlone(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn, bunpg.WithoutMigrate())
	_, err := store.GetByIdentifier(t.Context(), "acme")
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "Migrate") {
		t.Errorf("error %v does not say that Migrate is missing", err)
	}
	if n := one[int](t, connect(t, dsn), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); n != 0 {
		t.Errorf("%d tables were made", n)
	}
}

func TestCloseClosesThePool(t *testing.T) {
	dsn := newDatabase(t)
	store, err := bunpg.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	create(t, store, "acme")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
	waitForSessions(t, dsn, 0)
}

// waitForSessions returns when the store has so many sessions in the database.
func waitForSessions(t testing.TB, dsn string, want int) {
	t.Helper()
	conn := connect(t, dsn)
	const count = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tenantstore'`
	waitUntil(t, func() bool { return one[int](t, conn, count) == want })
}

// waitUntil returns when condition holds.
func waitUntil(t testing.TB, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true")
		}
	}
}

func TestSessionSettings(t *testing.T) {
	dsn := newDatabase(t)
	admin := connect(t, dsn)
	name := one[string](t, admin, `SELECT current_database()`)
	// What a role or database is set to must not change what a store relies on.
	for _, setting := range []string{
		`default_transaction_isolation = 'serializable'`, `default_transaction_read_only = on`,
		`lock_timeout = '1h'`, `timezone = 'Asia/Kathmandu'`, `client_encoding = 'LATIN1'`, `search_path = ''`,
		`standard_conforming_strings = on`, `datestyle = 'SQL, DMY'`, `intervalstyle = 'iso_8601'`, `bytea_output = 'escape'`,
	} {
		exec(t, admin, `ALTER DATABASE `+name+` SET `+setting)
	}
	store := open(t, dsn)
	want, err := store.Create(t.Context(), tenancy.Tenant{
		Identifier: "acme", Name: "Ä 🙂", Metadata: metadata(t, `{"k":"ü🙂"}`),
		CreatedAt: time.Date(1999, 12, 31, 23, 59, 59, 123456000, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := store.GetByID(t.Context(), want.ID); err != nil || got != want {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
	if got := one[string](t, admin, `SELECT name FROM tenants`); got != want.Name {
		t.Errorf("name is stored as %s", got)
	}
	if want.Name != "Ä 🙂" || want.CreatedAt.Second() != 59 || want.CreatedAt.Nanosecond() != 123456000 {
		t.Errorf("stored as %+v", want)
	}
}

func TestDSNSettingsWin(t *testing.T) {
	dsn := newDatabase(t)
	settings := func(dsn string, opts ...bunpg.Option) string {
		conn := connect(t, dsn)
		exec(t, conn, `DROP TABLE IF EXISTS seen; DROP FUNCTION IF EXISTS see CASCADE`)
		open(t, dsn, opts...) // migrates
		exec(t, conn, `CREATE TABLE seen (line text);
			CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				INSERT INTO seen VALUES (concat_ws(' ', current_setting('lock_timeout'), current_setting('application_name'),
					current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_isolation')));
				RETURN NEW; END $$;
			CREATE TRIGGER see BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION see()`)
		create(t, open(t, dsn, opts...), "t-"+tenancy.NewID())
		return one[string](t, conn, `SELECT line FROM seen`)
	}
	if got, want := settings(dsn), "500ms tenantstore 10s read committed"; got != want {
		t.Errorf("defaults: %s, want %s", got, want)
	}
	own := dsn + "&lock_timeout=700&application_name=mine&idle_in_transaction_session_timeout=0&default_transaction_isolation=serializable"
	if got, want := settings(own), "700ms mine 0 read committed"; got != want {
		t.Errorf("with DSN: %s, want %s", got, want)
	}
	if got, want := settings(dsn+"&options=-c%20application_name%3Dlock_timeout"), "500ms tenantstore 10s read committed"; got != want {
		t.Errorf("with other options in the DSN: %s, want %s", got, want)
	}
	options := dsn + "&options=-c%20lock_timeout%3D700%20--idle-in-transaction-session-timeout%3D0"
	if got, want := settings(options), "700ms tenantstore 0 read committed"; got != want {
		t.Errorf("with options in the DSN: %s, want %s", got, want)
	}
	if got, want := settings(options, bunpg.WithLockTimeout(90*time.Millisecond)), "90ms tenantstore 0 read committed"; got != want {
		t.Errorf("with options in the DSN and an option: %s, want %s", got, want)
	}
	if got, want := settings(own, bunpg.WithLockTimeout(90*time.Millisecond)), "90ms mine 0 read committed"; got != want {
		t.Errorf("with option: %s, want %s", got, want)
	}
	if got, want := settings(dsn, bunpg.WithPgBouncer(), bunpg.WithLockTimeout(90*time.Millisecond)), "90ms tenantstore 0 read committed"; got != want {
		t.Errorf("behind a pooler: %s, want %s", got, want)
	}
}

// A pooler refuses startup parameters, wherever they come from.
func TestPgBouncerModeSendsNoStartupParameters(t *testing.T) {
	dsn := newDatabase(t)
	pooler := newPooler(t, dsn, false)
	own := pooler.url + "&lock_timeout=700&search_path=public&options=-c%20work_mem%3D64kB"
	create(t, open(t, own, bunpg.WithPgBouncer()), "acme")

	_, err := bunpg.Open(t.Context(), own)
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "WithPgBouncer") {
		t.Errorf("error %v does not name the option", err)
	}
}

// A pooler that ignores startup parameters gives no error by which somebody could find
// out that WithPgBouncer was forgotten: settings would be missing, and prepared
// statements too, later.
func TestForgottenWithPgBouncerIsNoticed(t *testing.T) {
	pooler := newPooler(t, newDatabase(t), false)
	pooler.ignores.Store(true)
	_, err := bunpg.Open(t.Context(), pooler.url)
	var e *tenancy.Error
	if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &e) || e.Field != "dsn" || !strings.Contains(err.Error(), "WithPgBouncer") {
		t.Errorf("%v; want ErrInvalid that names the option", err)
	}
	create(t, open(t, pooler.url, bunpg.WithPgBouncer()), "acme")
}

func TestStandbyIsRefused(t *testing.T) {
	pooler := newPooler(t, newDatabase(t), true)
	for _, attrs := range []string{"any", "prefer-standby", "standby", "read-write"} {
		_, err := bunpg.Open(t.Context(), pooler.url+"&target_session_attrs="+attrs, bunpg.WithPgBouncer())
		if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "standby") {
			t.Errorf("%s: error %v does not say that the server is a standby", attrs, err)
		}
	}
}

func metadata(t testing.TB, object string) tenancy.Metadata {
	t.Helper()
	m, err := tenancy.ParseMetadata([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPoolIsBounded(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn, bunpg.WithPool(bunpg.Pool{Size: 2, Overflow: 1}), bunpg.WithLockTimeout(time.Hour))
	blocker := connect(t, dsn)
	exec(t, blocker, `BEGIN`)
	exec(t, blocker, `LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE`)
	const readers = 10
	errs := make(chan error, readers)
	for range readers {
		go func() {
			_, err := store.Exists(context.Background(), "1")
			errs <- err
		}()
	}
	waitForSessions(t, dsn, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := store.Exists(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v while all connections are busy, want DeadlineExceeded", err)
	}
	waitForSessions(t, dsn, 3)
	exec(t, blocker, `COMMIT`)
	for range readers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	waitForSessions(t, dsn, 2)
}

func TestOptionsAreChecked(t *testing.T) {
	const dsn = "postgres://127.0.0.1:1/none"
	for field, opts := range map[string][]bunpg.Option{
		"pool.size": {
			bunpg.WithPool(bunpg.Pool{}), bunpg.WithPool(bunpg.Pool{Size: -1}), bunpg.WithPool(bunpg.Pool{Size: math.MaxInt}),
			bunpg.WithPool(bunpg.Pool{Size: math.MaxInt, Overflow: math.MaxInt}),
		},
		"pool.overflow": {
			bunpg.WithPool(bunpg.Pool{Size: 1, Overflow: -1}), bunpg.WithPool(bunpg.Pool{Size: 1, Overflow: math.MaxInt}),
		},
		"pool.max_lifetime": {
			bunpg.WithPool(bunpg.Pool{Size: 1, MaxLifetime: -1}), bunpg.WithPool(bunpg.Pool{Size: 1, MaxLifetime: math.MaxInt64}),
		},
		"pool.max_idle_time": {
			bunpg.WithPool(bunpg.Pool{Size: 1, MaxIdleTime: -1}), bunpg.WithPool(bunpg.Pool{Size: 1, MaxIdleTime: math.MaxInt64}),
		},
		"connect_timeout": {bunpg.WithConnectTimeout(-1), bunpg.WithConnectTimeout(1), bunpg.WithConnectTimeout(math.MaxInt64)},
		"lock_timeout":    {bunpg.WithLockTimeout(-1), bunpg.WithLockTimeout(time.Microsecond), bunpg.WithLockTimeout(math.MaxInt64)},
		"listen_dsn":      {bunpg.WithListenDSN("postgres://u:p@:x/"), bunpg.WithListenDSN("mysql://u:p@h/")},
	} {
		for i, opt := range opts {
			_, err := bunpg.Open(t.Context(), dsn, opt)
			var e *tenancy.Error
			if !errors.As(err, &e) || e.Field != field || !errors.Is(err, tenancy.ErrInvalid) {
				t.Errorf("%s, %d: error %v", field, i, err)
			}
		}
	}
	for _, timeout := range []string{"99999", "99999999999", "-1", "9223372036854775807", "99999999999999999999", "soon"} {
		_, err := bunpg.Open(t.Context(), dsn+"?connect_timeout="+timeout)
		if timeout != "-1" && !errors.Is(err, tenancy.ErrInvalid) { // for libpq, -1 is none
			t.Errorf("connect_timeout=%s: %v", timeout, err)
		}
	}
	// What is at the limit works as well as anything.
	for _, opt := range []bunpg.Option{
		bunpg.WithPool(bunpg.Pool{Size: 10_000, Overflow: 10_000, MaxLifetime: 365 * 24 * time.Hour, MaxIdleTime: 365 * 24 * time.Hour}),
		bunpg.WithConnectTimeout(24 * time.Hour), bunpg.WithLockTimeout(24 * time.Hour), bunpg.WithConnectTimeout(time.Millisecond),
	} {
		if _, err := bunpg.Open(t.Context(), dsn, opt); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("at the limit: %v", err)
		}
	}
}

const canary = "c4n4ry"

// A DSN, however malformed, must not show in an error, nor anything reachable
// from it.
func TestErrorsHideTheDSN(t *testing.T) {
	good, err := url.Parse(newDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*url.URL)) string {
		u := *good
		change(&u)
		return u.String()
	}
	for name, c := range map[string]struct {
		dsn  string
		want error
	}{
		"wrong password":         {with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), canary) }), tenancy.ErrUnavailable},
		"wrong user":             {with(func(u *url.URL) { u.User = url.UserPassword("nobody", canary) }), tenancy.ErrUnavailable},
		"missing database":       {with(func(u *url.URL) { u.Path = "/" + canary }), tenancy.ErrUnavailable},
		"nobody listens":         {"postgres://u:" + canary + "@127.0.0.1:1/db", tenancy.ErrUnavailable},
		"unknown host":           {"postgres://u:" + canary + "@" + canary + ".invalid/db", tenancy.ErrUnavailable},
		"missing socket":         {"host=/nonexistent/" + canary + " password=" + canary, tenancy.ErrUnavailable},
		"no TLS":                 {good.String() + "&sslmode=verify-full&sslrootcert=/nonexistent/" + canary, tenancy.ErrInvalid},
		"TLS refused":            {strings.Replace(good.String(), "sslmode=disable", "sslmode=require", 1), tenancy.ErrUnavailable},
		"bad parameter":          {good.String() + "&" + canary + "=1", tenancy.ErrInvalid},
		"password as port":       {"postgres://u:" + canary, tenancy.ErrInvalid},
		"slash in password":      {"postgres://u:12/" + canary + "@127.0.0.1/db", tenancy.ErrInvalid},
		"at in password":         {"postgres://u:a@" + canary + "@127.0.0.1:1/db", tenancy.ErrInvalid},
		"percent in password":    {"postgres://u:%zz" + canary + "@127.0.0.1/db", tenancy.ErrInvalid},
		"hash in password":       {"postgres://u:#" + canary + "@127.0.0.1/db", tenancy.ErrUnavailable},
		"question mark":          {"postgres://u:?" + canary + "@127.0.0.1/db", tenancy.ErrUnavailable},
		"bracket in password":    {"postgres://u:[" + canary + "@127.0.0.1/db", tenancy.ErrUnavailable},
		"space in password":      {"host=127.0.0.1 password=a " + canary, tenancy.ErrInvalid},
		"open quote":             {"host=127.0.0.1 password='" + canary, tenancy.ErrInvalid},
		"no keyword":             {canary, tenancy.ErrInvalid},
		"other scheme":           {"mysql://u:" + canary + "@127.0.0.1/db", tenancy.ErrInvalid},
		"NUL":                    {"host=127.0.0.1 password=" + canary + "\x00", tenancy.ErrInvalid},
		"bad timeout":            {"host=127.0.0.1 connect_timeout=" + canary, tenancy.ErrInvalid},
		"bad sslmode":            {"host=127.0.0.1 sslmode=" + canary, tenancy.ErrInvalid},
		"bad session attributes": {"host=127.0.0.1 target_session_attrs=" + canary, tenancy.ErrInvalid},
		"bad mode":               {"host=127.0.0.1 default_query_exec_mode=" + canary, tenancy.ErrInvalid},
		"missing service":        {"service=" + canary + " servicefile=/nonexistent/" + canary, tenancy.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			store, err := bunpg.Open(t.Context(), c.dsn, bunpg.WithLogger(logger))
			if err == nil {
				t.Fatal("opened", errors.Join(store.Close()))
			}
			var e *tenancy.Error
			if !errors.Is(err, c.want) || !errors.As(err, &e) || e.Op == "" {
				t.Errorf("error %v, want %v", err, c.want)
			}
			var connect *pgconn.ConnectError
			var parse *pgconn.ParseConfigError
			if errors.As(err, &connect) || errors.As(err, &parse) {
				t.Errorf("error leads to the driver's, which holds the DSN: %v", err)
			}
			shown := fmt.Sprintf("%v\n%+v\n%#v\n%s", err, err, err, log.String())
			if strings.Contains(shown, canary) {
				t.Errorf("the DSN shows: %s", shown)
			}
			t.Log(err)
		})
	}
}

// The texts by which an operator finds what to mend.
func TestErrorsOfOpenSayWhatToMend(t *testing.T) {
	good := newDatabase(t)
	for dsn, want := range map[string]struct {
		reason error
		says   string
	}{
		strings.Replace(good, "sslmode=disable", "sslmode=require", 1): {tenancy.ErrUnavailable, "the server does not offer TLS; see sslmode"},
		good + "&nosuchparameter=1":                                    {tenancy.ErrInvalid, "the server does not know a parameter of the connection string"},
		good + "&lock_timeout=soon":                                    {tenancy.ErrInvalid, "refuses the value of a parameter"},
		good + "&options=-c%20nosuchparameter%3D1":                     {tenancy.ErrInvalid, "the server does not know a parameter of the connection string"},
	} {
		_, err := bunpg.Open(t.Context(), dsn)
		if !errors.Is(err, want.reason) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("error %v, want one that says %q", err, want.says)
		}
	}
}

func TestServerErrorCanBeReached(t *testing.T) {
	u, err := url.Parse(newDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/nosuchdatabase"
	_, err = bunpg.Open(t.Context(), u.String())
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Code != "3D000" {
		t.Errorf("error %v leads to %v", err, server)
	}
}

// A server that takes the connection and then says nothing.
func TestOpenDoesNotHang(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := silent.Close(); err != nil {
			t.Error(err)
		}
	})
	dsn := "postgres://u:p@" + silent.Addr().String() + "/db"

	_, err = bunpg.Open(t.Context(), dsn, bunpg.WithConnectTimeout(50*time.Millisecond))
	if !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want only ErrUnavailable", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = bunpg.Open(ctx, dsn); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want DeadlineExceeded", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err = bunpg.Open(ctx, dsn); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
}

// A variable of the environment that is not set leaves an empty connection string.
func TestEmptyDSNSaysSo(t *testing.T) {
	t.Setenv("PGHOST", "/nonexistent")
	for _, dsn := range []string{"", "\n", `""`} {
		_, err := bunpg.Open(t.Context(), dsn)
		if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "connection string is empty") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
	if _, err := bunpg.Open(t.Context(), "user=u"); err == nil || strings.Contains(err.Error(), "empty") {
		t.Errorf("%v", err)
	}
}

func TestErrorOfMigrateIsReadable(t *testing.T) {
	_, err := bunpg.Open(t.Context(), newDatabase(t), bunpg.WithStore(bunstore.WithSchema("pg_catalog")))
	if err == nil || strings.Count(err.Error(), "tenancy: ") != 1 {
		t.Errorf("%v", err)
	}
}
