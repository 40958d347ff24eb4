package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// noted is a store that notes what it is asked, and fails if it is told to.
type noted struct {
	tenancy.Decorator
	calls []string
	fail  error
}

func (n *noted) note(op string) error {
	n.calls = append(n.calls, op)
	if n.fail != nil {
		return &tenancy.Error{Op: op, Err: n.fail}
	}
	return nil
}

func (n *noted) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	if err := n.note("List"); err != nil {
		return tenancy.Page{}, err
	}
	return n.Decorator.List(ctx, opts)
}

func (n *noted) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	if err := n.note("GetByID"); err != nil {
		return tenancy.Tenant{}, err
	}
	return n.Decorator.GetByID(ctx, id)
}

func (n *noted) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	if err := n.note("Update"); err != nil {
		return tenancy.Tenant{}, err
	}
	return n.Decorator.Update(ctx, t)
}

func (n *noted) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if err := n.note("Load"); err != nil {
		return nil, err
	}
	return n.Decorator.Load(ctx, want)
}

func (n *noted) took() []string {
	calls := n.calls
	n.calls = nil
	return calls
}

// seeded returns a store of n tenants: t0, t1 …
func seeded(t testing.TB, n int) *noted {
	t.Helper()
	s := &noted{Decorator: tenancy.Decorator{Next: memstore.New()}}
	for i := range n {
		_, err := s.Create(t.Context(), tenancy.Tenant{
			ID: fmt.Sprintf("t%d", i), Identifier: fmt.Sprintf("acme-%d", i), Name: fmt.Sprintf("Firma %d", i),
			CreatedAt: valid().CreatedAt.Add(time.Duration(i) * time.Second),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func ids(ts []tenancy.Tenant) string {
	var all []string
	for _, t := range ts {
		all = append(all, t.ID)
	}
	return strings.Join(all, " ")
}

func wantError(t *testing.T, what string, err, reason error, op string) {
	t.Helper()
	var e *tenancy.Error
	if !errors.As(err, &e) || !errors.Is(err, reason) || e.Op != op {
		t.Errorf("%s: error %v, want an *Error of %s that wraps %q", what, err, op, reason)
	}
}

func second[T any](_ T, err error) error { return err }
