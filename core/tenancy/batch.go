package tenancy

import (
	"context"
	"errors"
)

// BatchCreator is a Store that creates many tenants faster than one by one.
type BatchCreator interface {
	// CreateBatch creates the tenants as Create would, one after the other, and
	// returns one result for each. A tenant that cannot be created has its error
	// in the result and does not stop the others. If the store itself fails, the
	// results end before the tenants whose fate is unknown, and that error is
	// returned.
	CreateBatch(ctx context.Context, ts []Tenant) ([]CreateResult, error)
}

// CreateResult is what became of one tenant of a batch: the tenant as stored, or
// the error (ErrInvalid, ErrAlreadyExists).
type CreateResult struct {
	Tenant Tenant
	Err    error
}

// CreateBatch creates ts through s.CreateBatch, or with Create if s lacks it.
func CreateBatch(ctx context.Context, s Store, ts []Tenant) ([]CreateResult, error) {
	if b, ok := s.(BatchCreator); ok {
		results, err := b.CreateBatch(ctx, ts)
		if !errors.Is(err, errors.ErrUnsupported) {
			return results, err
		}
	}
	return createEach(ctx, s.Create, ts)
}

func createEach(ctx context.Context, create func(context.Context, Tenant) (Tenant, error), ts []Tenant) ([]CreateResult, error) {
	results := make([]CreateResult, 0, len(ts))
	for _, t := range ts {
		created, err := create(ctx, t)
		if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrAlreadyExists) {
			return results, err
		}
		results = append(results, CreateResult{Tenant: created, Err: err})
	}
	return results, nil
}
