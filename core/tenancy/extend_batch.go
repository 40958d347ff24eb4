package tenancy

import (
	"context"
	"time"
)

// CreateBatch implements [BatchCreator].
func (x *Extended) CreateBatch(ctx context.Context, ts []Tenant) (results []CreateResult, err error) {
	defer complete(&err, "CreateBatch", Key{})
	if err = x.enter(ctx); err != nil {
		return nil, err
	}
	b, ok := x.b.(BatchCreator)
	if !ok {
		return createEach(ctx, x.Create, ts)
	}
	results = make([]CreateResult, 0, len(ts))
	for len(ts) > 0 {
		n, err := x.createRun(ctx, b, ts, &results)
		if err != nil {
			return results, err
		}
		ts = ts[n:]
	}
	return results, nil
}

// createRun creates the longest run at the start of ts in which no two tenants
// share a key: whether the second of such a pair can be created depends on what
// became of the first. It appends the results and returns the run's length.
func (x *Extended) createRun(ctx context.Context, b BatchCreator, ts []Tenant, results *[]CreateResult) (int, error) {
	now := time.Now()
	taken := make(map[Key]struct{}, 2*len(ts))
	run := make([]CreateResult, 0, len(ts))
	valid := make([]Tenant, 0, len(ts))
	for _, given := range ts {
		t, err := given.ForCreate(now)
		if err == nil {
			_, sameID := taken[IDKey(t.ID)]
			_, sameIdentifier := taken[IdentifierKey(t.Identifier)]
			if sameID || sameIdentifier {
				break
			}
			taken[IDKey(t.ID)], taken[IdentifierKey(t.Identifier)] = struct{}{}, struct{}{}
			valid = append(valid, t)
		}
		run = append(run, CreateResult{t, err})
	}
	created, err := b.CreateBatch(ctx, valid)
	if err != nil {
		return 0, err
	}
	for i := range run {
		if run[i].Err == nil {
			run[i], created = created[0], created[1:]
		}
		run[i].Err = ErrorIn("Create", IdentifierKey(ts[i].Identifier), run[i].Err)
	}
	*results = append(*results, run...)
	return len(run), nil
}
