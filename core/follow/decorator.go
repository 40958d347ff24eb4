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

// ErrUnlogged is the error of a write that the database has accepted and its change log
// does not show. It is an ErrUnavailable.
var ErrUnlogged = fmt.Errorf("%w: the database has accepted the write, but its change log does not show it: "+
	"the triggers of the database are missing or disabled; run Migrate", tenancy.ErrUnavailable)

// Decorator is a store over the one whose log a Reader follows. Its writes return
// after they were followed, failed ones too: the change may have been committed all the
// same, and a conflict means that there is something new to read. Its log is that of the
// Reader. The store that embeds it answers the reads.
type Decorator struct {
	tenancy.Decorator
	source tenancy.Source // Next, or nil if that is none
	reader *Reader
	holder Holder
	calls  *inflight.Group
}

// Holder is what a store that embeds a Decorator knows of the tenants that it holds.
type Holder interface {
	// Agrees reports whether nothing is held of t as of the same change that is not equal.
	Agrees(ctx context.Context, t tenancy.Tenant) bool
	// Unfollowed is called when the log could not be read after a write: what is being
	// loaded is for nobody who comes later.
	Unfollowed()
	// Unlogged is called when the log does not show a write, and so will not say what of
	// that which is held is outdated.
	Unlogged(ctx context.Context)
}

// WriteCounter is a log that stands in for that of a store which has none: each write
// through the Decorator is a change of everything.
type WriteCounter interface{ CountWrite() }

// NewDecorator returns a Decorator over next, whose log is followed by reader. Without a
// log, which is then a [WriteCounter], it shows none.
func NewDecorator(next tenancy.Store, reader *Reader, holder Holder) Decorator {
	source, _ := tenancy.SourceOf(next)
	return Decorator{tenancy.Decorator{Next: next}, source, reader, holder, inflight.New(tenancy.ErrClosed)}
}

// Reader returns the reader of the change log, for others in the process that must know
// how far it was followed.
func (d *Decorator) Reader() *Reader { return d.reader }

// Call makes do a call of the store, which Close ends. Its error names op.
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

// Enter begins a call of the store, as Call does, and leaves it to the caller to end it.
func (d *Decorator) Enter(ctx context.Context) (*inflight.Call, error) { return d.calls.Enter(ctx) }

// Closed reports whether Close was called.
func (d *Decorator) Closed() bool { return d.calls.Over() }

// Go calls f in a goroutine, whose context Close ends.
func (d *Decorator) Go(f func(ctx context.Context)) { d.calls.Go(f) }

// closePatience is how long Close waits for each kind of work to end, once its context
// has.
const closePatience = time.Second

// Close ends the calls under way and the Reader, and closes the store below. It waits until
// they have ended, but not for those that ignore the end of their contexts.
func (d *Decorator) Close() error { return d.CloseAfter(nil, nil) }

// CloseAfter is Close for who has more to close before the store below: drain ends what else
// is under way, waits for that as long as patience, and returns how many calls are left;
// release is for what nothing uses any more. Either may be nil.
func (d *Decorator) CloseAfter(drain func(patience time.Duration) (left int64), release func() error) error {
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
