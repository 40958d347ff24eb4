package driver

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// CreateEach creates ts one by one, for a [BatchCreator] that must find out whose tenant a
// constraint of somebody else refuses. It ends at the first error that says nothing of the
// tenant.
func CreateEach(ctx context.Context, create func(context.Context, tenancy.Tenant) (tenancy.Tenant, error), ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	results := make([]tenancy.CreateResult, 0, len(ts))
	for _, t := range ts {
		created, err := create(ctx, t)
		if err != nil && !errors.Is(err, tenancy.ErrInvalid) && !errors.Is(err, tenancy.ErrAlreadyExists) {
			return results, err
		}
		results = append(results, tenancy.CreateResult{Tenant: created, Err: err})
	}
	return results, nil
}
