package tenancy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestContext(t *testing.T) {
	ctx := t.Context()
	if tenant, ok := tenancy.FromContext(ctx); ok || tenant != (tenancy.Tenant{}) {
		t.Errorf("out of nowhere: %+v", tenant)
	}
	outer := tenancy.NewContext(ctx, tenancy.Tenant{ID: "outer"})
	inner, cancel := context.WithCancel(tenancy.NewContext(outer, tenancy.Tenant{ID: "inner"}))
	defer cancel()
	if tenant, ok := tenancy.FromContext(inner); !ok || tenant.ID != "inner" || tenancy.MustFromContext(inner) != tenant {
		t.Errorf("inner: %+v", tenant)
	}
	if tenant, ok := tenancy.FromContext(outer); !ok || tenant.ID != "outer" {
		t.Errorf("outer: %+v", tenant)
	}
	defer func() {
		if text, ok := recover().(string); !ok || !strings.Contains(text, "middleware") {
			t.Errorf("the panic should say what to do: %q", text)
		}
	}()
	tenancy.MustFromContext(ctx)
}
