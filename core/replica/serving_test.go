package replica

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// crossed is a world where a read of the source and the reader of the log cross.
type crossed struct {
	*world
	count   func()        // called once, before the source counts
	changes chan struct{} // closed when the log can be read
}

func (c *crossed) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	if c.count != nil {
		c.count()
		c.count = nil
	}
	return c.world.Count(ctx, filter)
}

func (c *crossed) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if c.changes != nil {
		select {
		case <-c.changes:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return c.world.Changes(ctx, after, limit)
}

// What was read from the source is not followed by something older from memory, though
// the tenant that had changed has changed again before it was loaded.
func TestAReadOfTheSourceDoesNotGoBackToMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crossed{world: &world{Store: memstore.New()}}
		acme := c.create("acme")
		r, err := New(c, WithLogger(slog.New(slog.DiscardHandler)), WithFollowTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		settle()
		suspended := tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusSuspended}}
		c.count = func() { // memory is served again, and then there is a change
			settle()
			c.load = func() { acme = c.rename(acme, "acme-two") }
			c.loaded = func() {
				c.changes = make(chan struct{})
				time.AfterFunc(time.Second, func() { close(c.changes) })
			}
			acme = c.suspend(acme)
		}
		r.reader.Rescan() // until it is finished, reads go to the source
		for range 2 {
			if n, err := r.Count(t.Context(), suspended); n != 1 || err != nil {
				t.Errorf("%d suspended tenants, %v, want 1", n, err)
			}
		}
	})
}

// Tenants that may not be served are not shown as all that there are.
func TestAllFailsWhereNothingIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := make(chan struct{})
		w := &world{Store: memstore.New(), bounds: func() { <-begin }}
		for _, identifier := range []string{"acme", "bolt", "cord"} {
			w.create(identifier)
		}
		r, err := New(w, WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		count := func() (n int, err error) {
			for _, e := range r.All() {
				if e != nil {
					return n, e
				}
				n++
			}
			return n, nil
		}
		if n, err := count(); n != 0 || !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("before it is synced: %d, %v, want ErrUnavailable", n, err)
		}
		close(begin)
		settle()
		if n, err := count(); n != 3 || err != nil {
			t.Errorf("%d tenants, %v, want 3", n, err)
		}
		for _, err := range r.All() {
			if err != nil {
				t.Error(err)
			}
			break // which is the end of it
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if n, err := count(); n != 0 || !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("after Close: %d, %v, want ErrUnavailable", n, err)
		}
	})
}

// capturing tries to write the snapshot file just when there are too many tenants.
type capturing struct {
	*loader
	captured *bool
}

func (c capturing) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	err := c.loader.Load(ctx, r, changes)
	if c.isRefused() {
		if _, _, _, ok := c.capture(); ok {
			*c.captured = true
		}
	}
	return err
}

// A replica that holds no tenants, because there are too many, does not write a file that
// says that there are none.
func TestNoFileOfTooManyTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, captured := &world{Store: memstore.New()}, false
		w.create("acme")
		r, err := open(w, []Option{WithMaxTenants(1), WithLogger(slog.New(slog.DiscardHandler))},
			func(l *loader) follow.Loader { return capturing{l, &captured} })
		if err != nil {
			t.Fatal(err)
		}
		settle()
		w.create("bolt")
		settle()
		if phase := r.State().Phase; phase != PhaseRefused || captured {
			t.Errorf("phase %s; a file of no tenants is written: %t", phase, captured)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
