package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Extended is the Store that [Extend] makes of a Backend. Stores of this project
// embed it, so that all of them check input and report errors alike.
type Extended struct {
	b     Backend
	calls *inflight.Group
}

// Extend returns a Store over b. It validates and completes all input, turns
// errors into [*tenancy.Error], answers ErrClosed after Close, ends the contexts of the calls
// that Close finds under way, and derives what Backend lacks:
//
//   - GetByIDs and Exists from GetByID, one call for each ID
//   - Count and Search from List, which reads every tenant
//   - SetStatus from BulkUpdateStatus
//   - CreateBatch from Create, one call for each tenant
//
// If b has one of these methods itself, with the signature that it has in
// [tenancy.Store] or [tenancy.BatchCreator], that is called instead; b.CreateBatch gets valid
// tenants only, no two with one ID or identifier. If b is a [MetadataChecker], it is asked
// about whole metadata before they reach it. If b is a [tenancy.Log] or a
// [tenancy.Purger], so is the Store; otherwise those methods fail with
// [errors.ErrUnsupported], and [tenancy.SourceOf] says no. If b is nil, everything but Close
// fails with [tenancy.ErrInvalid].
func Extend(b Backend) *Extended { return &Extended{b, inflight.New(tenancy.ErrClosed)} }

// enter is called first by every method, which goes on with the context that it returns
// and leaves the call at its end.
func (x *Extended) enter(ctx context.Context) (context.Context, *inflight.Call, error) {
	call, err := x.calls.Enter(ctx)
	switch {
	case err != nil:
		return ctx, nil, err
	case x.b == nil:
		err = fmt.Errorf("%w: there is no store: what was wrapped is nil", tenancy.ErrInvalid)
	default:
		err = ctx.Err()
	}
	return call, call, err
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
	if b, ok := x.b.(interface {
		GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error)
	}); ok {
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
	if b, ok := x.b.(interface {
		Exists(ctx context.Context, id string) (bool, error)
	}); ok {
		return b.Exists(ctx, id)
	}
	_, err = x.b.GetByID(ctx, id)
	if errors.Is(err, tenancy.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// List implements [tenancy.Store].
func (x *Extended) List(ctx context.Context, opts tenancy.ListOptions) (p tenancy.Page, err error) {
	defer complete(&err, "List", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return p, err
	}
	return pages{x.b}.List(ctx, opts)
}

// pages is the backend as a [tenancy.Lister], for calls that are under way: a failure of one
// of its pages is theirs, and names them.
type pages struct{ b Backend }

// List implements [tenancy.Lister].
func (l pages) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	opts, after, err := ForList(opts)
	if err != nil {
		return tenancy.Page{}, err
	}
	p, err := l.b.ListAfter(ctx, opts, after)
	if opts.OmitSecrets {
		for i := range p.Tenants {
			if url := &p.Tenants[i].DatabaseURL; !url.IsZero() {
				*url = omittedSecret()
			}
		}
	}
	return p, err
}

// Count implements [tenancy.Store].
func (x *Extended) Count(ctx context.Context, filter tenancy.Filter) (n int, err error) {
	defer complete(&err, "Count", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, filter.Validate()); err != nil {
		return 0, err
	}
	if b, ok := x.b.(interface {
		Count(ctx context.Context, filter tenancy.Filter) (int, error)
	}); ok {
		return b.Count(ctx, filter)
	}
	for _, err := range tenancy.All(ctx, pages{x.b}, tenancy.ListOptions{Filter: filter}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Search implements [tenancy.Store].
func (x *Extended) Search(ctx context.Context, query string, opts tenancy.SearchOptions) (ts []tenancy.Tenant, err error) {
	defer complete(&err, "Search", tenancy.Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateQuery(query)); err != nil {
		return nil, err
	}
	if opts, err = ForSearch(opts); err != nil {
		return nil, err
	}
	if b, ok := x.b.(interface {
		Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error)
	}); ok {
		return b.Search(ctx, query, opts)
	}
	folded := Fold(query)
	ts = TopMatches(func(yield func(Match) bool) {
		for t, failure := range tenancy.All(ctx, pages{x.b}, tenancy.ListOptions{Filter: opts.Filter}) {
			if err = failure; err != nil {
				return
			}
			if rank := RankOf(Fold(t.Identifier), Fold(t.Name), folded); rank != RankNone && !yield(Match{t, rank}) {
				return
			}
		}
	}, opts.Limit)
	if err != nil {
		return nil, err
	}
	return ts, nil
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
	if b, ok := x.b.(interface {
		SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error)
	}); ok {
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
	if !x.calls.End() || x.b == nil {
		return nil
	}
	return ErrorIn("Close", tenancy.Key{}, x.b.Close())
}

// Purge implements [tenancy.Purger].
func (x *Extended) Purge(ctx context.Context, id string) (err error) {
	defer complete(&err, "Purge", tenancy.IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, tenancy.ValidateID(id)); err != nil {
		return err
	}
	b, ok := x.b.(tenancy.Purger)
	if !ok {
		return errors.ErrUnsupported
	}
	return b.Purge(ctx, id)
}

// HasSource reports whether the backend is a [tenancy.Log], and if it is a decorator,
// whether that leads to one; see [tenancy.SourceOf].
func (x *Extended) HasSource() bool {
	_, ok := x.b.(tenancy.Log)
	if asked, isDecorator := x.b.(interface{ HasSource() bool }); ok && isDecorator {
		return asked.HasSource()
	}
	return ok
}

// log enters, too.
func (x *Extended) log(ctx context.Context) (context.Context, *inflight.Call, tenancy.Log, error) {
	ctx, call, err := x.enter(ctx)
	log, ok := x.b.(tenancy.Log)
	if err == nil && !ok {
		err = errors.ErrUnsupported
	}
	return ctx, call, log, err
}

// Bounds implements [tenancy.Log].
func (x *Extended) Bounds(ctx context.Context) (h tenancy.Bounds, err error) {
	defer complete(&err, "Head", tenancy.Key{})
	ctx, call, log, err := x.log(ctx)
	defer call.Leave(&err)
	if err != nil {
		return h, err
	}
	return log.Bounds(ctx)
}

// Load implements [tenancy.Log].
func (x *Extended) Load(ctx context.Context, want []tenancy.Lookup) (s []tenancy.Versioned, err error) {
	defer complete(&err, "Load", tenancy.Key{})
	ctx, call, log, err := x.log(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	for _, l := range want {
		if err := l.Key.Validate(); err != nil {
			return nil, err
		}
	}
	if s, err = log.Load(ctx, want); err == nil && len(s) != len(want) {
		err = fmt.Errorf("%w: %d snapshots for %d lookups", tenancy.ErrUnavailable, len(s), len(want))
	}
	return s, err
}

// Changes implements [tenancy.Log].
func (x *Extended) Changes(ctx context.Context, after tenancy.Position, limit int) (cs []tenancy.Change, err error) {
	defer complete(&err, "Changes", tenancy.Key{})
	ctx, call, log, err := x.log(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	if limit, err = ChangesLimit(limit); err != nil {
		return nil, err
	}
	return log.Changes(ctx, after, limit)
}

// Wait implements [tenancy.Log].
func (x *Extended) Wait(ctx context.Context, after tenancy.Position) (err error) {
	defer complete(&err, "Wait", tenancy.Key{})
	ctx, call, log, err := x.log(ctx)
	defer call.Leave(&err)
	if err != nil {
		return err
	}
	return log.Wait(ctx, after)
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

// omittedSecret is what ListOptions.OmitSecrets leaves of a secret.
func omittedSecret() tenancy.Secret {
	return WithheldSecret("it was not asked for: see ListOptions.OmitSecrets")
}
