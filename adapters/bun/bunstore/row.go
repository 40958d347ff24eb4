package bunstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// columns of the table of tenants in the order of newRow. Always spelled out,
// so that a column that a newer version adds does no harm during a rolling
// upgrade.
const columns = "t.id, t.identifier, t.name, t.status, t.isolation, t.database_url, t.schema_name, t.metadata, t.created_at, t.updated_at, t.revision, t.mark"

// row is where the tenants of one query are scanned to, one after the other.
// Every column may be NULL, as in the outer join of Load; then id is empty.
type row struct {
	dest                                    []any
	sealer                                  seal.Sealer
	id, identifier, name, status, isolation text
	databaseURL, schemaName                 text
	metadata                                sql.RawBytes
	createdAt, updatedAt                    instant
	at                                      position
}

// newRow returns a row for queries that select first, and then columns.
func (s session) newRow(first ...any) *row {
	r := &row{sealer: s.sealer}
	r.dest = append(first,
		&r.id, &r.identifier, &r.name, &r.status, &r.isolation, &r.databaseURL, &r.schemaName,
		&r.metadata, &r.createdAt, &r.updatedAt, &r.at.revision, &r.at.mark)
	return r
}

func (r *row) scan(rows *sql.Rows) (tenancy.Tenant, error) {
	if err := rows.Scan(r.dest...); err != nil {
		return tenancy.Tenant{}, err
	}
	databaseURL, err := openSecret(r.sealer, string(r.id), string(r.databaseURL))
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return tenancy.Tenant{
		ID: string(r.id), Identifier: string(r.identifier), Name: string(r.name),
		Status: tenancy.Status(r.status), Isolation: tenancy.Isolation(r.isolation),
		DatabaseURL: databaseURL, SchemaName: string(r.schemaName),
		Metadata:  tenancy.MetadataFromStored(r.metadata),
		CreatedAt: time.Time(r.createdAt), UpdatedAt: time.Time(r.updatedAt),
		Revision: tenancy.Revision(r.at.revision), Mark: int64(r.at.mark),
	}, nil
}

// The types of columns that scan NULL as their zero value.
type (
	text    string
	integer int64
	instant time.Time
)

// Scan implements [sql.Scanner].
func (t *text) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case []byte:
		*t = text(v)
	default:
		return fmt.Errorf("text is stored as %T", src)
	}
	return nil
}

// Scan implements [sql.Scanner].
func (i *integer) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = 0
	case int64:
		*i = integer(v)
	default:
		return fmt.Errorf("an integer is stored as %T", src)
	}
	return nil
}

// Scan implements [sql.Scanner]: a time, or microseconds since 1970.
func (i *instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = instant{}
	case time.Time:
		*i = instant(tenancy.NormalizeTime(v))
	case int64:
		*i = instant(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}

// position in the log, scanned; absent in an empty log.
type position struct{ revision, mark integer }

func (p position) value() tenancy.Position {
	return tenancy.Position{Revision: tenancy.Revision(p.revision), Mark: int64(p.mark)}
}

// parseKeys reads the keys of a log row: [[kind, value], …].
func parseKeys(data []byte) ([]tenancy.Key, error) {
	var pairs [][2]string
	if err := json.Unmarshal(data, &pairs); err != nil {
		return nil, &failure{reason: tenancy.ErrUnavailable, text: "the change log holds keys that are no list of pairs", cause: err}
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	keys := make([]tenancy.Key, len(pairs))
	for i, p := range pairs {
		keys[i] = tenancy.Key{Kind: tenancy.KeyKind(p[0]), Value: p[1]}
	}
	return keys, nil
}

// parseFields reads the names in a log row of the fields that changed.
func parseFields(data []byte) (fields []string, err error) {
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, &failure{reason: tenancy.ErrUnavailable, text: "the change log holds fields that are no list of names", cause: err}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return fields, nil
}
