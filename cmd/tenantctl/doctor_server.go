package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/valkey-io/valkey-go"
)

// server looks at the sessions of PostgreSQL, which the store does not show.
func (e *examination) server(ctx context.Context) (all []finding, err error) {
	if e.postgres == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	config, err := pgx.ParseConfig(e.postgres)
	if err != nil {
		return nil, fmt.Errorf("the address: %w", err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements, for poolers
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, check := range []func(context.Context, *pgx.Conn) ([]finding, error){e.serverClock, e.sessions, e.pooler, e.notifications} {
		found, err := check(ctx, conn)
		all = append(all, found...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

const (
	serverTimeout = time.Minute
	// notifyTimeout is how long a notification may take to come back.
	notifyTimeout = 30 * time.Second
)

func (e *examination) serverClock(ctx context.Context, conn *pgx.Conn) ([]finding, error) {
	var server time.Time
	before := time.Now()
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&server); err != nil {
		return nil, err
	}
	after := time.Now()
	if server.Before(before.Add(-maxSkew)) || server.After(after.Add(maxSkew)) {
		return []finding{{"clock", "the clock of the server differs from that of this machine", []string{server.Sub(after).Round(time.Second).String()}}}, nil
	}
	return nil, nil
}

func (e *examination) sessions(ctx context.Context, conn *pgx.Conn) ([]finding, error) {
	idle := several{check: "sessions", problem: "sessions idle in a transaction: they hold locks that writers wait for, and keep the queue of NOTIFY from being emptied"}
	rows, err := conn.Query(ctx, `SELECT pid, coalesce(usename::text, ''), coalesce(application_name, ''), extract(epoch FROM clock_timestamp() - state_change)::bigint
		FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND clock_timestamp() - state_change > $1 * interval '1 second' ORDER BY 1`,
		int64(maxIdle/time.Second))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var pid, seconds int64
		var user, program string
		if err := rows.Scan(&pid, &user, &program, &seconds); err != nil {
			return nil, err
		}
		idle.add(fmt.Sprintf("pid %d of %s (%s), for %d s", pid, user, program, seconds))
	}
	return found(idle), rows.Err()
}

// pooler looks whether the server's process is the one that the connection was told of when it
// began: a pooler has process IDs of its own.
func (e *examination) pooler(ctx context.Context, conn *pgx.Conn) ([]finding, error) {
	if e.a.options.PgBouncer {
		return nil, nil
	}
	var pid uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return nil, err
	}
	if pid != conn.PgConn().PID() {
		return []finding{{"pooler", "the address leads through a pooler: in transaction mode, stores need WithPgBouncer and a direct WithListenDSN (here: --pgbouncer)", nil}}, nil
	}
	return nil, nil
}

// notifications sends one to itself, on a channel of its own.
func (e *examination) notifications(ctx context.Context, conn *pgx.Conn) ([]finding, error) {
	channel := fmt.Sprintf("tenantctl_%d", time.Now().UnixNano())
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "NOTIFY "+channel); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	if _, err := conn.WaitForNotification(ctx); err != nil {
		return []finding{{"notifications", "a notification does not arrive: changes are seen by polling only. Give stores a direct connection (WithListenDSN)", nil}}, nil
	}
	return nil, nil
}

// cache looks at a Valkey or Redis server.
func (e *examination) cache(ctx context.Context) (all []finding, err error) {
	if e.valkey == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{e.valkey}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	text, err := client.Do(ctx, client.B().Info().Build()).ToString()
	if err != nil {
		return nil, err
	}
	return valkeyFindings(infoOf(text)), nil
}

// infoOf parses the answer of INFO.
func infoOf(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// oldestRedis is the major version that valkeytier needs of a server. Valkey calls itself Redis
// 7.2 for old clients.
const oldestRedis = 7

func valkeyFindings(info map[string]string) (all []finding) {
	add := func(problem, detail string) { all = append(all, finding{"valkey", problem, []string{detail}}) }
	major, _, _ := strings.Cut(info["redis_version"], ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestRedis {
		add("the server is older than Valkey 7.2 and Redis 7.0", "redis_version "+info["redis_version"])
	}
	if role := info["role"]; role != "master" {
		add("the server is no primary: it refuses what is written", "role "+role)
	}
	if policy := info["maxmemory_policy"]; !strings.HasPrefix(policy, "allkeys-") {
		add("the server must be able to remove any key when memory is short: set maxmemory-policy allkeys-lru", "maxmemory_policy "+policy)
	}
	if info["maxmemory"] == "0" {
		add("memory has no limit: set maxmemory, for the server may be killed else", "maxmemory 0")
	}
	return all
}
