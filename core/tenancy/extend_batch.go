package tenancy

import (
	"context"
	"fmt"
	"time"
)

// CreateBatch implements [BatchCreator].
func (x *Extended) CreateBatch(ctx context.Context, ts []Tenant) (results []CreateResult, err error) {
	defer complete(&err, "CreateBatch", Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	b, ok := x.b.(BatchCreator)
	if !ok {
		return createEach(ctx, x.Create, ts)
	}
	results = make([]CreateResult, 0, len(ts))
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
func (x *Extended) createRun(ctx context.Context, b BatchCreator, ts []Tenant) ([]CreateResult, error) {
	now := time.Now()
	taken := map[Key]struct{}{}
	var run []CreateResult
	var valid []Tenant
	for _, given := range ts {
		t, err := x.forCreate(given, now)
		if err == nil {
			_, sameID := taken[IDKey(t.ID)]
			_, sameIdentifier := taken[IdentifierKey(t.Identifier)]
			if sameID || sameIdentifier {
				break
			}
			taken[IDKey(t.ID)], taken[IdentifierKey(t.Identifier)] = struct{}{}, struct{}{}
			valid = append(valid, t)
		}
		run = append(run, CreateResult{Tenant: t, Err: err})
	}
	var created []CreateResult
	var err error
	if len(valid) > 0 {
		created, err = b.CreateBatch(ctx, valid)
	}
	if err == nil && len(created) != len(valid) {
		err = fmt.Errorf("%w: %d results for a batch of %d", ErrUnavailable, len(created), len(valid))
	}
	for i := range run {
		if run[i].Err == nil {
			if len(created) == 0 {
				return run[:i], err
			}
			run[i], created = created[0], created[1:]
		}
		run[i].Err = ErrorIn("Create", IdentifierKey(ts[i].Identifier), ErrorIn("Create", IDKey(ts[i].ID), run[i].Err))
	}
	return run, err
}
