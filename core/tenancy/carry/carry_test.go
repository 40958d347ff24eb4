package carry_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
)

func newTenant(t *testing.T, tenant tenancy.Tenant) (*memstore.Store, tenancy.Tenant) {
	t.Helper()
	store := memstore.New()
	t.Cleanup(func() { _ = store.Close() })
	tenant.Identifier, tenant.Name = "acme", "Acme"
	tenant, err := store.Create(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return store, tenant
}

func injected(t *testing.T, tenant tenancy.Tenant) http.Header {
	t.Helper()
	h := http.Header{}
	if err := carry.Inject(tenancy.NewContext(t.Context(), tenant), h); err != nil {
		t.Fatal(err)
	}
	return h
}

// What is carried is ASCII and of one line, whatever the ID is.
func TestThereAndBack(t *testing.T) {
	for _, id := range []string{"", "acme", "a b%2F+ö", "漢字", strings.Repeat("ß", 255)} {
		store, tenant := newTenant(t, tenancy.Tenant{ID: id})
		h := injected(t, tenant)
		for _, c := range h.Get(carry.KeyID) {
			if c <= ' ' || c > '~' {
				t.Errorf("%q is carried as %q", id, h.Get(carry.KeyID))
			}
		}
		ctx, err := carry.Extract(t.Context(), store, resolve.Policy{}, h)
		if err != nil {
			t.Fatal(err)
		}
		if got := tenancy.MustFromContext(ctx); got != tenant {
			t.Errorf("got %+v, want %+v", got, tenant)
		}
	}
}

// The receiver decides by the tenant as it is now.
func TestExtractLooksAgain(t *testing.T) {
	store, tenant := newTenant(t, tenancy.Tenant{})
	h := injected(t, tenant)
	renamed, err := tenancy.Modify(t.Context(), store, tenant.ID, func(t *tenancy.Tenant) error { t.Identifier = "acme2"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := carry.Extract(t.Context(), store, resolve.Policy{}, h)
	if err != nil || tenancy.MustFromContext(ctx) != renamed {
		t.Errorf("after a rename: %v", err)
	}
	if _, err := store.SetStatus(t.Context(), tenant.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	if ctx, err := carry.Extract(t.Context(), store, resolve.Policy{}, h); ctx != nil || !errors.Is(err, resolve.ErrNotServed) || resolve.IsOutage(err) {
		t.Errorf("a suspended tenant: %v", err)
	}
	policy := resolve.Policy{Served: []tenancy.Status{tenancy.StatusSuspended}}
	if _, err := carry.Extract(t.Context(), store, policy, h); err != nil {
		t.Errorf("where suspended tenants are served: %v", err)
	}
	if err := store.Delete(t.Context(), tenant.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := carry.Extract(t.Context(), store, resolve.Policy{}, h); !errors.Is(err, resolve.ErrNotServed) || !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("a deleted tenant: %v", err)
	}
}

func TestExtractRefuses(t *testing.T) {
	store, tenant := newTenant(t, tenancy.Tenant{})
	for name, c := range map[string]struct {
		id, revision string
		want         error
	}{
		"nothing":         {"", "", resolve.ErrAbsent},
		"not escaped":     {"%zz", "", tenancy.ErrInvalid},
		"no ID":           {"a%00b", "", tenancy.ErrInvalid},
		"no revision":     {tenant.ID, "one", tenancy.ErrInvalid},
		"another":         {"other", "1", resolve.ErrNotServed},
		"only an ID":      {tenant.ID, "", nil},
		"from the future": {tenant.ID, "9223372036854775807", nil},
		"negative":        {tenant.ID, "-1", nil},
	} {
		h := http.Header{}
		h.Set(carry.KeyID, c.id)
		h.Set(carry.KeyRevision, c.revision)
		for _, policy := range []resolve.Policy{{}, {Optional: true, Hidden: true}} {
			if _, err := carry.Extract(t.Context(), store, policy, h); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	}
	if err := carry.Inject(t.Context(), http.Header{}); !errors.Is(err, resolve.ErrAbsent) {
		t.Errorf("Inject without a tenant: %v", err)
	}
	if _, err := carry.Extract(tenancy.NewContext(t.Context(), tenancy.Tenant{ID: "other"}), store, resolve.Policy{}, injected(t, tenant)); err == nil {
		t.Error("the context has another tenant")
	}
}

// behind is a cache that has not heard of the last changes.
type behind struct {
	*memstore.Store
	knows tenancy.Tenant
	load  error
	least tenancy.Revision
}

func (b *behind) GetByID(context.Context, string) (tenancy.Tenant, error) { return b.knows, nil }

func (b *behind) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	b.least = want[0].Min
	if b.load != nil {
		return nil, b.load
	}
	return b.Store.Load(ctx, want)
}

// A tenant that was activated for the work is served, though the receiver's cache is behind.
func TestExtractIsNotBehind(t *testing.T) {
	store, tenant := newTenant(t, tenancy.Tenant{Status: tenancy.StatusProvisioning})
	active, err := store.SetStatus(t.Context(), tenant.ID, tenancy.StatusActive)
	if err != nil {
		t.Fatal(err)
	}
	b := &behind{Store: store, knows: tenant}
	if _, err := carry.Extract(t.Context(), b, resolve.Policy{}, injected(t, active)); err != nil || b.least != active.Revision {
		t.Errorf("%v; it was asked for revision %d", err, b.least)
	}
	b.load = tenancy.ErrUnavailable
	if _, err := carry.Extract(t.Context(), b, resolve.Policy{}, injected(t, active)); !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, resolve.ErrNotServed) {
		t.Errorf("in an outage: %v", err)
	}
	b.load = errors.New("a driver's own")
	if _, err := carry.Extract(t.Context(), b, resolve.Policy{}, injected(t, active)); !resolve.IsOutage(err) || !errors.Is(err, b.load) {
		t.Errorf("of a store that does not complete its errors: %v", err)
	}
	b.load = tenancy.ErrCompacted // the database was restored
	if _, err := carry.Extract(t.Context(), b, resolve.Policy{}, injected(t, active)); !errors.Is(err, resolve.ErrNotServed) {
		t.Errorf("in a restored database: %v", err)
	}
}

// A worker logs the tenant as a request does.
func TestLogHandlerInAWorker(t *testing.T) {
	store, tenant := newTenant(t, tenancy.Tenant{})
	ctx, err := carry.Extract(t.Context(), store, resolve.Policy{}, injected(t, tenant))
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(tenancy.NewLogHandler(slog.NewTextHandler(&log, nil))).InfoContext(ctx, "done")
	if want := tenancy.TenantIDKey + "=" + tenant.ID; !strings.Contains(log.String(), want) {
		t.Errorf("the log has no %s: %s", want, log.String())
	}
}
