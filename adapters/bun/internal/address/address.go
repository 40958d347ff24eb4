// Package address judges texts that should lead to a database, before anything is
// sent or created. It never returns a part of one: whatever is malformed may be, or
// hold, a password.
package address

import (
	"regexp"
	"strings"
)

// Trim takes off what comes with an address out of a file, a variable of the
// environment or a chat: white space, line breaks, a byte order mark, and a pair of
// quotes. No connection string and no sensible file name begins and ends with them.
func Trim(s string) string {
	for {
		trimmed := strings.Trim(strings.TrimSpace(s), "\ufeff\u200b")
		for _, quotes := range []string{`""`, `''`, "``", "“”", "‘’"} {
			left, right := cut(quotes)
			if inner, ok := strings.CutPrefix(trimmed, left); ok && strings.HasSuffix(inner, right) {
				trimmed = strings.TrimSuffix(inner, right)
				break
			}
		}
		if trimmed == s {
			return s
		}
		s = trimmed
	}
}

func cut(pair string) (left, right string) {
	runes := []rune(pair)
	return string(runes[0]), string(runes[1])
}

// One letter is a drive of Windows.
var urlPattern = regexp.MustCompile(`^(?i)(?:(?:jdbc|r2dbc|dj):)?([a-z][a-z0-9.]+)([+-][a-z0-9+.-]*)?:(//)?`)

// URL says what kind of database a URL is for: "PostgreSQL", "SQLite" and so on, or
// "another database". If s is not a URL, it returns "". plain is true if the scheme
// is the database's own, in any case, and names no driver, as
// "postgresql+asyncpg://", "jdbc:postgresql://" or "pgx5://" do.
func URL(s string) (database string, plain bool) {
	m := urlPattern.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	scheme, slashes := strings.ToLower(m[1]), m[3] != ""
	d, known := databases[scheme]
	switch {
	case !known && !slashes:
		return "", false // a name with a colon in it
	case !known:
		return "another database", false
	}
	return d.name, d.scheme && strings.EqualFold(m[0], m[1]+":"+m[3]) && slashes
}

type database struct {
	name   string
	scheme bool // of the database, not of a driver
}

var databases = map[string]database{
	"postgres": {"PostgreSQL", true}, "postgresql": {"PostgreSQL", true},
	"pgx": {"PostgreSQL", false}, "pgx4": {"PostgreSQL", false}, "pgx5": {"PostgreSQL", false}, "pg": {"PostgreSQL", false},
	"pgsql": {"PostgreSQL", false}, "psql": {"PostgreSQL", false}, "postgis": {"PostgreSQL", false}, "asyncpg": {"PostgreSQL", false},
	"cockroach": {"CockroachDB", true}, "cockroachdb": {"CockroachDB", true}, "crdb": {"CockroachDB", true},
	"mysql": {"MySQL", true}, "mysql2": {"MySQL", false}, "mariadb": {"MariaDB", true},
	"sqlite": {"SQLite", true}, "sqlite3": {"SQLite", false}, "file": {"a file", true}, "libsql": {"libSQL", true},
	"mongodb": {"MongoDB", true}, "redis": {"Redis", true}, "rediss": {"Redis", true}, "valkey": {"Valkey", true}, "valkeys": {"Valkey", true},
	"sqlserver": {"SQL Server", true}, "mssql": {"SQL Server", false}, "oracle": {"Oracle", true},
	"http": {"a web server", true}, "https": {"a web server", true},
}
