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

func TestActor(t *testing.T) {
	ctx := t.Context()
	if actor := tenancy.ActorFrom(ctx); actor != "" {
		t.Errorf("out of nowhere: %q", actor)
	}
	long := strings.Repeat("é", tenancy.MaxActorRunes)
	for given, want := range map[string]string{
		"":                            "",
		"alice@example.com":           "alice@example.com",
		"Ünal 😀":                      "Ünal 😀",
		"a\nb\x00c\u202ed\u2028e\xff": "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd",
		long + "é":                    long,
	} {
		if got := tenancy.ActorFrom(tenancy.WithActor(ctx, given)); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
	ctx = tenancy.WithActor(tenancy.WithActor(ctx, "outer"), "inner")
	if actor := tenancy.ActorFrom(context.WithoutCancel(ctx)); actor != "inner" {
		t.Errorf("inner: %q", actor)
	}
}
