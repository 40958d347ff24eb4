package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Classify reads the result code, which modernc.org/sqlite gives by a method, or
// else the text, which all drivers have from SQLite itself.
func (s *store) Classify(err error) (engine.Kind, string) {
	code, known := sqliteCode(err)
	if !known {
		return engine.Unavailable, engine.Describe(err)
	}
	name := fmt.Sprintf("SQLite error %d", code)
	if meaning := cmp.Or(sqliteMeanings[code], sqliteMeanings[code&0xff]); meaning != "" {
		name += " (" + meaning + ")"
	}
	message := err.Error()
	switch code & 0xff {
	case sqliteBusy, sqliteLocked, sqliteProtocol:
		return engine.Contended, name
	case sqliteInterrupt:
		return engine.Interrupted, name
	case sqliteConstraint:
		if code == sqliteUnique || code == sqlitePrimaryKey {
			return engine.Duplicate, name
		}
		return engine.Refused, name + constraintOf(message)
	}
	if strings.Contains(message, "no such table") || strings.Contains(message, "no such column") {
		return engine.Unavailable, name + ": a table or column is missing: run Migrate"
	}
	if strings.Contains(message, "no such module") {
		return engine.Unavailable, name + ": the search index needs an SQLite that was built with FTS5"
	}
	if strings.Contains(message, "already exists") || strings.Contains(message, "there is already a") {
		return engine.Unavailable, name + ": a table of this name exists already, and is not one of a store: choose another with WithTable"
	}
	return engine.Unavailable, name
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
