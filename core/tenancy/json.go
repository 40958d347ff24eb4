package tenancy

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/internal/canonical"
)

// tenantJSON is the stable JSON form of a tenant. S is Secret, which masks
// itself, or string; T is jsonTime, or string where it is read.
type tenantJSON[S, T any] struct {
	ID          string    `json:"id"`
	Identifier  string    `json:"identifier"`
	Name        string    `json:"name"`
	Status      Status    `json:"status"`
	Isolation   Isolation `json:"isolation,omitempty"`
	DatabaseURL S         `json:"database_url,omitzero"`
	SchemaName  string    `json:"schema_name,omitempty"`
	Metadata    Metadata  `json:"metadata"`
	CreatedAt   T         `json:"created_at,omitzero"`
	UpdatedAt   T         `json:"updated_at,omitzero"`
	Revision    Revision  `json:"revision,omitzero"`
	Mark        jsonMark  `json:"mark,omitzero"`
}

// MarshalJSON implements [json.Marshaler]: an object with the members id,
// identifier, name, status, isolation, database_url, schema_name, metadata,
// created_at, updated_at (RFC 3339, UTC), revision and mark (a string of 16
// hexadecimal digits, as in [Position.String]). Empty optional ones are left out, and a database_url shows as "***"; see [Revealed].
func (t Tenant) MarshalJSON() ([]byte, error) {
	return json.Marshal(toJSON(t, t.DatabaseURL))
}

// UnmarshalJSON implements [json.Unmarshaler]. It replaces the whole of t: an
// absent member is empty. Members that it does not know are ignored; a masked
// database_url, a member of the wrong type, invalid UTF-8 or an unpaired
// surrogate is an [*Error] that wraps ErrInvalid. It does not validate: stores
// do.
func (t *Tenant) UnmarshalJSON(data []byte) error {
	var j tenantJSON[Secret, string]
	if err := json.Unmarshal(data, &j); err != nil {
		return jsonError(err)
	}
	if !utf8.Valid(data) || !canonical.SoundEscapes(data, false) { // encoding/json has replaced it
		return invalid("", "must be UTF-8 without unpaired surrogates")
	}
	createdAt, err := parseTime("created_at", j.CreatedAt)
	if err != nil {
		return err
	}
	updatedAt, err := parseTime("updated_at", j.UpdatedAt)
	if err != nil {
		return err
	}
	*t = Tenant{
		ID: j.ID, Identifier: j.Identifier, Name: j.Name, Status: j.Status, Isolation: j.Isolation,
		DatabaseURL: j.DatabaseURL, SchemaName: j.SchemaName, Metadata: j.Metadata,
		CreatedAt: createdAt, UpdatedAt: updatedAt, Revision: j.Revision, Mark: int64(j.Mark),
	}
	return nil
}

// jsonError makes the error of encoding/json typed, and keeps the document out
// of it.
func jsonError(err error) error {
	var e *Error
	if errors.As(err, &e) {
		field := e.Field
		if field == "" {
			field = "database_url" // the only Secret
		}
		return &Error{Field: field, Err: e.Err}
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return invalid(wrongType.Field, "has the wrong JSON type")
	}
	return invalid("", "must be the JSON object of a tenant")
}

func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, invalid(field, "must be an RFC 3339 time")
	}
	return t.UTC().Truncate(time.Microsecond), nil
}

// Revealed is a Tenant whose JSON form holds the DatabaseURL in plain text: for
// files and sealed caches, never for answers or logs. Both forms are read back
// by both types.
type Revealed Tenant

// MarshalJSON implements [json.Marshaler]. A withheld DatabaseURL is an error:
// what the file would hold is not the secret.
func (r Revealed) MarshalJSON() ([]byte, error) {
	if err := r.DatabaseURL.Err(); err != nil {
		return nil, &Error{ID: r.ID, Identifier: r.Identifier, Field: "database_url", Err: err}
	}
	return json.Marshal(toJSON(Tenant(r), r.DatabaseURL.Reveal()))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Revealed) UnmarshalJSON(data []byte) error { return (*Tenant)(r).UnmarshalJSON(data) }

func toJSON[S any](t Tenant, url S) tenantJSON[S, jsonTime] {
	return tenantJSON[S, jsonTime]{
		ID: t.ID, Identifier: t.Identifier, Name: t.Name, Status: t.Status, Isolation: t.Isolation,
		DatabaseURL: url, SchemaName: t.SchemaName, Metadata: t.Metadata,
		CreatedAt: jsonTime(t.CreatedAt), UpdatedAt: jsonTime(t.UpdatedAt), Revision: t.Revision, Mark: jsonMark(t.Mark),
	}
}

// jsonMark is a mark in the hexadecimal digits of [Position.String]: a number
// of 64 bits would not survive readers that keep numbers as floats.
type jsonMark int64

func (m jsonMark) MarshalText() ([]byte, error) { return appendMark(nil, int64(m)), nil }

func (m *jsonMark) UnmarshalText(text []byte) error {
	mark, ok := parseMark(string(text))
	if !ok {
		return invalid("mark", "must be 16 hexadecimal digits")
	}
	*m = jsonMark(mark)
	return nil
}

// jsonTime is a time that is written in UTC.
type jsonTime time.Time

func (t jsonTime) IsZero() bool { return time.Time(t).IsZero() }

func (t jsonTime) MarshalText() ([]byte, error) { return time.Time(t).UTC().MarshalText() }
