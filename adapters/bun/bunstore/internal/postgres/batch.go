package postgres

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// CreateBatch implements driver.BatchCreator with one statement, whatever the
// number of tenants, and a second one if some are taken. Rows that are taken
// when the statement begins leave no trace in the log.
func (p *store) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	if len(ts) == 0 {
		return nil, nil
	}
	args, err := p.batchArgs(ts)
	if err != nil {
		return nil, err
	}
	var created []tenancy.Tenant
	err = p.single(ctx, func(in engine.Session) error {
		created, err = in.Tenants(ctx, len(ts), p.insertMany, append(args, tenancy.ActorFrom(ctx))...)
		return err
	})
	if k := engine.KindOf(err); err != nil && (k == engine.Duplicate || k == engine.Refused) {
		return driver.CreateEach(ctx, p.Create, ts) // a constraint of somebody else: find out whose tenant it hits
	}
	if err != nil {
		return nil, err
	}
	return p.batchResults(ctx, ts, created)
}

// batchArgs returns the columns of ts as arrays.
func (p *store) batchArgs(ts []tenancy.Tenant) ([]any, error) {
	const timeFormat = "2006-01-02T15:04:05.999999Z07:00"
	args := make([]any, 11)
	column := make([]string, len(ts))
	databaseURLs := make(map[string]string, len(ts))
	for _, t := range ts {
		sealed, err := p.Seal(t.ID, t.DatabaseURL.Reveal())
		if err != nil {
			return nil, err
		}
		databaseURLs[t.ID] = sealed
	}
	for i, value := range []func(tenancy.Tenant) string{
		func(t tenancy.Tenant) string { return t.ID },
		func(t tenancy.Tenant) string { return t.Identifier },
		func(t tenancy.Tenant) string { return t.Name },
		func(t tenancy.Tenant) string { return driver.Fold(t.Name) },
		func(t tenancy.Tenant) string { return string(t.Status) },
		func(t tenancy.Tenant) string { return string(t.Isolation) },
		func(t tenancy.Tenant) string { return databaseURLs[t.ID] },
		func(t tenancy.Tenant) string { return t.SchemaName },
		func(t tenancy.Tenant) string { return t.Metadata.String() },
		func(t tenancy.Tenant) string { return t.CreatedAt.Format(timeFormat) },
		func(t tenancy.Tenant) string { return t.UpdatedAt.Format(timeFormat) },
	} {
		for j, t := range ts {
			column[j] = value(t)
		}
		var err error
		if args[i], err = p.Array(column); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// batchResults puts what was created in the order of ts and finds out what stood
// in the way of the others. One that is free by now is created after all.
func (p *store) batchResults(ctx context.Context, ts, created []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	byID := make(map[string]tenancy.Tenant, len(created))
	for _, t := range created {
		byID[t.ID] = t
	}
	var missing []tenancy.Tenant
	for _, t := range ts {
		if _, ok := byID[t.ID]; !ok {
			missing = append(missing, t)
		}
	}
	var found engine.Owners
	if len(missing) > 0 {
		err := p.Retry(ctx, func() (err error) {
			found, err = p.Owners(ctx, p.Read, engine.IDsOf(missing), engine.IdentifiersOf(missing))
			return err
		})
		if err != nil {
			return nil, engine.MayBeApplied(err)
		}
	}
	results := make([]tenancy.CreateResult, 0, len(ts))
	for _, t := range ts {
		if stored, ok := byID[t.ID]; ok {
			results = append(results, tenancy.CreateResult{Tenant: stored})
			continue
		}
		err := found.ConflictOnCreate(t)
		if err == nil {
			t, err = p.Create(ctx, t)
		}
		if err != nil && !errors.Is(err, tenancy.ErrAlreadyExists) && !errors.Is(err, tenancy.ErrInvalid) {
			return results, engine.MayBeApplied(err) // some of those after t may have been created
		}
		if err != nil {
			t = tenancy.Tenant{}
		}
		results = append(results, tenancy.CreateResult{Tenant: t, Err: err})
	}
	return results, nil
}
