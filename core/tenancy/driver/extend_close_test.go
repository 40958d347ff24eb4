package driver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// hung is a Backend that answers nothing until a call's context ends, as one whose
// database hangs.
type hung struct{ closed bool }

func wait[T any](ctx context.Context) (none T, err error) {
	<-ctx.Done()
	return none, ctx.Err()
}

func (h *hung) GetByID(ctx context.Context, _ string) (tenancy.Tenant, error) {
	return wait[tenancy.Tenant](ctx)
}

func (h *hung) GetByIdentifier(ctx context.Context, _ string) (tenancy.Tenant, error) {
	return wait[tenancy.Tenant](ctx)
}

func (h *hung) ListAfter(ctx context.Context, _ tenancy.ListOptions, _ driver.ListKey) (tenancy.Page, error) {
	return wait[tenancy.Page](ctx)
}

func (h *hung) Create(ctx context.Context, _ tenancy.Tenant) (tenancy.Tenant, error) {
	return wait[tenancy.Tenant](ctx)
}

func (h *hung) Update(ctx context.Context, _ tenancy.Tenant) (tenancy.Tenant, error) {
	return wait[tenancy.Tenant](ctx)
}

func (h *hung) BulkUpdateStatus(ctx context.Context, _ []string, _ tenancy.Status) ([]tenancy.Tenant, error) {
	return wait[[]tenancy.Tenant](ctx)
}

func (h *hung) UpdateMetadata(ctx context.Context, _ string, _ tenancy.Metadata) (tenancy.Tenant, error) {
	return wait[tenancy.Tenant](ctx)
}
func (h *hung) Delete(ctx context.Context, _ string) error { _, err := wait[int](ctx); return err }
func (h *hung) Purge(ctx context.Context, _ string) error  { return h.Delete(ctx, "") }

func (h *hung) CreateBatch(ctx context.Context, _ []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return wait[[]tenancy.CreateResult](ctx)
}
func (h *hung) Bounds(ctx context.Context) (tenancy.Bounds, error) { return wait[tenancy.Bounds](ctx) }

func (h *hung) Load(ctx context.Context, _ []tenancy.Lookup) ([]tenancy.Versioned, error) {
	return wait[[]tenancy.Versioned](ctx)
}

func (h *hung) Changes(ctx context.Context, _ tenancy.Position, _ int) ([]tenancy.Change, error) {
	return wait[[]tenancy.Change](ctx)
}

func (h *hung) Wait(ctx context.Context, _ tenancy.Position) error {
	_, err := wait[struct{}](ctx)
	return err
}

func (h *hung) Close() error {
	h.closed = true
	return nil
}

// overwritten is a tenant that Update takes whatever is stored.
func overwritten() tenancy.Tenant {
	t := valid()
	t.Revision = tenancy.AnyRevision
	return t
}

// Close ends whatever call a database that hangs does not answer, none of which has a
// deadline.
func TestCloseEndsCallsUnderWay(t *testing.T) {
	drop := func(_ any, err error) error { return err }
	for op, call := range map[string]func(ctx context.Context, s *driver.Extended) error{
		"GetByID":         func(ctx context.Context, s *driver.Extended) error { return drop(s.GetByID(ctx, "t1")) },
		"GetByIdentifier": func(ctx context.Context, s *driver.Extended) error { return drop(s.GetByIdentifier(ctx, "acme")) },
		"GetByIDs":        func(ctx context.Context, s *driver.Extended) error { return drop(s.GetByIDs(ctx, []string{"t1"})) },
		"Exists":          func(ctx context.Context, s *driver.Extended) error { return drop(s.Exists(ctx, "t1")) },
		"List":            func(ctx context.Context, s *driver.Extended) error { return drop(s.List(ctx, tenancy.ListOptions{})) },
		"Count":           func(ctx context.Context, s *driver.Extended) error { return drop(s.Count(ctx, tenancy.Filter{})) },
		"Search": func(ctx context.Context, s *driver.Extended) error {
			return drop(s.Search(ctx, "", tenancy.SearchOptions{}))
		},
		"Create": func(ctx context.Context, s *driver.Extended) error { return drop(s.Create(ctx, valid())) },
		"CreateBatch": func(ctx context.Context, s *driver.Extended) error {
			return drop(s.CreateBatch(ctx, []tenancy.Tenant{valid()}))
		},
		"Update": func(ctx context.Context, s *driver.Extended) error { return drop(s.Update(ctx, overwritten())) },
		"SetStatus": func(ctx context.Context, s *driver.Extended) error {
			return drop(s.SetStatus(ctx, "t1", tenancy.StatusActive))
		},
		"BulkUpdateStatus": func(ctx context.Context, s *driver.Extended) error {
			return drop(s.BulkUpdateStatus(ctx, []string{"t1"}, tenancy.StatusActive))
		},
		"UpdateMetadata": func(ctx context.Context, s *driver.Extended) error {
			return drop(s.UpdateMetadata(ctx, "t1", tenancy.Metadata{}))
		},
		"Delete": func(ctx context.Context, s *driver.Extended) error { return s.Delete(ctx, "t1") },
		"Purge":  func(ctx context.Context, s *driver.Extended) error { return s.Purge(ctx, "t1") },
		"Bounds": func(ctx context.Context, s *driver.Extended) error { return drop(s.Bounds(ctx)) },
		"Load":   func(ctx context.Context, s *driver.Extended) error { return drop(s.Load(ctx, nil)) },
		"Changes": func(ctx context.Context, s *driver.Extended) error {
			return drop(s.Changes(ctx, tenancy.Position{}, 0))
		},
		"Wait": func(ctx context.Context, s *driver.Extended) error { return s.Wait(ctx, tenancy.Position{}) },
	} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &hung{}
				s := extend(t, b)
				got := make(chan error)
				for _, ctx := range []context.Context{context.Background(), t.Context()} {
					go func() { got <- call(ctx, s) }()
				}
				synctest.Wait()
				if err := s.Close(); err != nil || !b.closed {
					t.Errorf("Close: %v; the backend is closed: %t", err, b.closed)
				}
				for range 2 {
					wantError(t, "under way", <-got, tenancy.ErrClosed, op)
				}
				wantError(t, "after Close", call(context.Background(), s), tenancy.ErrClosed, op)
			})
		})
	}
}

// The end of the caller's own context is not taken for the end of the store.
func TestCallersContextEndsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := extend(t, &hung{})
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error)
		go func() {
			_, err := s.GetByID(ctx, "t1")
			got <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) || errors.Is(err, tenancy.ErrClosed) {
			t.Errorf("%v, want context.Canceled alone", err)
		}
	})
}
