//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestHungDatabase: while PostgreSQL hangs under calls that have no deadline, what is
// cached is served, a call with a deadline ends with that, and Close ends the others.
func TestHungDatabase(t *testing.T) {
	postgres := servers.NewPostgres(t, servers.PostgresOptions{})
	primary, err := bunpg.Open(t.Context(), postgres.DSN())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ristrettotier.New(primary, ristrettotier.WithTier(tier.WithMaxStale(-1)))
	if err != nil {
		t.Fatal(errors.Join(err, primary.Close()))
	}
	defer func() { _ = s.Close() }()
	acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetByID(t.Context(), acme.ID); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Pause(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := postgres.Resume(); err != nil {
			t.Error(err)
		}
	}()

	calls := map[string]func(ctx context.Context) error{
		"SetStatus": func(ctx context.Context) error {
			_, err := s.SetStatus(ctx, "another", tenancy.StatusSuspended)
			return err
		},
		"List":    func(ctx context.Context) error { _, err := s.List(ctx, tenancy.ListOptions{}); return err },
		"GetByID": func(ctx context.Context) error { _, err := s.GetByID(ctx, "another"); return err },
		"fresh":   func(ctx context.Context) error { _, err := tenancy.Fresh(s).GetByID(ctx, acme.ID); return err },
		"CreateBatch": func(ctx context.Context) error {
			_, err := s.CreateBatch(ctx, []tenancy.Tenant{{Identifier: "bolt", Name: "Bolt"}})
			return err
		},
	}
	ended := make(chan error, len(calls)+1)
	for op, call := range calls {
		go func() { ended <- wrongly(op, call(context.Background()), tenancy.ErrClosed, tenancy.ErrUnavailable) }()
	}
	go func() {
		ended <- wrongly("follow.Run", follow.Run(context.Background(), s, follow.Handler{}), tenancy.ErrClosed)
	}()
	for range 3 {
		if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
			t.Errorf("a cached tenant: %+v, %v", got, err)
		}
		time.Sleep(300 * time.Millisecond) // an outage of some length
	}
	for op, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := wrongly(op+" with a deadline", call(ctx), context.DeadlineExceeded, tenancy.ErrUnavailable); err != nil {
			t.Error(err)
		}
		cancel()
	}
	begun := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("Close took %v", time.Since(begun))
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if _, err := s.GetByID(t.Context(), acme.ID); !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

// wrongly returns nil if err is one of those that are wanted.
func wrongly(op string, err error, want ...error) error {
	for _, w := range want {
		if errors.Is(err, w) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w, want %v", op, err, want)
}
