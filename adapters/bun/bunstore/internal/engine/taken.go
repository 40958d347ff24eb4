package engine

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Owners are the IDs of the tenants that have some keys.
type Owners map[tenancy.Key]string

// Owners finds out to whom ids and identifiers belong.
func (b *Base) Owners(ctx context.Context, s Session, ids, identifiers []string) (Owners, error) {
	idList, err1 := b.Array(ids)
	identifierList, err2 := b.Array(identifiers)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	found := Owners{}
	err := s.Each(ctx, b.Texts.Owners, []any{idList, identifierList}, func(rows *sql.Rows) error {
		var id, identifier string
		err := rows.Scan(&id, &identifier)
		found[tenancy.IDKey(id)], found[tenancy.IdentifierKey(identifier)] = id, id
		return err
	})
	return found, err
}

// ConflictOnCreate says which field of t, a new tenant, another one has already, or
// nil.
func (o Owners) ConflictOnCreate(t tenancy.Tenant) error {
	if _, taken := o[tenancy.IDKey(t.ID)]; taken {
		return &tenancy.Error{Field: "id", Err: tenancy.ErrAlreadyExists}
	}
	return o.ConflictOnUpdate(t)
}

// ConflictOnUpdate says that another tenant has the identifier of t, or nil.
func (o Owners) ConflictOnUpdate(t tenancy.Tenant) error {
	if id, taken := o[tenancy.IdentifierKey(t.Identifier)]; taken && id != t.ID {
		return &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
	}
	return nil
}

// IDsOf returns the ID of each tenant.
func IDsOf(ts []tenancy.Tenant) []string {
	ids := make([]string, len(ts))
	for i, t := range ts {
		ids[i] = t.ID
	}
	return ids
}

// IdentifiersOf returns the identifier of each tenant.
func IdentifiersOf(ts []tenancy.Tenant) []string {
	identifiers := make([]string, len(ts))
	for i, t := range ts {
		identifiers[i] = t.Identifier
	}
	return identifiers
}
