package bunpg

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// parse returns what connects to dsn, which was given as field, with the
// settings that suit every connection.
func (c config) parse(field, dsn string) (*pgx.ConnConfig, error) {
	conn, err := parseDSN(field, dsn)
	if err != nil {
		return nil, err
	}
	if !c.pgBouncer && (conn.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement || conn.StatementCacheCapacity == 0) {
		return nil, invalid(field, "says by default_query_exec_mode or statement_cache_capacity that there are no prepared statements:"+
			" use WithPgBouncer behind a pooler in transaction mode, else take it out")
	}
	conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = max(conn.StatementCacheCapacity, 512), max(conn.DescriptionCacheCapacity, 512)
	if conn.ConnectTimeout < 0 || conn.ConnectTimeout > maxTimeout { // negative: overflown
		return nil, invalid(field, "connect_timeout must not be negative, and be at most "+maxTimeout.String())
	}
	return c.prepare(conn), nil
}

// prepare gives conn the settings that suit every connection.
func (c config) prepare(conn *pgx.ConnConfig) *pgx.ConnConfig {
	if c.connectTimeout > 0 {
		conn.ConnectTimeout = c.connectTimeout
	} else if conn.ConnectTimeout <= 0 {
		conn.ConnectTimeout = DefaultConnectTimeout
	}
	conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	conn.RuntimeParams["client_encoding"] = "UTF8"
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "tenantstore"
	}
	return conn
}

// target is where connections lead, with credentials that may change meanwhile.
type target struct {
	conn   *pgx.ConnConfig
	reread func() (*pgx.ConnConfig, error) // nil if there is nothing to read
	before func(context.Context, *pgx.ConnConfig) error
}

func (c config) target(field, dsn string) (target, error) {
	reread := func() (*pgx.ConnConfig, error) { return c.parse(field, dsn) }
	conn, err := reread()
	return target{conn, reread, c.beforeConnect}, err
}

// config is for one attempt to connect: with what the files that the connection string
// names (passwords, certificates) hold by now, unless one of them cannot be read.
func (t target) config(ctx context.Context) (*pgx.ConnConfig, error) {
	conn := t.conn.Copy()
	if t.reread != nil {
		if now, err := t.reread(); err == nil {
			conn.Host, conn.Port, conn.Fallbacks = now.Host, now.Port, now.Fallbacks
			conn.User, conn.Password, conn.TLSConfig = now.User, now.Password, now.TLSConfig
		}
	}
	if t.before != nil {
		if err := t.before(ctx, conn); err != nil {
			return nil, &beforeConnectError{err}
		}
	}
	return conn, nil
}

// pooled prepares conn for the connections of the pool.
func (c config) pooled(conn *pgx.ConnConfig) *pgx.ConnConfig {
	conn = conn.Copy()
	if c.pgBouncer {
		// Of startup parameters PgBouncer takes only those that it tracks.
		for name := range conn.RuntimeParams {
			if name != "application_name" && name != "client_encoding" {
				delete(conn.RuntimeParams, name)
			}
		}
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		return conn
	}
	conn.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	params := conn.RuntimeParams
	params["default_transaction_isolation"] = "read committed"
	params["default_transaction_read_only"] = "off"
	params["row_security"] = "off" // policies must not hide rows: rather an error
	preset := func(name string, d time.Duration) {
		// The server reads options first: a parameter of this name would override it.
		if params[name] == "" && !inOptions(params["options"], name) {
			params[name] = milliseconds(d)
		}
	}
	if c.lockTimeout > 0 {
		params["lock_timeout"] = milliseconds(c.lockTimeout)
	}
	preset("lock_timeout", bunstore.DefaultLockTimeout)
	preset("idle_in_transaction_session_timeout", DefaultIdleInTransaction)
	return conn
}

// inOptions reports whether options, which are those of a command line, set the
// parameter: "-c name=value" or "--name=value".
func inOptions(options, name string) bool {
	return slices.ContainsFunc(strings.Fields(options), func(word string) bool {
		word = strings.TrimPrefix(strings.TrimPrefix(word, "--"), "-c")
		set, _, _ := strings.Cut(word, "=")
		return strings.EqualFold(strings.ReplaceAll(set, "-", "_"), name)
	})
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// quoteIdentifier quotes a name for SQL.
func quoteIdentifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
