package follow

import (
	"context"
	"errors"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The results of the writes that log nothing where nothing is to be done.
type (
	patched  tenancy.Tenant
	deletion string // the tenant's ID
)

// write makes do, which writes, a call, and follows the log.
func write[T any](ctx context.Context, d *Decorator, op string, do func(ctx context.Context) (T, error)) (T, error) {
	return Call(ctx, d, op, func(ctx context.Context) (result T, err error) {
		if err := ctx.Err(); err != nil { // nothing is written, so there is nothing to follow
			return result, err
		}
		before := d.reader.Position()
		result, err = do(ctx)
		if !d.logged(ctx, before, result, err) {
			err = ErrUnlogged
		}
		if errors.Is(err, ErrUnlogged) { // or a stack below has found it
			d.holder.Unlogged(ctx)
			var none T
			return none, err
		}
		return result, err
	})
}

// logged follows the log after a write, and reports whether that may show what was
// written. Invalid input, and what never reached the database, cannot have changed
// anything: a write that is tried in an outage must not end the service. before is how far the
// log was followed before the write.
func (d *Decorator) logged(ctx context.Context, before tenancy.Position, result any, err error) bool {
	written := positionsOf(result, err)
	if len(written) == 0 && (errors.Is(err, tenancy.ErrInvalid) || errors.Is(err, tenancy.ErrNotApplied)) {
		return true
	}
	counter, counts := d.reader.log.(WriteCounter)
	if counts {
		counter.CountWrite()
		written = nil // a log that has none of them
	}
	var newest tenancy.Position
	for _, p := range written {
		if p.Revision > newest.Revision {
			newest = p
		}
	}
	if d.reader.Wrote(ctx, newest) != nil {
		d.holder.Unfollowed()
		return true
	}
	if counts {
		return true
	}
	switch result := result.(type) {
	case deletion:
		return err != nil || d.reader.Position() != before || d.isThere(ctx, string(result))
	case patched:
		return d.reader.Shows(before, written) ||
			d.reader.Shows(tenancy.Position{}, written) && d.holder.Agrees(ctx, tenancy.Tenant(result))
	}
	return d.reader.Shows(before, written)
}

// isThereLimit is how long isThere may take: the deletion itself has succeeded.
const isThereLimit = 250 * time.Millisecond

// isThere reports whether the source has a tenant with this ID. An outage says no more
// than that it may.
func (d *Decorator) isThere(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, isThereLimit)
	defer cancel()
	found, err := d.source.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(id), Min: tenancy.Latest}})
	return err != nil || found[0].Found
}

// positionsOf returns the positions of what a write has changed. A batch may have
// created some tenants before it failed.
func positionsOf(result any, err error) (written []tenancy.Position) {
	if results, ok := result.([]tenancy.CreateResult); ok {
		for i := range results {
			if results[i].Err == nil {
				written = append(written, results[i].Tenant.Position())
			}
		}
		return written
	}
	if err != nil {
		return nil
	}
	switch result := result.(type) {
	case tenancy.Tenant:
		written = append(written, result.Position())
	case patched:
		written = append(written, tenancy.Tenant(result).Position())
	case []tenancy.Tenant:
		for i := range result {
			written = append(written, result[i].Position())
		}
	}
	return written
}
