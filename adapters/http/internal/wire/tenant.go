package wire

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// mask is what [tenancy.Secret] and withheld metadata show in JSON.
const mask = "***"

// Tenant is the JSON form of a tenant between server and client. A server writes that of
// package tenancy, of which this reads more: what is masked is withheld here, and metadata
// that somebody stored by hand is kept as it is.
type Tenant tenancy.Tenant

type tenantJSON struct {
	ID          string            `json:"id"`
	Identifier  string            `json:"identifier"`
	Name        string            `json:"name"`
	Status      tenancy.Status    `json:"status"`
	Isolation   tenancy.Isolation `json:"isolation"`
	DatabaseURL string            `json:"database_url"` // "" is none: an absent one leaves what is stored
	SchemaName  string            `json:"schema_name"`
	Metadata    json.RawMessage   `json:"metadata"`
	CreatedAt   time.Time         `json:"created_at,omitzero"`
	UpdatedAt   time.Time         `json:"updated_at,omitzero"`
	Revision    tenancy.Revision  `json:"revision,omitzero"`
	Mark        string            `json:"mark,omitzero"`
}

// MarshalJSON implements [json.Marshaler] for the body of a write, which shows the secret
// and leaves out what the server sets.
func (t Tenant) MarshalJSON() ([]byte, error) {
	if err := t.DatabaseURL.Err(); err != nil {
		return nil, &tenancy.Error{ID: t.ID, Field: "database_url", Err: err}
	}
	return json.Marshal(tenantJSON{
		ID: t.ID, Identifier: t.Identifier, Name: t.Name, Status: t.Status, Isolation: t.Isolation,
		DatabaseURL: t.DatabaseURL.Reveal(), SchemaName: t.SchemaName, Metadata: json.RawMessage(t.Metadata.String()),
		CreatedAt: t.CreatedAt,
	})
}

// UnmarshalJSON implements [json.Unmarshaler] for the answer of a server.
func (t *Tenant) UnmarshalJSON(data []byte) error {
	var j tenantJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	var at tenancy.Position
	text := strconv.AppendInt(make([]byte, 0, 40), int64(j.Revision), 10)
	if err := at.UnmarshalText(append(append(text, '-'), j.Mark...)); err != nil {
		return err
	}
	url := tenancy.NewSecret(j.DatabaseURL)
	if j.DatabaseURL == mask {
		url = driver.WithheldSecret("the server shows it only to clients that may read secrets, if it can read it itself")
	}
	*t = Tenant{
		ID: j.ID, Identifier: j.Identifier, Name: j.Name, Status: j.Status, Isolation: j.Isolation,
		DatabaseURL: url, SchemaName: j.SchemaName, Metadata: driver.MetadataFromStored(j.Metadata),
		CreatedAt: driver.NormalizeTime(j.CreatedAt), UpdatedAt: driver.NormalizeTime(j.UpdatedAt),
		Revision: at.Revision, Mark: at.Mark,
	}
	return nil
}
