package driver

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func createEach(ctx context.Context, create func(context.Context, tenancy.Tenant) (tenancy.Tenant, error), ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
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
