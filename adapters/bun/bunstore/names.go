package bunstore

import (
	"regexp"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// maxTableName leaves room for the suffixes of derived names within PostgreSQL's
// 63 bytes.
const maxTableName = 40

// checkNames holds names to the rules of every database, so that a store can be moved.
func checkNames(n engine.Names) error {
	if err := checkName("schema", n.Schema, 63, "pg_"); err != nil {
		return err
	}
	if err := checkName("table", n.Table, maxTableName, "sqlite_"); err != nil {
		return err
	}
	if suffix := derivedName.FindString(n.Table); suffix != "" {
		return invalid("table", "must not end with %s: a store of the name before that would have a table or index of this name", suffix)
	}
	return nil
}

// derivedName finds the suffix of a table or index of another store: the two would
// collide in one schema.
var derivedName = regexp.MustCompile(`_(actor|changes|colliding|(identifier|domain|former)_key|guard|head|idx|lock|names|pkey|schema|search(_fts(_[a-z]+)?)?)$`)

// checkName refuses what would have to be quoted or could be mistaken: names
// are pasted into statement texts. Names that begin with reserved belong to the
// database.
func checkName(what, name string, most int, reserved string) error {
	ok := len(name) >= 1 && len(name) <= most
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = 'a' <= c && c <= 'z' || c == '_' || i > 0 && '0' <= c && c <= '9'
	}
	if !ok {
		return invalid(what, "must be 1 to %d lower-case letters, digits or underscores, and not begin with a digit", most)
	}
	if strings.HasPrefix(name, reserved) {
		return invalid(what, "must not begin with %s: the database keeps such names for itself", reserved)
	}
	return nil
}
