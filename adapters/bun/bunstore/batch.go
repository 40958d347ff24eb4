package bunstore

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// createEach creates ts one by one.
func createEach(ctx context.Context, b driver.Backend, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	results := make([]tenancy.CreateResult, 0, len(ts))
	for _, t := range ts {
		created, err := b.Create(ctx, t)
		if err != nil && !errors.Is(err, tenancy.ErrInvalid) && !errors.Is(err, tenancy.ErrAlreadyExists) {
			return results, err
		}
		results = append(results, tenancy.CreateResult{Tenant: created, Err: err})
	}
	return results, nil
}

func idsOf(ts []tenancy.Tenant) []string {
	ids := make([]string, len(ts))
	for i, t := range ts {
		ids[i] = t.ID
	}
	return ids
}

func identifiersOf(ts []tenancy.Tenant) []string {
	identifiers := make([]string, len(ts))
	for i, t := range ts {
		identifiers[i] = t.Identifier
	}
	return identifiers
}
