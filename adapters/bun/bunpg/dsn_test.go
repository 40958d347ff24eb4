package bunpg_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// doorman takes connections, remembers what clients introduce themselves with, and
// closes them.
type doorman struct {
	host, port string
	addr       string
	came       atomic.Int64

	mu       sync.Mutex
	settings map[string]string // of the last one
}

func newDoorman(t testing.TB) *doorman {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &doorman{addr: listener.Addr().String()}
	if d.host, d.port, err = net.SplitHostPort(d.addr); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			d.came.Add(1)
			message, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage()
			if startup, ok := message.(*pgproto3.StartupMessage); ok && err == nil {
				d.mu.Lock()
				d.settings = startup.Parameters
				d.mu.Unlock()
			}
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	return d
}

func (d *doorman) last() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settings
}

// Where the variables of the environment lead, nobody must come with a connection
// string that was misunderstood: that server would log the password.
func TestMisspeltDSNIsNotSentAnywhere(t *testing.T) {
	elsewhere, named := newDoorman(t), newDoorman(t)
	t.Setenv("PGHOST", elsewhere.host)
	t.Setenv("PGPORT", elsewhere.port)
	t.Setenv("PGSSLMODE", "disable")
	where := named.addr + "/app?sslmode=disable"
	good := "postgres://app:" + canary + "@" + where
	keywords := "host=" + named.host + " port=" + named.port + " user=app dbname=app password=" + canary + " sslmode=disable"

	t.Run("harmless", func(t *testing.T) {
		for _, dsn := range []string{
			good, " " + good, good + "\n", "\t" + good + "\r\n", "\ufeff" + good, "\u00a0" + good,
			`"` + good + `"`, "'" + good + "'", "`" + good + "`", " \"" + good + "\"\n", "\"" + good + "\n\"", "“" + good + "”",
			"POSTGRES://app:" + canary + "@" + where, "PostgreSQL://app:" + canary + "@" + where, "Postgres://app:" + canary + "@" + where,
			keywords, "\n" + keywords + "\n", `"` + keywords + `"`, strings.ReplaceAll(keywords, " ", "\n"),
			"postgres://app:a%40b@" + where, "postgres://app:#" + canary + "@" + where, "postgres://app:a?b@" + where,
			"postgresql:///app?host=" + named.host + "&port=" + named.port + "&user=app",
			"postgres://" + where + "&user=app%40corp&password=" + canary,
			keywords + " application_name=https://app.example.com", keywords + " search_path=a,b TimeZone=UTC app.url=https://a.example",
		} {
			before := named.came.Load()
			_, err := bunpg.Open(t.Context(), dsn)
			if !errors.Is(err, tenancy.ErrUnavailable) || named.came.Load() == before {
				t.Errorf("%q: %v; want it to connect", dsn, err)
			}
		}
	})

	for _, c := range []struct{ dsn, says string }{
		{"postgresql+asyncpg://app:" + canary + "@" + where, "driver"},
		{"postgresql+psycopg2://app:" + canary + "@" + where, "driver"},
		{"postgres+pool://app:" + canary + "@" + where, "driver"},
		{"POSTGRESQL+PSYCOPG://app:" + canary + "@" + where, "driver"},
		{"jdbc:postgresql://" + where + "&user=app&password=" + canary, "driver"},
		{"JDBC:postgresql://" + where + "&user=app&password=" + canary, "driver"},
		{"pgx5://app:" + canary + "@" + where, "driver"},
		{"pgx://app:" + canary + "@" + where, "driver"},
		{"pgsql://app:" + canary + "@" + where, "driver"},
		{"postgis://app:" + canary + "@" + where, "driver"},
		{"postgres:app:" + canary + "@" + where, "slashes"},
		{"postgres:/app:" + canary + "@" + where, "slashes"},
		{"mysql://app:" + canary + "@" + where, "MySQL"},
		{"mysql+pymysql://app:" + canary + "@" + where, "MySQL"},
		{"mariadb://app:" + canary + "@" + where, "MariaDB"},
		{"mongodb+srv://app:" + canary + "@" + where, "MongoDB"},
		{"redis://app:" + canary + "@" + where, "Redis"},
		{"sqlite:" + canary + ".db?mode=rwc", "SQLite"},
		{"sqlite:///" + canary + ".db?mode=rwc", "SQLite"},
		{"file:" + canary + ".db?mode=rwc", "file"},
		{"https://" + canary + ".example.com/?a=b", "web server"},
		{"nosuch://app:" + canary + "@" + where, "another database"},
		{"DATABASE_URL=" + good, "database_url"},
		{"export DATABASE_URL=" + good, "must begin with"},
		{"dsn=" + good, "dsn"},
		{"x=" + good, "neither"},
		{"dbname=" + good, "name of user or database"},
		{"user=" + good, "name of user or database"},
		{"psql " + good, "must begin with"},
		{"psql '" + good + "'", "must begin with"},
		{`"` + good, "must begin with"},
		{"<" + good + ">", "must begin with"},
		{"$DATABASE_URL?a=" + canary, "must begin with"},
		{"${DATABASE_URL}=" + canary, "must begin with"},
		{"{{ .dsn }}=" + canary, "must begin with"},
		{"//app:" + canary + "@" + where, "must begin with"},
		{"app:" + canary + "@" + where, "must begin with"},
		{where + "&password=" + canary, "must begin with"},
		{"db." + canary + ".example.com?sslmode=disable", "must begin with"},
		{"HOST=" + named.host + " PASSWORD=" + canary, "capitals"},
		{"Host=" + named.host + ";Username=app;Password=" + canary, "capitals"},
		{"Server=" + named.host + ";User Id=app;Password=" + canary, "neither"},
		{"server=" + named.host + ";password=" + canary, "server"},
		{"data=" + named.host + ";password=" + canary, "neither"},
		{"Data Source=" + named.host + ";Password=" + canary, "must begin with"},
		{good + "&PASSWORD=" + canary, "capitals"},
		{good + "&Host=elsewhere", "capitals"},
		{"postgres://app:" + canary + "\n" + canary + "@" + where, "line break"},
		{"postgres://app: " + canary + "@" + where, "blank"},
		{good + " sslmode=disable", "blank"},
		{"postgres://app:12/" + canary + "@" + where, "%2F"},
		{"postgres://app:a@" + canary + "@" + where, "%40"},
		{"postgres://" + named.addr + "/app/" + canary, "%2F"},
		{"postgres://app:" + canary + "@$HOST/app", "host"},
		{"postgres://app:" + canary + "@{{ .host }}/app", "blank"},
		{"postgres://app:" + canary + "@<host>/app", "host"},
		{"postgres://127.0.0.1:1/app?" + canary + "=ef@127.0.0.1", "neither"},
		{good + "&a%20b=" + canary, "neither"},
		{"postgres://" + named.addr + "/app&password=" + canary, "after a ?"},
		{"postgres://" + named.addr + "/app;sslmode=disable;password=" + canary, "after a ?"},
	} {
		for _, opts := range [][]bunpg.Option{nil, {bunpg.WithPgBouncer()}} {
			_, err := bunpg.Open(t.Context(), c.dsn, opts...)
			var e *tenancy.Error
			if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &e) || e.Field != "dsn" || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v; want ErrInvalid that says %q", c.dsn, err, c.says)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
				t.Errorf("%q shows in %v", c.dsn, err)
			}
		}
		if _, err := bunpg.Open(t.Context(), good, bunpg.WithListenDSN(c.dsn)); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%q to listen: %v, want ErrInvalid", c.dsn, err)
		}
	}
	if n := elsewhere.came.Load(); n != 0 {
		t.Errorf("%d connections went where the environment says", n)
	}
}

// The parameters of libpq are taken, and are no settings of the session.
func TestParametersOfLibpq(t *testing.T) {
	server := newDoorman(t)
	base := "postgres://app:secret@" + server.addr + "/app?sslmode=disable&"
	for _, parameter := range []string{
		"gssencmode=disable", "gssencmode=prefer", "keepalives=1", "keepalives=0", "keepalives_idle=30", "keepalives_interval=10",
		"keepalives_count=3", "tcp_user_timeout=20000", "load_balance_hosts=random", "load_balance_hosts=disable", "sslcompression=0",
		"fallback_application_name=mine", "channel_binding=prefer", "channel_binding=disable", "requiressl=0", "krbsrvname=postgres", "gsslib=gssapi",
		"gssdelegation=0", "sslsni=1", "sslnegotiation=postgres", "sslcertmode=allow", "sslcrl=", "sslcrldir=", "ssl_min_protocol_version=TLSv1.2",
		"ssl_max_protocol_version=TLSv1.3", "require_auth=scram-sha-256", "min_protocol_version=3.0", "max_protocol_version=3.2", "replication=false",
		"target_session_attrs=any", "connect_timeout=5", "passfile=/nonexistent", "requirepeer=", "hostaddr=127.0.0.1", "sslkeylogfile=/nonexistent",
		"keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=20000",
	} {
		before := server.came.Load()
		_, err := bunpg.Open(t.Context(), base+parameter)
		if !errors.Is(err, tenancy.ErrUnavailable) || server.came.Load() == before {
			t.Errorf("%s: %v; want it to connect", parameter, err)
			continue
		}
		name, _, _ := strings.Cut(parameter, "=")
		if value, sent := server.last()[name]; sent {
			t.Errorf("%s is sent to the server: %s", name, value)
		}
	}
	if _, err := bunpg.Open(t.Context(), base+"fallback_application_name=mine"); server.last()["application_name"] != "mine" {
		t.Errorf("%v, %v", err, server.last())
	}
	if _, err := bunpg.Open(t.Context(), base+"fallback_application_name=mine&application_name=other"); server.last()["application_name"] != "other" {
		t.Errorf("%v, %v", err, server.last())
	}
	if _, err := bunpg.Open(t.Context(), base+"TimeZone=Asia/Kathmandu"); server.last()["timezone"] != "Asia/Kathmandu" {
		t.Errorf("%v, %v", err, server.last())
	}
	before := server.came.Load()
	byAddress := "postgres://app:secret@db.invalid:" + server.port + "/app?sslmode=disable&hostaddr=" + server.host
	if _, err := bunpg.Open(t.Context(), byAddress); server.came.Load() == before {
		t.Errorf("hostaddr: %v; want it to connect", err)
	}
}

// What others put into URLs is named, with what to do instead.
func TestForeignParameters(t *testing.T) {
	server := newDoorman(t)
	base := "postgres://app:" + canary + "@" + server.addr + "/app?sslmode=disable&"
	for parameter, says := range map[string]string{
		"schema=public": "WithSchema", "currentSchema=a": "WithSchema", "pgbouncer=true": "WithPgBouncer",
		"connection_limit=5": "WithPool", "pool_max_conns=10": "WithPool", "pool_min_conns=1": "WithPool", "pool_timeout=0": "WithPool",
		"pool_max_conn_lifetime=1h": "WithPool", "statement_cache_mode=describe": "WithPgBouncer", "statement-cache-capacity=0": "WithPgBouncer",
		"prepared_statement_cache_size=0": "WithPgBouncer", "prepareThreshold=0": "WithPgBouncer",
		"default_query_exec_mode=simple_protocol": "WithPgBouncer", "statement_cache_capacity=0": "WithPgBouncer",
		"socket_timeout=3": "deadline", "sslaccept=strict": "sslmode", "ssl=false": "sslmode", "ApplicationName=a": "application_name",
		"gssencmode=require": "gssencmode", "requiressl=1": "sslmode=require", "requirepeer=postgres": "requirepeer", "sslcrl=/etc/crl": "sslcrl",
		"replication=database": "replication", "load_balance_hosts=maybe": "load_balance_hosts", "keepalives_idle=soon": "keepalives_idle",
		"tcp_user_timeout=-1": "tcp_user_timeout", "ssl_min_protocol_version=SSLv3": "ssl_min_protocol_version", "hostaddr=db.example.com": "hostaddr",
		"hostaddr=127.0.0.1,127.0.0.2": "hostaddr", "charset=utf8": "UTF8", "service=" + canary: "must be a PostgreSQL URL",
	} {
		_, err := bunpg.Open(t.Context(), base+parameter)
		name, _, _ := strings.Cut(parameter, "=")
		if !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v; want ErrInvalid that says %q", name, err, says)
		}
	}
	if n := server.came.Load(); n != 0 {
		t.Errorf("%d connections to the server", n)
	}
	_, err := bunpg.Open(t.Context(), base+"pgbouncer=true", bunpg.WithPgBouncer())
	if !errors.Is(err, tenancy.ErrInvalid) {
		t.Error(err)
	}
	if _, err := bunpg.Open(t.Context(), base+"default_query_exec_mode=exec&statement_cache_capacity=0", bunpg.WithPgBouncer()); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("%v; want it to connect", err)
	}
}
