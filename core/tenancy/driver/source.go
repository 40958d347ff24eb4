package driver

import (
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// KeysOf returns the keys that a write touches which finds before and leaves
// after; nil stands for no tenant. names are those that the tenant has before or after.
func KeysOf(before, after *tenancy.Tenant, names ...tenancy.Name) []tenancy.Key {
	keys := make([]tenancy.Key, 0, 4+len(names))
	for _, t := range []*tenancy.Tenant{before, after} {
		if t == nil {
			continue
		}
		for _, k := range []tenancy.Key{tenancy.IDKey(t.ID), tenancy.IdentifierKey(t.Identifier)} {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	for _, n := range names {
		if k, found := n.Key(); found && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// FieldsOf returns the [tenancy.Change].Fields of an update of before to after.
func FieldsOf(before, after tenancy.Tenant) []string {
	var fields []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"database_url", before.DatabaseURL != after.DatabaseURL},
		{"id", before.ID != after.ID},
		{"identifier", before.Identifier != after.Identifier},
		{"isolation", before.Isolation != after.Isolation},
		{"metadata", before.Metadata != after.Metadata},
		{"name", before.Name != after.Name},
		{"schema_name", before.SchemaName != after.SchemaName},
		{"status", before.Status != after.Status},
	} {
		if f.changed {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// ChangesLimit returns the limit of Changes with its default filled in, or an
// [*tenancy.Error] that wraps ErrInvalid. It is for authors of sources.
func ChangesLimit(limit int) (int, error) {
	if limit < 0 || limit > tenancy.MaxChangesLimit {
		return 0, invalid("limit", "must be 0 to %d", tenancy.MaxChangesLimit)
	}
	if limit == 0 {
		return tenancy.DefaultChangesLimit, nil
	}
	return limit, nil
}
