package replica_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// open returns a replica of source, which the test closes.
func open(tb testing.TB, source tenancy.Source, opts ...replica.Option) *replica.Store {
	tb.Helper()
	opts = append([]replica.Option{replica.WithLogger(slog.New(slog.DiscardHandler)), replica.WithFollowTimeout(time.Minute)}, opts...)
	r, err := replica.New(source, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// synced returns a replica that is.
func synced(tb testing.TB, source tenancy.Source, opts ...replica.Option) *replica.Store {
	tb.Helper()
	r := open(tb, source, opts...)
	select {
	case <-r.Synced():
	case <-time.After(time.Minute):
		tb.Fatalf("not synced: %+v", r.State())
	}
	return r
}

func create(tb testing.TB, s tenancy.Store, identifier string) tenancy.Tenant {
	tb.Helper()
	t, err := s.Create(context.Background(), tenancy.Tenant{Identifier: identifier, Name: identifier})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func TestReadsComeFromMemory(t *testing.T) {
	db := memstore.New()
	acme := create(t, db, "acme")
	r := synced(t, db)
	got, err := r.GetByIdentifier(t.Context(), "acme")
	if err != nil || got != acme {
		t.Errorf("got %v, %v", got, err)
	}
	suspended, err := r.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.GetByID(t.Context(), acme.ID); err != nil || got != suspended {
		t.Errorf("got %v, %v", got, err)
	}
}
