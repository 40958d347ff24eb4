package bunstore

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

type sqliteDialect struct{}

func (sqliteDialect) ddlFile() string { return "sqlite.sql" }

func (sqliteDialect) table(n names, suffix string) string { return `"` + n.Table + suffix + `"` }

func (d sqliteDialect) source(n names, suffix, alias string) string {
	return d.table(n, suffix) + " AS " + alias
}

func (sqliteDialect) presence(names) string { return "" }

func (sqliteDialect) param(n int) string { return fmt.Sprintf("?%d", n) }

func (sqliteDialect) in(column, param string) string {
	return column + " IN (SELECT value FROM json_each(" + param + "))"
}

func (sqliteDialect) texts(values []string) (any, error) {
	data, err := json.Marshal(values)
	return string(data), err
}

func (sqliteDialect) hasPrefix(text, part string) string {
	return "substr(" + text + ", 1, length(" + part + ")) = " + part
}

func (sqliteDialect) contains(text, part string) string {
	return "instr(" + text + ", " + part + ") > 0"
}

func (sqliteDialect) time(t time.Time) any { return t.UnixMicro() }

// aged asks no clock: SQLite has none but those of the processes that write, and one of
// them may be a year wrong. A row is old when the log has gone on for that long since:
// when the later rows have brought that much time that was new. A time that is not later
// than one before it brings none, and the step from one row to the next a hundredth of
// the age at most. So a clock that is behind makes nothing old, and one that is ahead a
// hundredth sooner. Of a long log, a row in so many is looked at.
func (d sqliteDialect) aged(n names) string {
	return strings.ReplaceAll(`WITH RECURSIVE bounds AS (SELECT (SELECT min(revision) FROM changes) AS oldest, (SELECT max(revision) FROM changes) AS newest),
	looked (revision, step, newest) AS (
		SELECT oldest, (newest - oldest) / 1000 + 1, newest FROM bounds
		UNION ALL SELECT revision + step, step, newest FROM looked WHERE revision + step <= newest),
	times AS (
		SELECT c.revision, c.at, max(c.at) OVER (ORDER BY c.revision ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
		FROM looked AS l JOIN changes AS c ON c.revision = l.revision),
	ages AS (
		SELECT revision, sum(min(max(at - latest, 0), max(?1 / 100, 1))) OVER (ORDER BY revision ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS age
		FROM times)
	SELECT max(revision) FROM ages WHERE age >= ?1`, "changes", d.table(n, "_changes"))
}

func (sqliteDialect) backoff() time.Duration { return 5 * time.Millisecond }

// classify reads the result code, which modernc.org/sqlite gives by a method, or
// else the text, which all drivers have from SQLite itself.
func (sqliteDialect) classify(err error) (kind, string) {
	code, known := sqliteCode(err)
	if !known {
		return unavailable, describe(err)
	}
	name := fmt.Sprintf("SQLite error %d", code)
	if meaning := cmp.Or(sqliteMeanings[code], sqliteMeanings[code&0xff]); meaning != "" {
		name += " (" + meaning + ")"
	}
	message := err.Error()
	switch code & 0xff {
	case sqliteBusy, sqliteLocked, sqliteProtocol:
		return contended, name
	case sqliteInterrupt:
		return interrupted, name
	case sqliteConstraint:
		if code == sqliteUnique || code == sqlitePrimaryKey {
			return duplicate, name
		}
		return refused, name + constraintOf(message)
	}
	if strings.Contains(message, "no such table") || strings.Contains(message, "no such column") {
		return unavailable, name + ": a table or column is missing: run Migrate"
	}
	if strings.Contains(message, "no such module") {
		return unavailable, name + ": the search index needs an SQLite that was built with FTS5"
	}
	if strings.Contains(message, "already exists") || strings.Contains(message, "there is already a") {
		return unavailable, name + ": a table of this name exists already, and is not one of a store: choose another with WithTable"
	}
	return unavailable, name
}

// The result codes of SQLite that matter here.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteInterrupt  = 9
	sqliteIO         = 10
	sqliteWrite      = sqliteIO | 3<<8
	sqliteFull       = 13
	sqliteProtocol   = 15
	sqliteConstraint = 19
	sqlitePrimaryKey = sqliteConstraint | 6<<8
	sqliteUnique     = sqliteConstraint | 8<<8
)

var sqliteMeanings = map[int]string{
	1:                "SQL error",
	3:                "access denied",
	sqliteBusy:       "database is locked: another program holds a transaction open",
	sqliteLocked:     "table is locked",
	7:                "out of memory",
	8:                "database is read-only: may this user write the file and its directory?",
	sqliteInterrupt:  "interrupted",
	sqliteIO:         "disk I/O error",
	sqliteWrite:      "the disk takes no more: a quota, a limit of the process, or a fault of the disk",
	11:               "database is malformed: was the file copied over or cut? Restore a backup",
	sqliteFull:       "disk is full",
	14:               "cannot open the database file: may this user read and write it and its directory?",
	sqliteProtocol:   "locking protocol: many programs have opened the file at once",
	18:               "text or statement is too large",
	sqliteConstraint: "constraint failed",
	23:               "not authorized",
	26:               "not a database",
}

func sqliteCode(err error) (int, bool) {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code(), true
	}
	message := err.Error()
	for _, m := range []struct {
		text string
		code int
	}{
		{"UNIQUE constraint failed", sqliteUnique},
		{"constraint failed", sqliteConstraint},
		{"database is locked", sqliteBusy},
		{"table is locked", sqliteLocked},
		{"no such table", 1},
		{"no such column", 1},
		{"no such module", 1},
		{"already exists", 1},
		{"readonly database", 8},
		{"unable to open database file", 14},
		{"file is not a database", 26},
		{"database or disk is full", sqliteFull},
		{"locking protocol", sqliteProtocol},
	} {
		if strings.Contains(message, m.text) {
			return m.code, true
		}
	}
	return 0, false
}

// constraintOf returns the name of the CHECK or the column of the NOT NULL that
// failed: nothing of the row.
func constraintOf(message string) string {
	for _, failed := range []string{"CHECK constraint failed: ", "NOT NULL constraint failed: "} {
		if _, rest, ok := strings.Cut(message, failed); ok {
			end := strings.IndexFunc(rest, func(r rune) bool {
				return r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
			})
			if end < 0 {
				end = len(rest)
			}
			return ": " + rest[:end]
		}
	}
	return ""
}
