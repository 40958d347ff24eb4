package main

import (
	"encoding/json"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// tenantFields are the members of a tenant that a client may write.
type tenantFields struct {
	Identifier  string            `json:"identifier"`
	Name        string            `json:"name"`
	Status      tenancy.Status    `json:"status"`
	Isolation   tenancy.Isolation `json:"isolation"`
	DatabaseURL *tenancy.Secret   `json:"database_url"` // nil: as it was; "": none
	SchemaName  string            `json:"schema_name"`
	Metadata    tenancy.Metadata  `json:"metadata"`
}

func (f tenantFields) applyTo(t *tenancy.Tenant) {
	t.Identifier, t.Name, t.Status = f.Identifier, f.Name, f.Status
	t.Isolation, t.SchemaName, t.Metadata = f.Isolation, f.SchemaName, f.Metadata
	if f.DatabaseURL != nil {
		t.DatabaseURL = *f.DatabaseURL
	}
}

// replacement is the body of an update. It takes what a GET answered, edited:
// the members that nobody can change may be there, and count for nothing, but
// the id must be right. Revision and mark say which state was edited.
type replacement struct {
	tenantFields
	ID        string           `json:"id"`
	Revision  tenancy.Revision `json:"revision"`
	Mark      string           `json:"mark"`
	CreatedAt json.RawMessage  `json:"created_at"`
	UpdatedAt json.RawMessage  `json:"updated_at"`
}

// position returns the position of the state that was edited, zero if it is not
// there.
func (r replacement) position() (p tenancy.Position, err error) {
	if r.Revision == 0 && r.Mark == "" {
		return p, nil
	}
	if err := p.UnmarshalText(fmt.Appendf(nil, "%d-%s", r.Revision, r.Mark)); err != nil || r.Revision == 0 {
		return p, badField("mark", "Only together do revision and mark name a state: send back both, as they were received.")
	}
	return p, nil
}
