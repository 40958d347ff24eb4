package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Extended is the Store that [Extend] makes of a Backend. Stores of this project
// embed it, so that all of them check input and report errors alike.
type Extended struct {
	sealed //nolint:unused // it makes Extended a Store, all of whose methods Extended has itself
	b      Backend
	calls  *inflight.Group
}

// sealed makes what embeds it a [tenancy.Store], to which methods can be added.
type sealed = tenancy.Store //nolint:unused // it is embedded

var _ tenancy.Source = (*Extended)(nil)

// Extend returns a Store over b. It validates and completes all input, turns
// errors into [*tenancy.Error], answers ErrClosed after Close, ends the contexts of the
// calls that Close finds under way, and derives what Backend lacks:
//
//   - GetByIDs and Exists from GetByID, one call for each ID
//   - Count and Search from ListAfter, which reads every tenant
//   - SetStatus from BulkUpdateStatus
//   - CreateBatch from Create, one call for each tenant
//
// If b is a [ManyGetter], [Exister], [Counter], [Searcher], [StatusSetter] or
// [BatchCreator], it is asked instead. If b is a [Reserver] or a [MetadataChecker], it
// is asked about new identifiers and whole metadata before they reach it. If b is a
// [Source], a [Names] or a [Purger], so is the Store; otherwise those methods fail with
// [errors.ErrUnsupported], and [tenancy.SourceOf] and [tenancy.HasNames] say no.
//
// Extend fails with ErrInvalid if b is nil, or has a method of one of these interfaces
// with another signature.
func Extend(b Backend) (*Extended, error) {
	if nilvalue.Is(b) {
		return nil, &tenancy.Error{Op: "Extend", Field: "backend", Err: fmt.Errorf("%w: it is nil", tenancy.ErrInvalid)}
	}
	if err := checkOptional(b); err != nil {
		return nil, &tenancy.Error{Op: "Extend", Field: "backend", Err: err}
	}
	return &Extended{b: b, calls: inflight.New(tenancy.ErrClosed)}, nil
}

// enter is called first by every method, which goes on with the context that it returns
// and leaves the call at its end.
func (x *Extended) enter(ctx context.Context) (context.Context, *inflight.Call, error) {
	call, err := x.calls.Enter(ctx)
	if err != nil {
		return ctx, nil, err
	}
	return call, call, ctx.Err()
}

// GetByID implements [tenancy.Store].
func (x *Extended) GetByID(ctx context.Context, id string) (t tenancy.Tenant, err error) {
	defer complete(&err, "GetByID", tenancy.IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateID(id)); err != nil {
		return t, err
	}
	return x.b.GetByID(ctx, id)
}

// GetByIdentifier implements [tenancy.Store].
func (x *Extended) GetByIdentifier(ctx context.Context, identifier string) (t tenancy.Tenant, err error) {
	defer complete(&err, "GetByIdentifier", tenancy.IdentifierKey(identifier))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateIdentifier(identifier)); err != nil {
		return t, err
	}
	return x.b.GetByIdentifier(ctx, identifier)
}

// GetByIDs implements [tenancy.Store].
func (x *Extended) GetByIDs(ctx context.Context, ids []string) (ts []tenancy.Tenant, err error) {
	defer complete(&err, "GetByIDs", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	if ids, err = UniqueIDs(ids); err != nil || len(ids) == 0 {
		return nil, err
	}
	if b, ok := x.b.(ManyGetter); ok {
		ts, err = b.GetByIDs(ctx, ids)
		return inOrder(ts, ids), err
	}
	for _, id := range ids {
		t, err := x.b.GetByID(ctx, id)
		if errors.Is(err, tenancy.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
	}
	return ts, nil
}

// Exists implements [tenancy.Store].
func (x *Extended) Exists(ctx context.Context, id string) (found bool, err error) {
	defer complete(&err, "Exists", tenancy.IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateID(id)); err != nil {
		return false, err
	}
	if b, ok := x.b.(Exister); ok {
		return b.Exists(ctx, id)
	}
	_, err = x.b.GetByID(ctx, id)
	if errors.Is(err, tenancy.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Create implements [tenancy.Store].
func (x *Extended) Create(ctx context.Context, t tenancy.Tenant) (created tenancy.Tenant, err error) {
	id := t.ID
	defer func() { complete(&err, "Create", tenancy.IDKey(id)) }()
	defer complete(&err, "Create", tenancy.IdentifierKey(t.Identifier))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return created, err
	}
	if t, err = x.forCreate(t, time.Now()); err != nil {
		return created, err
	}
	id = t.ID // perhaps a new one: the write that fails may have happened
	return x.b.Create(ctx, t)
}

// Update implements [tenancy.Store].
func (x *Extended) Update(ctx context.Context, t tenancy.Tenant) (updated tenancy.Tenant, err error) {
	defer complete(&err, "Update", tenancy.IDKey(t.ID))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return updated, err
	}
	if t, err = ForUpdate(t); err != nil {
		return updated, err
	}
	if x.isReserved(t.Identifier) {
		switch stored, err := x.b.GetByID(ctx, t.ID); {
		case err != nil:
			return updated, err
		case stored.Identifier != t.Identifier:
			return updated, reserved()
		}
	}
	if err = x.checkUpdate(ctx, t); err != nil {
		return updated, err
	}
	return x.b.Update(ctx, t)
}

// forCreate returns t as it is given to the backend.
func (x *Extended) forCreate(t tenancy.Tenant, now time.Time) (tenancy.Tenant, error) {
	t, err := ForCreate(t, now)
	if err == nil && x.isReserved(t.Identifier) {
		err = reserved()
	}
	if err == nil {
		err = x.checkMetadata(t.Metadata)
	}
	return t, err
}

// SetStatus implements [tenancy.Store].
func (x *Extended) SetStatus(ctx context.Context, id string, s tenancy.Status) (t tenancy.Tenant, err error) {
	defer complete(&err, "SetStatus", tenancy.IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateID(id), s.Validate()); err != nil {
		return t, err
	}
	if b, ok := x.b.(StatusSetter); ok {
		return b.SetStatus(ctx, id, s)
	}
	ts, err := x.b.BulkUpdateStatus(ctx, []string{id}, s)
	if err != nil {
		return t, err
	}
	if len(ts) == 0 {
		return t, tenancy.ErrNotFound
	}
	return ts[0], nil
}

// BulkUpdateStatus implements [tenancy.Store].
func (x *Extended) BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) (ts []tenancy.Tenant, err error) {
	defer complete(&err, "BulkUpdateStatus", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, s.Validate()); err != nil {
		return nil, err
	}
	if ids, err = UniqueIDs(ids); err != nil || len(ids) == 0 {
		return nil, err
	}
	ts, err = x.b.BulkUpdateStatus(ctx, ids, s)
	return inOrder(ts, ids), err
}

// UpdateMetadata implements [tenancy.Store].
func (x *Extended) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (t tenancy.Tenant, err error) {
	defer complete(&err, "UpdateMetadata", tenancy.IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateID(id), patch.Validate()); err != nil {
		return t, err
	}
	return x.b.UpdateMetadata(ctx, id, patch)
}

// Delete implements [tenancy.Store].
func (x *Extended) Delete(ctx context.Context, id string) (err error) {
	defer complete(&err, "Delete", tenancy.IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateID(id)); err != nil {
		return err
	}
	return x.b.Delete(ctx, id)
}

// Close implements [tenancy.Store]: the first call ends the contexts of the calls under way,
// which fail with ErrClosed then, and closes the backend without waiting for them.
func (x *Extended) Close() error {
	if !x.calls.End() {
		return nil
	}
	return ErrorIn("Close", tenancy.Key{}, x.b.Close())
}

// Purge implements [tenancy.Store].
func (x *Extended) Purge(ctx context.Context, id string) (err error) {
	defer complete(&err, "Purge", tenancy.IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateID(id)); err != nil {
		return err
	}
	b, ok := x.b.(Purger)
	if !ok {
		return errors.ErrUnsupported
	}
	return b.Purge(ctx, id)
}

// complete is deferred: it turns *err into an *Error.
func complete(err *error, op string, key tenancy.Key) { *err = ErrorIn(op, key, *err) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// inOrder sorts ts into the order of ids, which are unique.
func inOrder(ts []tenancy.Tenant, ids []string) []tenancy.Tenant {
	place := make(map[string]int, len(ts))
	for i := range ts {
		place[ts[i].ID] = i
	}
	out := make([]tenancy.Tenant, 0, len(ts))
	for _, id := range ids {
		if i, ok := place[id]; ok {
			out = append(out, ts[i])
		}
	}
	return out
}
