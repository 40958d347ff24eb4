package bunstore

import (
	"time"

	bundialect "github.com/uptrace/bun/dialect"
)

// dialect is what reads need to know about a database. The writes of the two
// databases differ as a whole; see the types postgres and sqlite.
type dialect interface {
	// ddlFile is the file that creates version 1 of the schema.
	ddlFile() string
	// table quotes the table of tenants, with a suffix on its name.
	table(n names, suffix string) string
	// source is a table, with its alias, of which a read must not miss rows.
	source(n names, suffix, alias string) string
	// presence selects whether the table of tenants is one of a store; it is empty if
	// that need not be asked.
	presence(n names) string
	// param is the n-th bound parameter, from 1.
	param(n int) string
	// in is a condition: column is one of the texts that are bound to param by
	// texts.
	in(column, param string) string
	texts(values []string) (any, error)
	// hasPrefix and contains are conditions on texts, compared by bytes.
	hasPrefix(text, part string) string
	contains(text, part string) string
	// time is how t is bound and stored.
	time(t time.Time) any
	// aged is the text of a query for the newest row of the log that is older than the
	// microseconds that are bound to its parameter, as are all before it; or NULL.
	// It looks at about as many rows as one statement trims.
	aged(n names) string
	// backoff is the longest wait between two attempts: about as long as others
	// hold locks.
	backoff() time.Duration
	searchDialect
	// classify says what kind of failure a driver's error is; see failure.
	classify(err error) (kind, string)
}

func dialectOf(name bundialect.Name, c config) (dialect, error) {
	switch name {
	case bundialect.PG:
		return postgresDialect{sessionsReady: c.sessionsReady}, nil
	case bundialect.SQLite:
		return sqliteDialect{}, nil
	}
	return nil, invalid("dialect", "%s is not supported: use pgdialect or sqlitedialect", name)
}

// DDL returns the statements that create the schema of a store, for a database
// administrator who does not want to let [Store.Migrate] do it. Only the options
// WithTable, WithSchema and WithSearchIndex matter. Run it in one transaction, on
// a database that has no such store yet; [SearchIndexDDL] is for one that has.
// Migrate finds the result up to date.
func DDL(name bundialect.Name, opts ...Option) (string, error) {
	c, err := newConfig(opts)
	if err != nil {
		return "", err
	}
	d, err := dialectOf(name, c)
	if err != nil {
		return "", err
	}
	text, err := c.names.ddl(d.ddlFile())
	if err != nil {
		return "", err
	}
	text += "\n" + createVersionTable(d, c.names) + ";\n" + recordVersion(d, c.names) + ";\n"
	if c.searchIndex {
		index, err := c.names.ddl(d.searchDDLFile())
		if err != nil {
			return "", err
		}
		text += "\n" + index
	}
	return text, nil
}
