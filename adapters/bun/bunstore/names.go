package bunstore

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"regexp"
	"strings"
	"text/template"
)

//go:embed ddl
var ddlFiles embed.FS

// maxTableName leaves room for the suffixes of derived names within PostgreSQL's
// 63 bytes.
const maxTableName = 40

// names are the plain names of what a store keeps in its database.
type names struct {
	Schema, Table string
	Channel       string // of NOTIFY
}

func newNames(schema, table string) (names, error) {
	if err := checkName("schema", schema, 63, "pg_"); err != nil {
		return names{}, err
	}
	if err := checkName("table", table, maxTableName, "sqlite_"); err != nil {
		return names{}, err
	}
	if suffix := derivedName.FindString(table); suffix != "" {
		return names{}, invalid("table", "must not end with %s: a store of the name before that would have a table or index of this name", suffix)
	}
	channel := schema + "." + table
	if len(channel) > 63 {
		sum := sha256.Sum256([]byte(channel))
		channel = "tenants." + hex.EncodeToString(sum[:16])
	}
	return names{schema, table, channel}, nil
}

// derivedName finds the suffix of a table or index of another store: the two would
// collide in one schema.
var derivedName = regexp.MustCompile(`_(actor|changes|colliding|identifier_key|idx|lock|pkey|schema|search(_fts(_[a-z]+)?)?)$`)

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

// ddl fills n into a file of package ddl.
func (n names) ddl(file string) (string, error) {
	t, err := template.ParseFS(ddlFiles, "ddl/"+file)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, n); err != nil {
		return "", err
	}
	return b.String(), nil
}
