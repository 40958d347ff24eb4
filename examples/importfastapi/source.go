package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// columns are those of fastapi-tenancy's table, without updated_at: a store sets that
// itself.
var columns = [...]string{
	"id", "identifier", "name", "status", "isolation_strategy", "database_url", "schema_name", "tenant_metadata", "created_at",
}

// row has the values of columns; NULL is empty.
type row [len(columns)]string

// source yields the rows of the table, oldest first.
type source struct {
	rows  iter.Seq2[row, error]
	close func() error
}

// cleaned takes off what comes with an address out of a file of variables, and puts the
// scheme of a URL into lower case.
func cleaned(name string) string {
	name = strings.TrimSpace(name)
	if n := len(name); n > 1 && name[0] == name[n-1] && (name[0] == '"' || name[0] == '\'') {
		name = strings.TrimSpace(name[1 : n-1])
	}
	if scheme, rest, found := strings.Cut(name, "://"); found {
		name = strings.ToLower(scheme) + "://" + rest
	}
	return name
}

// isPostgres recognises URLs of PostgreSQL, with or without a driver of SQLAlchemy.
func isPostgres(name string) bool { return isURL(name, "postgres", "postgresql") }

// isMySQL recognises URLs of MySQL and MariaDB, with or without a driver of SQLAlchemy.
func isMySQL(name string) bool { return isURL(name, "mysql", "mariadb") }

func isURL(name string, kinds ...string) bool {
	scheme, _, found := strings.Cut(name, "://")
	kind, _, _ := strings.Cut(scheme, "+")
	return found && slices.Contains(kinds, kind)
}

// mysqlURL takes the driver of SQLAlchemy off.
func mysqlURL(name string) string {
	_, rest, _ := strings.Cut(name, "://")
	return "mysql://" + rest
}

// postgresURL takes the driver of SQLAlchemy off, and the parameters that only its
// driver asyncpg knows: ssl has the values of sslmode.
func postgresURL(name string) string {
	_, rest, _ := strings.Cut(name, "://")
	at := strings.LastIndexByte(rest, '?')
	if at < 0 {
		return "postgres://" + rest
	}
	var kept []string
	for parameter := range strings.SplitSeq(rest[at+1:], "&") {
		key, value, _ := strings.Cut(parameter, "=")
		switch key {
		case "prepared_statement_cache_size":
			continue
		case "ssl":
			parameter = "sslmode=" + value
		}
		kept = append(kept, parameter)
	}
	if rest = rest[:at]; len(kept) > 0 {
		rest += "?" + strings.Join(kept, "&")
	}
	return "postgres://" + rest
}

// sqliteFile takes sqlite:/// or sqlite+aiosqlite:/// off. The URL of another database
// is none; the error does not show it, as it may hold a password.
func sqliteFile(name string) (string, error) {
	if scheme, path, found := strings.Cut(name, ":///"); found && (scheme == "sqlite" || strings.HasPrefix(scheme, "sqlite+")) {
		return path, nil
	}
	if keywords.MatchString(name) {
		return "", errors.New("this is a list of keyword=value; give a URL, postgres://…")
	}
	if strings.Contains(name, "://") {
		return "", errors.New("this URL is none of PostgreSQL, MySQL or SQLite; export the table of another database to a .csv file")
	}
	return name, nil
}

var keywords = regexp.MustCompile(`(?i)^(host|hostaddr|port|user|password|dbname|service|server|data source)\s*=`)

func openSource(ctx context.Context, name, table string) (source, error) {
	if strings.HasSuffix(name, ".csv") && !strings.Contains(name, "://") {
		return openCSV(name)
	}
	var db *sql.DB
	var err error
	switch {
	case isPostgres(name):
		db, err = openPostgres(postgresURL(name))
	case isMySQL(name):
		db, err = openMySQL(mysqlURL(name))
	default:
		var file string
		if file, err = sqliteFile(name); err != nil {
			return source{}, err
		}
		if _, err := os.Stat(file); err != nil { // the driver would create it
			var failed *os.PathError // names the file, which may be a misspelt URL
			if errors.As(err, &failed) {
				err = fmt.Errorf("the SQLite file to read: %w", failed.Err)
			}
			return source{}, err
		}
		db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro")
	}
	if err != nil {
		return source{}, err
	}
	// A table name is no argument of a statement.
	quoted := `"` + strings.ReplaceAll(table, `"`, `""`) + `"`
	found, err := db.QueryContext(ctx, "SELECT "+strings.Join(columns[:], ", ")+" FROM "+quoted+" ORDER BY created_at, id")
	if err != nil {
		return source{}, errors.Join(err, db.Close())
	}
	return source{
		rows:  sqlRows(found),
		close: func() error { return errors.Join(found.Close(), db.Close()) },
	}, nil
}

var errSourceURL = errors.New("the source's URL is not valid; percent-encode what is special in user and password")

// openPostgres refuses a URL whose host has an @: it is the end of a password, which
// the error of a connection would show.
func openPostgres(name string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(name)
	if err != nil || strings.Contains(config.Host, "@") {
		return nil, errSourceURL
	}
	return stdlib.OpenDB(*config), nil
}

// openMySQL has names quoted as the other databases do.
func openMySQL(name string) (*sql.DB, error) {
	u, err := url.Parse(name)
	if err != nil || strings.ContainsAny(u.Path, "@") {
		return nil, errSourceURL
	}
	config, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, errSourceURL
	}
	config.User, config.DBName = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr = "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "3306"))
	config.Logger = &mysql.NopLogger{}
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["sql_mode"] = "ANSI_QUOTES"
	if config.TLS != nil {
		config.TLS.ServerName = u.Hostname()
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errSourceURL
	}
	return sql.OpenDB(connector), nil
}

func sqlRows(found *sql.Rows) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for found.Next() {
			var r row
			var targets [len(columns)]any
			for i := range r {
				targets[i] = (*text)(&r[i])
			}
			err := found.Scan(targets[:]...)
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := found.Err(); err != nil {
			yield(row{}, err)
		}
	}
}

func openCSV(name string) (source, error) {
	file, err := os.Open(name)
	if err != nil {
		return source{}, err
	}
	rows := func(yield func(row, error) bool) {
		var values []string
		records := tenantio.MapCSV(file, columns[:], func(v []string) (tenancy.Tenant, error) {
			values = v
			return tenancy.Tenant{}, nil
		})
		for record, err := range records {
			if err == nil && record.Err != nil {
				err = fmt.Errorf("line %d: %w", record.Line, record.Err)
			}
			var r row
			copy(r[:], values)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
	return source{rows, file.Close}, nil
}
