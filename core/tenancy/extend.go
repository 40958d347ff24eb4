package tenancy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
)

// Extended is the Store that [Extend] makes of a Backend. Stores of this project
// embed it, so that all of them check input and report errors alike.
type Extended struct {
	b     Backend
	calls *inflight.Group
}

// Extend returns a Store over b. It validates and completes all input, turns
// errors into [*Error], answers ErrClosed after Close, ends the contexts of the calls
// that Close finds under way, and derives what Backend lacks:
//
//   - GetByIDs and Exists from GetByID, one call for each ID
//   - Count and Search from List, which reads every tenant
//   - SetStatus from BulkUpdateStatus
//   - CreateBatch from Create, one call for each tenant
//
// If b has one of these methods itself, with the signature that it has in
// [Store] or [BatchCreator], that is called instead; b.CreateBatch gets valid
// tenants only, no two with one ID or identifier. If b is a [MetadataChecker], it is asked
// about whole metadata before they reach it. If b is a [Log] or a
// [Purger], so is the Store; otherwise those methods fail with
// [errors.ErrUnsupported], and [SourceOf] says no. If b is nil, everything but Close
// fails with [ErrInvalid].
func Extend(b Backend) *Extended { return &Extended{b, inflight.New(ErrClosed)} }

// enter is called first by every method, which goes on with the context that it returns
// and leaves the call at its end.
func (x *Extended) enter(ctx context.Context) (context.Context, *inflight.Call, error) {
	call, err := x.calls.Enter(ctx)
	switch {
	case err != nil:
		return ctx, nil, err
	case x.b == nil:
		err = fmt.Errorf("%w: there is no store: what was wrapped is nil", ErrInvalid)
	default:
		err = ctx.Err()
	}
	return call, call, err
}

// GetByID implements [Store].
func (x *Extended) GetByID(ctx context.Context, id string) (t Tenant, err error) {
	defer complete(&err, "GetByID", IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateID(id)); err != nil {
		return t, err
	}
	return x.b.GetByID(ctx, id)
}

// GetByIdentifier implements [Store].
func (x *Extended) GetByIdentifier(ctx context.Context, identifier string) (t Tenant, err error) {
	defer complete(&err, "GetByIdentifier", IdentifierKey(identifier))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateIdentifier(identifier)); err != nil {
		return t, err
	}
	return x.b.GetByIdentifier(ctx, identifier)
}

// GetByIDs implements [Store].
func (x *Extended) GetByIDs(ctx context.Context, ids []string) (ts []Tenant, err error) {
	defer complete(&err, "GetByIDs", Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	if ids, err = UniqueIDs(ids); err != nil || len(ids) == 0 {
		return nil, err
	}
	if b, ok := x.b.(interface {
		GetByIDs(ctx context.Context, ids []string) ([]Tenant, error)
	}); ok {
		ts, err = b.GetByIDs(ctx, ids)
		return inOrder(ts, ids), err
	}
	for _, id := range ids {
		t, err := x.b.GetByID(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
	}
	return ts, nil
}

// Exists implements [Store].
func (x *Extended) Exists(ctx context.Context, id string) (found bool, err error) {
	defer complete(&err, "Exists", IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateID(id)); err != nil {
		return false, err
	}
	if b, ok := x.b.(interface {
		Exists(ctx context.Context, id string) (bool, error)
	}); ok {
		return b.Exists(ctx, id)
	}
	_, err = x.b.GetByID(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// List implements [Store].
func (x *Extended) List(ctx context.Context, opts ListOptions) (p Page, err error) {
	defer complete(&err, "List", Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return p, err
	}
	return pages{x.b}.List(ctx, opts)
}

// pages is the backend as a [Lister], for calls that are under way: a failure of one
// of its pages is theirs, and names them.
type pages struct{ b Backend }

// List implements [Lister].
func (l pages) List(ctx context.Context, opts ListOptions) (Page, error) {
	opts, after, err := ForList(opts)
	if err != nil {
		return Page{}, err
	}
	p, err := l.b.List(ctx, opts, after)
	if opts.OmitSecrets {
		for i := range p.Tenants {
			if url := &p.Tenants[i].DatabaseURL; !url.IsZero() {
				*url = omittedSecret()
			}
		}
	}
	return p, err
}

// Count implements [Store].
func (x *Extended) Count(ctx context.Context, filter Filter) (n int, err error) {
	defer complete(&err, "Count", Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, filter.Validate()); err != nil {
		return 0, err
	}
	if b, ok := x.b.(interface {
		Count(ctx context.Context, filter Filter) (int, error)
	}); ok {
		return b.Count(ctx, filter)
	}
	for _, err := range All(ctx, pages{x.b}, ListOptions{Filter: filter}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Search implements [Store].
func (x *Extended) Search(ctx context.Context, query string, opts SearchOptions) (ts []Tenant, err error) {
	defer complete(&err, "Search", Key{})
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateQuery(query)); err != nil {
		return nil, err
	}
	if opts, err = ForSearch(opts); err != nil {
		return nil, err
	}
	if b, ok := x.b.(interface {
		Search(ctx context.Context, query string, opts SearchOptions) ([]Tenant, error)
	}); ok {
		return b.Search(ctx, query, opts)
	}
	folded := Fold(query)
	ts = TopMatches(func(yield func(Match) bool) {
		for t, failure := range All(ctx, pages{x.b}, ListOptions{Filter: opts.Filter}) {
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

// Create implements [Store].
func (x *Extended) Create(ctx context.Context, t Tenant) (created Tenant, err error) {
	id := t.ID
	defer func() { complete(&err, "Create", IDKey(id)) }()
	defer complete(&err, "Create", IdentifierKey(t.Identifier))
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

// Update implements [Store].
func (x *Extended) Update(ctx context.Context, t Tenant) (updated Tenant, err error) {
	defer complete(&err, "Update", IDKey(t.ID))
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
func (x *Extended) forCreate(t Tenant, now time.Time) (Tenant, error) {
	t, err := ForCreate(t, now)
	if err == nil && x.isReserved(t.Identifier) {
		err = reserved()
	}
	if err == nil {
		err = x.checkMetadata(t.Metadata)
	}
	return t, err
}

// SetStatus implements [Store].
func (x *Extended) SetStatus(ctx context.Context, id string, s Status) (t Tenant, err error) {
	defer complete(&err, "SetStatus", IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateID(id), s.Validate()); err != nil {
		return t, err
	}
	if b, ok := x.b.(interface {
		SetStatus(ctx context.Context, id string, s Status) (Tenant, error)
	}); ok {
		return b.SetStatus(ctx, id, s)
	}
	ts, err := x.b.BulkUpdateStatus(ctx, []string{id}, s)
	if err != nil {
		return t, err
	}
	if len(ts) == 0 {
		return t, ErrNotFound
	}
	return ts[0], nil
}

// BulkUpdateStatus implements [Store].
func (x *Extended) BulkUpdateStatus(ctx context.Context, ids []string, s Status) (ts []Tenant, err error) {
	defer complete(&err, "BulkUpdateStatus", Key{})
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

// UpdateMetadata implements [Store].
func (x *Extended) UpdateMetadata(ctx context.Context, id string, patch Metadata) (t Tenant, err error) {
	defer complete(&err, "UpdateMetadata", IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateID(id), patch.Validate()); err != nil {
		return t, err
	}
	return x.b.UpdateMetadata(ctx, id, patch)
}

// Delete implements [Store].
func (x *Extended) Delete(ctx context.Context, id string) (err error) {
	defer complete(&err, "Delete", IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateID(id)); err != nil {
		return err
	}
	return x.b.Delete(ctx, id)
}

// Close implements [Store]: the first call ends the contexts of the calls under way,
// which fail with ErrClosed then, and closes the backend without waiting for them.
func (x *Extended) Close() error {
	if !x.calls.End() || x.b == nil {
		return nil
	}
	return ErrorIn("Close", Key{}, x.b.Close())
}

// Purge implements [Purger].
func (x *Extended) Purge(ctx context.Context, id string) (err error) {
	defer complete(&err, "Purge", IDKey(id))
	ctx, call, err := x.enter(ctx)
	defer call.Leave(&err)
	if err = firstError(err, ValidateID(id)); err != nil {
		return err
	}
	b, ok := x.b.(Purger)
	if !ok {
		return errors.ErrUnsupported
	}
	return b.Purge(ctx, id)
}

// HasSource reports whether the backend is a [Log], and if it is a decorator,
// whether that leads to one; see [SourceOf].
func (x *Extended) HasSource() bool {
	_, ok := x.b.(Log)
	if asked, isDecorator := x.b.(interface{ HasSource() bool }); ok && isDecorator {
		return asked.HasSource()
	}
	return ok
}

// log enters, too.
func (x *Extended) log(ctx context.Context) (context.Context, *inflight.Call, Log, error) {
	ctx, call, err := x.enter(ctx)
	log, ok := x.b.(Log)
	if err == nil && !ok {
		err = errors.ErrUnsupported
	}
	return ctx, call, log, err
}

// Head implements [Log].
func (x *Extended) Head(ctx context.Context) (h Head, err error) {
	defer complete(&err, "Head", Key{})
	ctx, call, log, err := x.log(ctx)
	defer call.Leave(&err)
	if err != nil {
		return h, err
	}
	return log.Head(ctx)
}

// Load implements [Log].
func (x *Extended) Load(ctx context.Context, want []Lookup) (s []Snapshot, err error) {
	defer complete(&err, "Load", Key{})
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
		err = fmt.Errorf("%w: %d snapshots for %d lookups", ErrUnavailable, len(s), len(want))
	}
	return s, err
}

// Changes implements [Log].
func (x *Extended) Changes(ctx context.Context, after Position, limit int) (cs []Change, err error) {
	defer complete(&err, "Changes", Key{})
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

// Wait implements [Log].
func (x *Extended) Wait(ctx context.Context, after Position) (err error) {
	defer complete(&err, "Wait", Key{})
	ctx, call, log, err := x.log(ctx)
	defer call.Leave(&err)
	if err != nil {
		return err
	}
	return log.Wait(ctx, after)
}

// Watch implements [Log].
func (x *Extended) Watch(ctx context.Context, after Position) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		var end error
		ctx, call, log, err := x.log(ctx)
		defer call.Leave(&end)
		if err != nil {
			yield(Change{}, ErrorIn("Watch", Key{}, err))
			return
		}
		for c, err := range log.Watch(ctx, after) {
			call.Failed(&err)
			if !yield(c, ErrorIn("Watch", Key{}, err)) {
				return
			}
		}
	}
}

// complete is deferred: it turns *err into an *Error.
func complete(err *error, op string, key Key) { *err = ErrorIn(op, key, *err) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// inOrder sorts ts into the order of ids, which are unique.
func inOrder(ts []Tenant, ids []string) []Tenant {
	place := make(map[string]int, len(ts))
	for i := range ts {
		place[ts[i].ID] = i
	}
	out := make([]Tenant, 0, len(ts))
	for _, id := range ids {
		if i, ok := place[id]; ok {
			out = append(out, ts[i])
		}
	}
	return out
}

// omittedSecret is what ListOptions.OmitSecrets leaves of a secret.
func omittedSecret() Secret {
	return WithheldSecret("it was not asked for: see ListOptions.OmitSecrets")
}
