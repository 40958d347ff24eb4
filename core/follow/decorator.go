package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// ErrUnlogged is the error of a write that the database has accepted but its change log
// does not show. It wraps ErrUnavailable.
var ErrUnlogged = fmt.Errorf("%w: the database has accepted the write, but its change log does not show it: "+
	"the triggers of the database are missing or disabled; run Migrate", tenancy.ErrUnavailable)

// Decorator is the part of a store that a Reader serves: the writes and the log. A write
// returns after the log has been followed, even if it failed: its change may have been
// committed, and a conflict means that there is something new to read. The log shows what
// the Reader's Follower has obeyed. The store that embeds a Decorator implements the reads.
type Decorator struct {
	tenancy.Decorator
	source tenancy.Source // Next, or nil if that is none
	reader *Reader
	holder Holder
	calls  *inflight.Group
}

// Holder is implemented by the store that embeds a Decorator, and knows the tenants that it
// holds.
type Holder interface {
	// Agrees reports whether the store holds no different tenant for the position of t.
	Agrees(ctx context.Context, t tenancy.Tenant) bool
	// Unfollowed is called when the log could not be read after a write. Callers that
	// arrive from now on must not get the result of a load that is under way.
	Unfollowed()
	// Unlogged is called when the log does not show a write, and so cannot tell which of
	// the tenants held are outdated.
	Unlogged(ctx context.Context)
}

// WriteCounter is implemented by the log used for a store without one. Each write through
// the Decorator counts as a change of everything.
type WriteCounter interface{ CountWrite() }

// NewDecorator returns a Decorator over next, whose log reader follows. If the log is a
// [WriteCounter], the Decorator shows no log.
func NewDecorator(next tenancy.Store, reader *Reader, holder Holder) Decorator {
	source, _ := tenancy.SourceOf(next)
	return Decorator{tenancy.Decorator{Next: next}, source, reader, holder, inflight.New(tenancy.ErrClosed)}
}

// Reader returns the reader of the change log.
func (d *Decorator) Reader() *Reader { return d.reader }

// Call runs do as a call of the store: Close ends its context and waits for it. The error
// names op.
func Call[T any](ctx context.Context, d *Decorator, op string, do func(ctx context.Context) (T, error)) (result T, err error) {
	call, err := d.calls.Enter(ctx)
	defer func() {
		call.Leave(&err)
		err = driver.ErrorIn(op, tenancy.Key{}, err)
	}()
	if err != nil {
		return result, err
	}
	return do(call)
}

// Calls returns the calls of the store that Close ends and waits for. It is no method, which
// the stores that embed a Decorator would have, too.
func Calls(d *Decorator) *inflight.Group { return d.calls }

// closePatience is how long Close waits for each kind of work after ending its context.
const closePatience = time.Second

// Close ends the calls under way and the Reader, waits for them, and closes the store
// below. It does not wait for calls that ignore the end of their contexts.
func (d *Decorator) Close() error { return CloseAfter(d, nil, nil) }

// CloseAfter closes d for a store that has more to close before the store below: drain ends
// what else is under way, waits for that as long as patience, and returns how many calls are
// left; release is for what nothing uses any more. Either may be nil.
func CloseAfter(d *Decorator, drain func(patience time.Duration) (left int64), release func() error) error {
	if !d.calls.End() {
		return nil
	}
	left := d.calls.Wait(closePatience) + d.reader.Close(closePatience)
	if drain != nil {
		left += drain(closePatience)
	}
	if left > 0 {
		d.reader.cfg.Logger.Warn("tenancy: closed, though calls are under way that do not end with their contexts", "calls", left)
	}
	var err error
	if release != nil {
		err = release()
	}
	return driver.ErrorIn("Close", tenancy.Key{}, errors.Join(err, d.Next.Close()))
}

// Bounds implements [tenancy.Log].
func (d *Decorator) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	return callLog(ctx, d, "Bounds", d.reader.Bounds)
}

// Changes implements [tenancy.Log].
func (d *Decorator) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	return callLog(ctx, d, "Changes", func(ctx context.Context) ([]tenancy.Change, error) {
		return d.reader.Changes(ctx, after, limit)
	})
}

// Wait implements [tenancy.Log].
func (d *Decorator) Wait(ctx context.Context, after tenancy.Position) error {
	_, err := callLog(ctx, d, "Wait", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.reader.Wait(ctx, after)
	})
	return err
}

// callLog is Call for the methods of a log, if there is one.
func callLog[T any](ctx context.Context, d *Decorator, op string, do func(ctx context.Context) (T, error)) (T, error) {
	if d.source == nil {
		var none T
		return none, &tenancy.Error{Op: op, Err: errors.ErrUnsupported}
	}
	return Call(ctx, d, op, do)
}

// Create implements [tenancy.Store].
func (d *Decorator) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return write(ctx, d, "Create", func(ctx context.Context) (tenancy.Tenant, error) { return d.Next.Create(ctx, t) })
}

// CreateBatch implements [tenancy.Store].
func (d *Decorator) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return write(ctx, d, "CreateBatch", func(ctx context.Context) ([]tenancy.CreateResult, error) {
		return d.Next.CreateBatch(ctx, ts)
	})
}

// Update implements [tenancy.Store].
func (d *Decorator) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return write(ctx, d, "Update", func(ctx context.Context) (tenancy.Tenant, error) { return d.Next.Update(ctx, t) })
}

// SetStatus implements [tenancy.Store].
func (d *Decorator) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	return write(ctx, d, "SetStatus", func(ctx context.Context) (tenancy.Tenant, error) { return d.Next.SetStatus(ctx, id, s) })
}

// BulkUpdateStatus implements [tenancy.Store].
func (d *Decorator) BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	return write(ctx, d, "BulkUpdateStatus", func(ctx context.Context) ([]tenancy.Tenant, error) {
		return d.Next.BulkUpdateStatus(ctx, ids, s)
	})
}

// UpdateMetadata implements [tenancy.Store].
func (d *Decorator) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	t, err := write(ctx, d, "UpdateMetadata", func(ctx context.Context) (patched, error) {
		t, err := d.Next.UpdateMetadata(ctx, id, patch)
		return patched(t), err
	})
	return tenancy.Tenant(t), err
}

// Delete implements [tenancy.Store].
func (d *Decorator) Delete(ctx context.Context, id string) error {
	_, err := write(ctx, d, "Delete", func(ctx context.Context) (deletion, error) { return deletion(id), d.Next.Delete(ctx, id) })
	return err
}

// Purge implements [tenancy.Store].
func (d *Decorator) Purge(ctx context.Context, id string) error {
	_, err := write(ctx, d, "Purge", func(ctx context.Context) (deletion, error) { return deletion(id), d.Next.Purge(ctx, id) })
	return err
}
