package engine

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Columns of the table of tenants in the order of newRow. Always spelled out,
// so that a column that a newer version adds does no harm during a rolling
// upgrade.
const Columns = "t.id, t.identifier, t.name, t.status, t.isolation, t.database_url, t.schema_name, t.metadata, t.created_at, t.updated_at, t.revision, t.mark"

// row is where the tenants of one query are scanned to, one after the other.
// Every column may be NULL, as in the outer join of Load; then id is empty.
//
// A row that was broken by hand must not cost the others theirs, nor its own
// tenant the suspension: so nothing that a column holds is an error.
type row struct {
	dest                                    []any
	secrets                                 *secrets
	id, identifier, name, status, isolation Text
	databaseURL, schemaName                 Text
	metadata                                sql.RawBytes
	createdAt, updatedAt                    Instant
	at                                      Position
}

// newRow returns a row for queries that select first, and then columns.
func (s Session) newRow(first ...any) *row {
	r := &row{secrets: s.secrets}
	r.dest = append(first,
		&r.id, &r.identifier, &r.name, &r.status, &r.isolation, &r.databaseURL, &r.schemaName,
		&r.metadata, &r.createdAt, &r.updatedAt, &r.at.Revision, &r.at.Mark)
	return r
}

func (r *row) scan(rows *sql.Rows) (tenancy.Tenant, error) {
	if err := rows.Scan(r.dest...); err != nil {
		return tenancy.Tenant{}, err
	}
	return tenancy.Tenant{
		ID: string(r.id), Identifier: string(r.identifier), Name: string(r.name),
		Status: tenancy.Status(r.status), Isolation: tenancy.Isolation(r.isolation),
		DatabaseURL: r.secrets.read(string(r.id), string(r.databaseURL)), SchemaName: string(r.schemaName),
		Metadata:  driver.MetadataFromStored(r.metadata),
		CreatedAt: time.Time(r.createdAt), UpdatedAt: time.Time(r.updatedAt),
		Revision: tenancy.Revision(r.at.Revision), Mark: int64(r.at.Mark),
	}, nil
}

type (
	// Text is a column that scans NULL as "".
	Text string
	// Integer is a column that scans NULL, and what is no integer, as 0. Some drivers give
	// integers as texts.
	Integer int64
	// Instant is a column that scans NULL, and what is no time, as the zero time.
	Instant time.Time
)

// Scan implements [sql.Scanner].
func (t *Text) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = ""
	case string:
		*t = Text(v)
	case []byte:
		*t = Text(v)
	default:
		*t = Text(fmt.Sprint(v))
	}
	return nil
}

// Scan implements [sql.Scanner].
func (i *Integer) Scan(src any) error {
	v, isInteger := src.(int64)
	if text, isText := src.([]byte); isText && !isInteger {
		v, _ = strconv.ParseInt(string(text), 10, 64)
	}
	*i = Integer(v)
	return nil
}

// What an instant may be: the years that the schema allows, of which only a CHECK
// that was dropped or ignored lets others in.
var (
	earliest = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC)
)

// Scan implements [sql.Scanner]: a time, or microseconds since 1970. One that is
// out of range becomes the nearest that is not.
func (i *Instant) Scan(src any) error {
	var t time.Time
	switch v := src.(type) {
	case time.Time:
		t = driver.NormalizeTime(v)
	case int64:
		t = time.UnixMicro(v).UTC()
	case string:
		if v != "infinity" { // of PostgreSQL; pgx gives it as text
			break
		}
		t = latest
	}
	switch {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	*i = Instant(t)
	return nil
}

// Position in the log, scanned; absent in an empty log.
type Position struct{ Revision, Mark Integer }

// Value returns p as package tenancy has it.
func (p Position) Value() tenancy.Position {
	return tenancy.Position{Revision: tenancy.Revision(p.Revision), Mark: int64(p.Mark)}
}

// parseKeys reads the keys of a log row: [[kind, value], …].
func parseKeys(data []byte) ([]tenancy.Key, error) {
	var pairs [][2]string
	if err := json.Unmarshal(data, &pairs); err != nil || len(pairs) == 0 {
		return nil, err
	}
	keys := make([]tenancy.Key, len(pairs))
	for i, p := range pairs {
		keys[i] = tenancy.Key{Kind: tenancy.KeyKind(p[0]), Value: p[1]}
	}
	return keys, nil
}

// parseFields reads the names in a log row of the fields that changed, which are
// for people: what cannot be read is none.
func parseFields(data []byte) []string {
	var fields []string
	if json.Unmarshal(data, &fields) != nil || len(fields) == 0 {
		return nil
	}
	return fields
}
