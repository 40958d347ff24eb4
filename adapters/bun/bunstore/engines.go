package bunstore

import (
	"slices"
	"strings"

	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/mysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/postgres"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/sqlite"
)

// engineKind is one kind of database.
type engineKind struct {
	open                 func(*bun.DB, engine.Config) engine.Engine
	schema, searchSchema func(engine.Names) (string, error) // searchSchema is nil if it has no search index
}

// engines is the one place that knows the dialects of bun.
var engines = map[bundialect.Name]engineKind{
	bundialect.PG:     {postgres.New, postgres.Schema, postgres.SearchSchema},
	bundialect.MySQL:  {mysql.New, mysql.Schema, nil},
	bundialect.SQLite: {sqlite.New, sqlite.Schema, sqlite.SearchSchema},
}

// engineOf fails if there is no engine for the dialect, or it lacks what c asks for.
func engineOf(name bundialect.Name, c engine.Config) (engineKind, error) {
	k, known := engines[name]
	if !known {
		var names []string
		for n := range engines {
			names = append(names, n.String())
		}
		slices.Sort(names)
		return k, invalid("dialect", "%s is not supported, only %s", name, strings.Join(names, ", "))
	}
	if c.SearchIndex && k.searchSchema == nil {
		return k, invalid("search_index", "%s has no index of trigrams: take WithSearchIndex out", name)
	}
	return k, nil
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
	k, err := engineOf(name, c)
	if err != nil {
		return "", err
	}
	text, err := k.schema(c.Names)
	if err != nil || !c.SearchIndex {
		return text, err
	}
	index, err := k.searchSchema(c.Names)
	return text + "\n" + index, err
}

// SearchIndexDDL returns the statements that create the search index of [WithSearchIndex]
// for an existing store, for a database administrator. Run it in one transaction.
func SearchIndexDDL(name bundialect.Name, opts ...Option) (string, error) {
	c, err := newConfig(opts)
	if err != nil {
		return "", err
	}
	c.SearchIndex = true
	k, err := engineOf(name, c)
	if err != nil {
		return "", err
	}
	return k.searchSchema(c.Names)
}
