// Package engine is what the stores on all databases have in common, and the port to those
// that differ: an [Engine] embeds a [Base] and is its [Dialect]. docs/writing-an-engine.md
// shows how to add one.
package engine

import (
	"context"
	"database/sql"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Backend is what a store does inside and outside of a caller's transaction.
type Backend interface {
	driver.Backend
	driver.ManyGetter
	driver.Exister
	driver.Counter
	driver.Searcher
	driver.BatchCreator
	driver.Purger
	driver.Reserver
	driver.MetadataChecker
	driver.Names
}

// Writer is how a Base writes: names, of which only the texts differ.
type Writer interface {
	// Exclusively runs f in a transaction beside which nobody else writes tenants or their
	// names, as the actor of ctx; again as long as it loses against others. In a caller's
	// transaction, it does so InSavepoint.
	Exclusively(ctx context.Context, f func(Session) error) error
}

// Engine is a store on one kind of database. It embeds a base, and is the dialect of it.
type Engine interface {
	Backend
	Writer
	driver.Source
	Common() *Base
	// Migrate brings the schema up to date, and repairs what Check would find.
	Migrate(ctx context.Context) error
	// InTransaction runs f, which changes the schema, while no migration runs.
	InTransaction(ctx context.Context, f func(Session) error) error
	// RunInTx runs f once in a transaction of the store's database, and returns its error as it
	// is, after which nothing was changed.
	RunInTx(ctx context.Context, opts *sql.TxOptions, f func(context.Context, bun.Tx) error) error
	// Within returns the store in a transaction of the caller's, whose dialect is this one: each
	// write by InSavepoint, nothing tried again.
	Within(tx bun.Tx) Backend
	// ReplaceSecret stores text in the place of old, if that is still there.
	ReplaceSecret(ctx context.Context, old StoredSecret, text string) (bool, error)
}

// Dialect is what a base must know about a database.
type Dialect interface {
	// Schema returns the statements that create the schema.
	Schema() (string, error)
	// Table quotes the table of tenants, with a suffix on its name.
	Table(suffix string) string
	// Source is a table, with its alias, of which a read must not miss rows.
	Source(suffix, alias string) string
	// Presence selects whether the table of tenants is one of a store; it is empty if
	// that need not be asked.
	Presence() string
	// Param is the n-th bound parameter, from 1. A text may have it more than once.
	Param(n int) string
	// Bind is how a text with such parameters, and its arguments, are sent.
	Bind(text string, args []any) (string, []any)
	// In is a condition: column is one of the texts that are bound to param as an array.
	In(column, param string) string
	// Array is how texts are bound as one parameter.
	Array(texts []string) (any, error)
	// Rows is a condition on columns that are ordered together: they are before ("<") or after
	// (">") what is bound to params.
	Rows(columns []string, op string, params []string) string
	// Union selects the rows of first, and then those of list in their order.
	Union(first, list string) string
	// Newest is the table h, of the newest position in the log.
	Newest() string
	// HasPrefix and contains are conditions on texts, compared by bytes.
	HasPrefix(text, part string) string
	Contains(text, part string) string
	// Time is how t is bound and stored.
	Time(t time.Time) any
	// Now is the database's time, as Time stores it.
	Now() string
	// Lock is the end of a SELECT of one tenant that is about to be written in Exclusively: it
	// keeps others from writing it, and never waits for them.
	Lock() string
	// Aged is the text of a query for the newest row of the log that is older than the
	// microseconds that are bound to its parameter, as are all before it; or NULL.
	// It looks at about as many rows as one statement trims.
	Aged() string
	// Backoff is the longest wait between two attempts: about as long as others
	// hold locks.
	Backoff() time.Duration
	// Classify says what kind of failure a driver's error is, in a text that shows nothing of
	// rows, arguments or connection strings.
	Classify(err error) (Kind, string)
	// Inspect is what Check does for this kind of database alone.
	Inspect(ctx context.Context) ([]Finding, error)
	SearchDialect
}

// SearchDialect is what a database has for the search index. It is an index of
// the trigrams of a text that has the identifier and the folded name in it; what
// it finds is a superset of what matches, and is ranked like every other tenant.
type SearchDialect interface {
	// SearchSchema returns the statements that create the index, and fill it.
	SearchSchema() (string, error)
	// SearchDrop removes what they created.
	SearchDrop() string
	// SearchState selects whether the index can be used, or nothing if there is
	// none.
	SearchState() string
	// SearchLookup returns what to look up for a folded query, and the trigrams
	// that this reads; none if the index cannot help.
	SearchLookup(folded string) (lookup string, trigrams []string)
	// SearchSample selects the size of a random sample of the tenants, and how
	// many of them have the rarest of the trigrams that are bound by array as
	// the first parameter. share is at least 1.
	SearchSample(share int) string
	// SearchFrom is the FROM clause of the tenants t that the index finds, and a
	// condition on the lookup that is bound to param.
	SearchFrom(param string) (from, condition string)
}
