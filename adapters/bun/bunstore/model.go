package bunstore

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Tenant is the row of a tenant as a model of bun, for queries of a program that join
// tenants, and for models that relate to them:
//
//	type Order struct {
//		ID       int64            `bun:",pk,autoincrement"`
//		TenantID string
//		Tenant   *bunstore.Tenant `bun:"rel:belongs-to,join:tenant_id=id"`
//	}
//
// It is for reading: an INSERT or UPDATE of its values fails with [tenancy.ErrInvalid], because
// it could store a mask, or go past the checks of the store. [Store.FromModel] makes a
// [tenancy.Tenant] of it.
//
// It has no domains. The column primary_domain may hold any text that somebody has written, and
// counts only as a verified domain of the tenant, which [Store.NamesOf] says, or a join with the
// table of names.
//
// Of a table with another name, a query of tenants reads by
// ModelTableExpr("customers AS tenant"). A relation takes the name from its model: embed
// Tenant in one of your own, which has a bun.BaseModel with the name before it.
type Tenant struct {
	bun.BaseModel `bun:"table:tenants,alias:tenant"`

	ID          string            `bun:"id,pk"`
	Identifier  string            `bun:"identifier"`
	Name        string            `bun:"name"`
	Status      tenancy.Status    `bun:"status"`
	Isolation   tenancy.Isolation `bun:"isolation"`
	DatabaseURL Secret            `bun:"database_url"`
	SchemaName  string            `bun:"schema_name"`
	Metadata    Metadata          `bun:"metadata"`
	CreatedAt   Time              `bun:"created_at"`
	UpdatedAt   Time              `bun:"updated_at"`
	Revision    tenancy.Revision  `bun:"revision"`
	Mark        int64             `bun:"mark"`
}

var _ bun.BeforeAppendModelHook = (*Tenant)(nil)

// BeforeAppendModel implements [bun.BeforeAppendModelHook]: it refuses writes.
func (*Tenant) BeforeAppendModel(_ context.Context, query bun.Query) error {
	switch query.(type) {
	case *bun.InsertQuery, *bun.UpdateQuery:
		return &tenancy.Error{Op: query.Operation(), Err: fmt.Errorf("%w: a model of tenants is for reading; write by the store", tenancy.ErrInvalid)}
	}
	return nil
}

// Secret is a DatabaseURL as its column has it, sealed if the store seals. It prints, logs
// and marshals as "***".
type Secret struct{ tenancy.Secret }

// Scan implements [sql.Scanner].
func (s *Secret) Scan(src any) error {
	var text engine.Text
	err := text.Scan(src)
	s.Secret = tenancy.NewSecret(string(text))
	return err
}

// Metadata is [tenancy.Metadata] of a column.
type Metadata struct{ tenancy.Metadata }

// Scan implements [sql.Scanner].
func (m *Metadata) Scan(src any) error {
	var text engine.Text
	err := text.Scan(src)
	m.Metadata = driver.MetadataFromStored([]byte(text))
	return err
}

// Time is a time of a column, in UTC: SQLite has microseconds since 1970.
type Time struct{ time.Time }

// Scan implements [sql.Scanner].
func (t *Time) Scan(src any) error {
	var at engine.Instant
	err := at.Scan(src)
	t.Time = time.Time(at)
	return err
}

// FromModel returns the tenant of a row. A DatabaseURL that does not open is withheld, as by
// every read of the store.
func (s *Store) FromModel(m *Tenant) tenancy.Tenant {
	return tenancy.Tenant{
		ID: m.ID, Identifier: m.Identifier, Name: m.Name, Status: m.Status, Isolation: m.Isolation,
		DatabaseURL: s.common().OpenSecret(m.ID, m.DatabaseURL.Reveal()), SchemaName: m.SchemaName, Metadata: m.Metadata.Metadata,
		CreatedAt: m.CreatedAt.Time, UpdatedAt: m.UpdatedAt.Time, Revision: m.Revision, Mark: m.Mark,
	}
}
