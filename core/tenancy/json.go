package tenancy

import (
	"encoding/json"
	"errors"
	"time"
)

// tenantJSON is the stable JSON form of a tenant. S is Secret, which masks
// itself, or string.
type tenantJSON[S any] struct {
	ID          string    `json:"id"`
	Identifier  string    `json:"identifier"`
	Name        string    `json:"name"`
	Status      Status    `json:"status"`
	Isolation   Isolation `json:"isolation,omitempty"`
	DatabaseURL S         `json:"database_url,omitzero"`
	SchemaName  string    `json:"schema_name,omitempty"`
	Metadata    Metadata  `json:"metadata"`
	CreatedAt   jsonTime  `json:"created_at,omitzero"`
	UpdatedAt   jsonTime  `json:"updated_at,omitzero"`
	Revision    Revision  `json:"revision,omitzero"`
}

// MarshalJSON implements [json.Marshaler]: an object with the members id,
// identifier, name, status, isolation, database_url, schema_name, metadata,
// created_at, updated_at (RFC 3339, UTC) and revision. Empty optional ones are
// left out, and a database_url shows as "***"; see [Revealed].
func (t Tenant) MarshalJSON() ([]byte, error) {
	return json.Marshal(toJSON(t, t.DatabaseURL))
}

// UnmarshalJSON implements [json.Unmarshaler]. Members that it does not know
// are ignored; a masked database_url, or a member of the wrong type, is an
// [*Error] that wraps ErrInvalid. It does not validate: stores do.
func (t *Tenant) UnmarshalJSON(data []byte) error {
	var j tenantJSON[Secret]
	if err := json.Unmarshal(data, &j); err != nil {
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
	*t = Tenant{
		ID: j.ID, Identifier: j.Identifier, Name: j.Name, Status: j.Status, Isolation: j.Isolation,
		DatabaseURL: j.DatabaseURL, SchemaName: j.SchemaName, Metadata: j.Metadata,
		CreatedAt: time.Time(j.CreatedAt), UpdatedAt: time.Time(j.UpdatedAt), Revision: j.Revision,
	}
	return nil
}

// Revealed is a Tenant whose JSON form holds the DatabaseURL in plain text: for
// files and sealed caches, never for answers or logs. Both forms are read back
// by both types.
type Revealed Tenant

// MarshalJSON implements [json.Marshaler].
func (r Revealed) MarshalJSON() ([]byte, error) {
	return json.Marshal(toJSON(Tenant(r), r.DatabaseURL.Reveal()))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Revealed) UnmarshalJSON(data []byte) error { return (*Tenant)(r).UnmarshalJSON(data) }

func toJSON[S any](t Tenant, url S) tenantJSON[S] {
	return tenantJSON[S]{
		ID: t.ID, Identifier: t.Identifier, Name: t.Name, Status: t.Status, Isolation: t.Isolation,
		DatabaseURL: url, SchemaName: t.SchemaName, Metadata: t.Metadata,
		CreatedAt: jsonTime(t.CreatedAt), UpdatedAt: jsonTime(t.UpdatedAt), Revision: t.Revision,
	}
}

// jsonTime is a time whose parse error is typed.
type jsonTime time.Time

func (t jsonTime) IsZero() bool { return time.Time(t).IsZero() }

func (t jsonTime) MarshalText() ([]byte, error) { return time.Time(t).UTC().MarshalText() }

func (t *jsonTime) UnmarshalText(text []byte) error {
	parsed, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return invalid("created_at", "and updated_at must be RFC 3339 times")
	}
	*t = jsonTime(NormalizeTime(parsed))
	return nil
}
