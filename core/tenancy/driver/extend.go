package driver

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
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
	if v := reflect.ValueOf(b); b == nil || v.Kind() == reflect.Pointer && v.IsNil() {
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
	if b, ok := x.b.(Counter); ok {
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
	if b, ok := x.b.(Searcher); ok {
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

// HasSource reports whether the backend is a [Source], and if that is a decorator,
// whether it leads to one; see [tenancy.SourceOf].
func (x *Extended) HasSource() bool {
	_, ok := x.b.(Source)
	if asked, isDecorator := x.b.(interface{ HasSource() bool }); ok && isDecorator {
		return asked.HasSource()
	}
	return ok
}

// source enters, too.
func (x *Extended) source(ctx context.Context) (context.Context, *inflight.Call, Source, error) {
	ctx, call, err := x.enter(ctx)
	source, ok := x.b.(Source)
	if err == nil && !ok {
		err = errors.ErrUnsupported
	}
	return ctx, call, source, err
}

// Bounds implements [tenancy.Log].
func (x *Extended) Bounds(ctx context.Context) (h tenancy.Bounds, err error) {
	defer complete(&err, "Bounds", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return h, err
	}
	return source.Bounds(ctx)
}

// Load implements [tenancy.Log].
func (x *Extended) Load(ctx context.Context, want []tenancy.Lookup) (s []tenancy.Versioned, err error) {
	defer complete(&err, "Load", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	for _, l := range want {
		if err := l.Key.Validate(); err != nil {
			return nil, err
		}
		if !l.Key.OfField() && !x.HasNames() {
			return nil, errors.ErrUnsupported
		}
	}
	if s, err = source.Load(ctx, want); err == nil && len(s) != len(want) {
		err = fmt.Errorf("%w: %d answers to %d lookups", tenancy.ErrUnavailable, len(s), len(want))
	}
	return s, err
}

// Changes implements [tenancy.Log].
func (x *Extended) Changes(ctx context.Context, after tenancy.Position, limit int) (cs []tenancy.Change, err error) {
	defer complete(&err, "Changes", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	if limit, err = ChangesLimit(limit); err != nil {
		return nil, err
	}
	return source.Changes(ctx, after, limit)
}

// Wait implements [tenancy.Log].
func (x *Extended) Wait(ctx context.Context, after tenancy.Position) (err error) {
	defer complete(&err, "Wait", tenancy.Key{})
	ctx, call, source, err := x.source(ctx)
	defer call.Leave(&err)
	if err != nil {
		return err
	}
	return source.Wait(ctx, after)
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
