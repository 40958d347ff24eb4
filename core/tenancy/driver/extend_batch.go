package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// CreateBatch implements [tenancy.Store].
func (x *Extended) CreateBatch(ctx context.Context, ts []tenancy.Tenant) (results []tenancy.CreateResult, err error) {
	defer complete(&err, "CreateBatch", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	b, ok := x.b.(BatchCreator)
	if !ok {
		return CreateEach(ctx, x.Create, ts)
	}
	results = make([]tenancy.CreateResult, 0, len(ts))
	for len(ts) > 0 {
		run, err := x.createRun(ctx, b, ts)
		results = append(results, run...)
		if err != nil {
			return results, err
		}
		ts = ts[len(run):]
	}
	return results, nil
}

// createRun creates the longest run at the start of ts in which no two tenants
// share a key: whether the second of such a pair can be created depends on what
// became of the first. With an error, the results end before the tenants whose
// fate is unknown.
func (x *Extended) createRun(ctx context.Context, b BatchCreator, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	now := time.Now()
	taken := map[tenancy.Key]struct{}{}
	var run []tenancy.CreateResult
	var valid []tenancy.Tenant
	for _, given := range ts {
		t, err := x.forCreate(given, now)
		if err == nil {
			_, sameID := taken[tenancy.IDKey(t.ID)]
			_, sameIdentifier := taken[tenancy.IdentifierKey(t.Identifier)]
			if sameID || sameIdentifier {
				break
			}
			taken[tenancy.IDKey(t.ID)], taken[tenancy.IdentifierKey(t.Identifier)] = struct{}{}, struct{}{}
			valid = append(valid, t)
		}
		run = append(run, tenancy.CreateResult{Tenant: t, Err: err})
	}
	var created []tenancy.CreateResult
	var err error
	if len(valid) > 0 {
		created, err = b.CreateBatch(ctx, valid)
	}
	if err == nil && len(created) != len(valid) {
		err = fmt.Errorf("%w: %d results for a batch of %d", tenancy.ErrUnavailable, len(created), len(valid))
	}
	for i := range run {
		if run[i].Err == nil {
			if len(created) == 0 {
				return run[:i], err
			}
			run[i], created = created[0], created[1:]
		}
		run[i].Err = ErrorIn("Create", tenancy.IdentifierKey(ts[i].Identifier), ErrorIn("Create", tenancy.IDKey(ts[i].ID), run[i].Err))
	}
	return run, err
}

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
